// Command lines and their arguments, with and without the extensions.
#include "fuzz_input.hpp"
#include "smtp/command.hpp"

using namespace gatepost;
using fuzz::require;

namespace {

smtp::Extensions everything() {
  smtp::Extensions all;
  for (std::size_t i = 0; i < smtp::extension_names.size(); ++i) all.add(static_cast<smtp::Extension>(i));
  return all;
}

/// A refusal is a whole SMTP reply of lines that fit.
void check(const std::optional<smtp::Reply>& refusal) {
  if (!refusal) return;
  require(refusal->code() >= 500 && refusal->code() < 600);
  const auto wire = refusal->wire();
  require(wire.ends_with("\r\n") && wire.size() <= 1024);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto split = smtp::split_command(line);
  for (const auto& offered : {smtp::Extensions{}, everything()}) {
    const auto mail = smtp::parse_mail(split.argument, offered);
    check(mail.refusal);
    if (!mail.refusal) {
      require(mail.value.path.null || !mail.value.path.mailbox.text().empty());
      require(mail.value.parameters.smtputf8 || !mail.value.path.mailbox.non_ascii());
      require(mail.value.parameters.dsn.empty() || offered.has(smtp::Extension::dsn));
      require(mail.value.parameters.dsn.find_first_of("\r\n") == std::string::npos);
    }
    const auto rcpt = smtp::parse_rcpt(split.argument, offered, false);
    check(rcpt.refusal);
    if (!rcpt.refusal) require(!rcpt.value.path.null && !rcpt.value.path.mailbox.non_ascii());
    check(smtp::parse_bdat(split.argument).refusal);
  }
  smtp::valid_helo(split.argument);
  return 0;
}
