// The form by which senders are recognised: made of any octets, never longer than them, and its own form.
#include "fuzz_input.hpp"
#include "mail/sender_form.hpp"

using namespace gatepost;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto form = mail::sender_form(text);
  require(form.size() <= text.size());
  require(mail::sender_form(form) == form);
  const auto mailbox = mail::Mailbox::parse(text);
  if (mailbox) {
    const auto same = mail::sender_form(*mailbox);
    require(!same.empty() && same.size() <= mailbox->key().size() && mail::sender_form(same) == same);
  }
  return 0;
}
