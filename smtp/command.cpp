#include "smtp/command.hpp"

#include <algorithm>

#include "core/base/text.hpp"

namespace gatepost::smtp {
namespace {

struct VerbName {
  std::string_view name;
  Verb verb;
};

constexpr std::array verbs{
    VerbName{"MAIL", Verb::mail},        VerbName{"RCPT", Verb::rcpt},
    VerbName{"DATA", Verb::data},        VerbName{"BDAT", Verb::bdat},
    VerbName{"EHLO", Verb::ehlo},        VerbName{"HELO", Verb::helo},
    VerbName{"QUIT", Verb::quit},        VerbName{"RSET", Verb::rset},
    VerbName{"NOOP", Verb::noop},        VerbName{"STARTTLS", Verb::starttls},
    VerbName{"VRFY", Verb::vrfy},        VerbName{"HELP", Verb::help},
    VerbName{"EXPN", Verb::not_offered}, VerbName{"TURN", Verb::not_offered},
    VerbName{"ETRN", Verb::not_offered}, VerbName{"ATRN", Verb::not_offered},
    VerbName{"SEND", Verb::not_offered}, VerbName{"SOML", Verb::not_offered},
    VerbName{"SAML", Verb::not_offered}, VerbName{"AUTH", Verb::auth},
    VerbName{"GET", Verb::foreign},      VerbName{"POST", Verb::foreign},
    VerbName{"CONNECT", Verb::foreign},  VerbName{"HEAD", Verb::foreign},
    VerbName{"PUT", Verb::foreign},      VerbName{"OPTIONS", Verb::foreign},
    VerbName{"PROXY", Verb::proxy},
};

/// Takes "FROM:" or "TO:" off the front.
bool take_prefix(std::string_view& argument, std::string_view prefix) {
  if (!base::istarts_with(argument, prefix)) return false;
  argument.remove_prefix(prefix.size());
  return true;
}

bool is_esmtp_value(std::string_view value) {
  return !value.empty() && std::all_of(value.begin(), value.end(),
                                       [](char c) { return !base::is_control(c) && c != ' ' && c != '='; });
}

/// Walks "KEY=VALUE KEY ..."; `take` says Say::mail_ok for what it took, else what is wrong.
template <class Take>
std::optional<Reply> parse_parameters(std::string_view text, Take take) {
  if (!text.empty() && text.front() != ' ') return std::nullopt;
  for (text = base::trim(text); !text.empty(); text = base::trim(text)) {
    auto value = base::split_off(text, ' ');
    const bool assigned = value.find('=') != std::string_view::npos;
    const auto key = base::split_off(value, '=');
    const Say verdict = assigned && !is_esmtp_value(value) ? Say::bad_parameter : take(key, value, assigned);
    if (verdict != Say::mail_ok) return reply(verdict, {base::to_upper(key)});
  }
  return std::nullopt;
}

/// Is `key` among parameters that were gathered as text?
bool is_given(std::string_view parameters, std::string_view key) {
  return parameters.find(" " + base::to_upper(key) + "=") != std::string_view::npos;
}

Say take_mail_parameter(MailParameters& p, const Extensions& offered, std::string_view key,
                        std::string_view value, bool assigned) {
  if (base::iequals(key, "SIZE")) {
    std::uint64_t size = 0;
    if (p.size || !base::parse_number(value, size)) return Say::bad_parameter;
    p.size = size;
    return Say::mail_ok;
  }
  if (base::iequals(key, "BODY") && offered.has(Extension::eight_bit_mime)) {
    if (p.body != BodyType::unspecified) return Say::bad_parameter;
    if (base::iequals(value, "BINARYMIME")) return Say::unknown_parameter;
    const bool eight = base::iequals(value, "8BITMIME");
    if (!eight && !base::iequals(value, "7BIT")) return Say::bad_parameter;
    p.body = eight ? BodyType::eight_bit_mime : BodyType::seven_bit;
    return Say::mail_ok;
  }
  if (base::iequals(key, "SMTPUTF8") && offered.has(Extension::smtputf8)) {
    if (assigned || p.smtputf8) return Say::bad_parameter;
    p.smtputf8 = true;
    return Say::mail_ok;
  }
  if (offered.has(Extension::dsn) && (base::iequals(key, "RET") || base::iequals(key, "ENVID"))) {
    if (!assigned ||
        (base::iequals(key, "RET") && !base::iequals(value, "FULL") && !base::iequals(value, "HDRS")))
      return Say::bad_parameter;
    if (!base::is_ascii(value) || value.size() > 100 || is_given(p.dsn, key)) return Say::bad_parameter;
    p.dsn.append(" ").append(base::to_upper(key)).append("=").append(value);
    return Say::mail_ok;
  }
  return Say::unknown_parameter;
}

bool is_notify(std::string_view value) {
  if (value.empty() || value.ends_with(',')) return false;
  if (base::iequals(value, "NEVER")) return true;
  while (!value.empty()) {
    const auto word = base::split_off(value, ',');
    if (!base::iequals(word, "SUCCESS") && !base::iequals(word, "FAILURE") && !base::iequals(word, "DELAY"))
      return false;
  }
  return true;
}

Say take_rcpt_parameter(RcptCommand& command, const Extensions& offered, std::string_view key,
                        std::string_view value, bool assigned) {
  const bool notify = base::iequals(key, "NOTIFY");
  if (!offered.has(Extension::dsn) || (!notify && !base::iequals(key, "ORCPT")))
    return Say::unknown_parameter;
  if (!assigned || (notify && !is_notify(value)) || (!notify && value.find(';') == std::string_view::npos))
    return Say::bad_parameter;
  if (!base::is_ascii(value) || value.size() > 500 || is_given(command.dsn, key)) return Say::bad_parameter;
  command.dsn.append(" ").append(base::to_upper(key)).append("=").append(value);
  return Say::mail_ok;
}

struct PathTexts {
  Say syntax;
  Say domain;
  Say too_long;
};

std::optional<Reply> refuse_path(const mail::Path& path, const PathTexts& texts) {
  switch (path.error) {
    case mail::PathError::none: break;
    case mail::PathError::syntax: return reply(texts.syntax);
    case mail::PathError::domain: return reply(texts.domain);
    case mail::PathError::too_long: return reply(texts.too_long);
  }
  if (!path.rest.empty() && path.rest.front() != ' ') return reply(texts.syntax);
  return std::nullopt;
}

}  // namespace

CommandLine split_command(std::string_view line) {
  CommandLine split;
  auto end = line.find_first_of(" \t");
  if (end == std::string_view::npos) end = line.size();
  split.word = line.substr(0, end);
  split.argument = base::trim(line.substr(end));
  for (const auto& known : verbs) {
    if (base::iequals(split.word, known.name)) split.verb = known.verb;
  }
  return split;
}

Parsed<MailCommand> parse_mail(std::string_view argument, const Extensions& offered) {
  Parsed<MailCommand> parsed;
  if (!take_prefix(argument, "FROM:")) {
    parsed.refusal = reply(Say::bad_arguments, {"MAIL"});
    return parsed;
  }
  auto& [path, parameters] = parsed.value;
  path = mail::parse_path(argument);
  parsed.refusal =
      refuse_path(path, {Say::bad_reverse_path, Say::bad_reverse_domain, Say::reverse_path_too_long});
  if (parsed.refusal) return parsed;
  parsed.refusal =
      parse_parameters(path.rest, [&](std::string_view key, std::string_view value, bool assigned) {
        return take_mail_parameter(parameters, offered, key, value, assigned);
      });
  if (!parsed.refusal && path.mailbox.non_ascii() && !parameters.smtputf8)
    parsed.refusal = reply(Say::needs_smtputf8);
  return parsed;
}

Parsed<RcptCommand> parse_rcpt(std::string_view argument, const Extensions& offered, bool smtputf8) {
  Parsed<RcptCommand> parsed;
  if (!take_prefix(argument, "TO:")) {
    parsed.refusal = reply(Say::bad_arguments, {"RCPT"});
    return parsed;
  }
  auto& path = parsed.value.path;
  path = mail::parse_path(argument);
  parsed.refusal =
      path.null
          ? reply(Say::bad_forward_path)
          : refuse_path(path, {Say::bad_forward_path, Say::bad_forward_domain, Say::forward_path_too_long});
  if (parsed.refusal) return parsed;
  parsed.refusal =
      parse_parameters(path.rest, [&](std::string_view key, std::string_view value, bool assigned) {
        return take_rcpt_parameter(parsed.value, offered, key, value, assigned);
      });
  if (!parsed.refusal && path.mailbox.non_ascii() && !smtputf8) parsed.refusal = reply(Say::needs_smtputf8);
  return parsed;
}

Parsed<BdatCommand> parse_bdat(std::string_view argument) {
  Parsed<BdatCommand> parsed;
  auto size = base::split_off(argument, ' ');
  const auto last = base::trim(argument);
  parsed.value.last = base::iequals(last, "LAST");
  if (!base::parse_number(size, parsed.value.size) || parsed.value.size > INT64_MAX ||
      (!last.empty() && !parsed.value.last)) {
    parsed.refusal = reply(Say::bad_arguments, {"BDAT"});
    if (last.empty() || parsed.value.size > INT64_MAX) parsed.value.size = 0;
  }
  return parsed;
}

bool valid_helo(std::string_view argument) {
  const auto name = argument.substr(0, argument.find(' '));
  return !name.empty() && name.size() <= 255 && std::none_of(name.begin(), name.end(), [](char c) {
    return base::is_control(c) || base::is_high(c);
  });
}

}  // namespace gatepost::smtp
