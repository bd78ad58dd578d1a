// Paths: what is taken reads the same again, compares by its key, and is fit for a command and a trace field.
#include "fuzz_input.hpp"
#include "mail/address.hpp"
#include "mail/received.hpp"

using namespace gatepost;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto path = mail::parse_path(text);
  mail::address_key(text);
  if (path.error != mail::PathError::none || path.null) return 0;
  const auto& mailbox = path.mailbox;
  for (const char c : mailbox.text()) require(c != '\r' && c != '\n' && c != '\0' && c != '\x7f');
  require(mailbox.text().size() <= 254);
  const auto again = mail::parse_path("<" + mailbox.text() + ">");
  require(again.error == mail::PathError::none && again.mailbox.text() == mailbox.text() &&
          again.mailbox.key() == mailbox.key() && again.rest.empty());
  if (mailbox.has_domain()) require(mail::domain_key(mailbox.domain_key()) == mailbox.domain_key());
  const auto field =
      mail::received_field({text, text, {}, "mx.example.org", "ESMTP", "", "ID", mailbox.text(), {}});
  std::size_t lines = 0;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '\n') continue;
    require(i > 0 && field[i - 1] == '\r');
    require(i + 1 == field.size() || field[i + 1] == '\t');
    ++lines;
  }
  require(lines == 3);
  return 0;
}
