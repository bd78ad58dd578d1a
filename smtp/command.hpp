// SMTP commands as parsed values (RFC 5321 4.1, with the parameters of the extensions we offer).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mail/address.hpp"
#include "smtp/extensions.hpp"
#include "smtp/replies.hpp"

namespace gatepost::smtp {

enum class Verb : std::uint8_t {
  helo,
  ehlo,
  mail,
  rcpt,
  data,
  bdat,
  rset,
  noop,
  vrfy,
  help,
  quit,
  starttls,
  not_offered,  ///< EXPN, TURN and other commands that exist, but not here
  auth,
  foreign,  ///< another protocol's first line: GET, POST, CONNECT ...
  proxy,    ///< a PROXY header where none belongs
  unknown,
};

/// A line split in verb and argument.
struct CommandLine {
  Verb verb = Verb::unknown;
  std::string_view word;      ///< as the client wrote it
  std::string_view argument;  ///< trimmed
};
CommandLine split_command(std::string_view line);

enum class BodyType : std::uint8_t { unspecified, seven_bit, eight_bit_mime };

struct MailParameters {
  std::optional<std::uint64_t> size;
  BodyType body = BodyType::unspecified;
  bool smtputf8 = false;
  /// RET and ENVID as the client wrote them, for a backend with DSN; usually none.
  std::string dsn;
};

struct MailCommand {
  mail::Path path;
  MailParameters parameters;
};

struct RcptCommand {
  mail::Path path;
  /// NOTIFY and ORCPT as the client wrote them.
  std::string dsn;
};

struct BdatCommand {
  std::uint64_t size = 0;
  bool last = false;
};

/// Either what was asked for, or the reply that says what is wrong with it.
template <class T>
struct Parsed {
  T value{};
  std::optional<Reply> refusal;
};

/// `offered`: what the session's EHLO offered; parameters of other extensions are refused with 555.
Parsed<MailCommand> parse_mail(std::string_view argument, const Extensions& offered);
/// `smtputf8`: MAIL had it.
Parsed<RcptCommand> parse_rcpt(std::string_view argument, const Extensions& offered, bool smtputf8);
Parsed<BdatCommand> parse_bdat(std::string_view argument);
/// HELO's and EHLO's argument: a domain or address literal, nothing printed that is not ASCII. Spaces and
/// what follows them are ignored, underscores and other oddities are left to the checks.
bool valid_helo(std::string_view argument);

}  // namespace gatepost::smtp
