// The Received-SPF field (RFC 7208 9.1).
#include <algorithm>

#include "core/base/text.hpp"
#include "mail/field_body.hpp"
#include "mail/spf.hpp"

namespace gatepost::mail {
namespace {

constexpr std::size_t line_length = 78;

/// dot-atom-text of RFC 5322 3.2.3
bool is_dot_atom(std::string_view text) {
  char before = '.';
  for (const char c : text) {
    if (c == '.' ? before == '.' : !is_atext(c)) return false;
    before = c;
  }
  return before != '.';
}

/// Between `open` and `close`, with a backslash before what would end it.
std::string enclosed(char open, std::string_view text, char close) {
  std::string out(1, open);
  out.reserve(text.size() + 8);
  const auto ends = [&](char c) { return c == open || c == close || c == '\\'; };
  while (true) {
    const auto run = std::find_if(text.begin(), text.end(), ends) - text.begin();
    out.append(text, 0, static_cast<std::size_t>(run));
    text.remove_prefix(static_cast<std::size_t>(run));
    if (text.empty()) return out += close;
    out.append({'\\', text.front()});
    text.remove_prefix(1);
  }
}

/// A value of the key-value-list, from foreign text.
std::string value(std::string_view foreign) {
  const auto safe = base::reply_safe(foreign, 320);
  return is_dot_atom(safe) ? safe : enclosed('"', safe, '"');
}

/// For people: what the result means (RFC 7208 2.6).
std::string meaning(const SpfQuestion& question, const SpfAnswer& answer) {
  const auto domain = "domain of " + answer.sender;
  const auto client = question.client.to_string();
  switch (answer.result) {
    case SpfResult::none: return domain + " does not designate permitted sender hosts";
    case SpfResult::neutral: return client + " is neither permitted nor denied by " + domain;
    case SpfResult::pass: return domain + " designates " + client + " as permitted sender";
    case SpfResult::fail: return domain + " does not designate " + client + " as permitted sender";
    case SpfResult::softfail:
      return "transitioning " + domain + " does not designate " + client + " as permitted sender";
    case SpfResult::temperror: return "temporary error in processing " + domain;
    case SpfResult::permerror: break;
  }
  return "permanent error in processing " + domain;
}

/// What the result means, as a comment.
std::string comment(const SpfQuestion& question, const SpfAnswer& answer) {
  const auto said = (question.receiver.empty() ? "" : question.receiver + ": ") + meaning(question, answer);
  return enclosed('(', base::reply_safe(said, 640), ')');
}

std::string key_value_list(const SpfQuestion& question, const SpfAnswer& answer) {
  const bool helo = question.identity == SpfIdentity::helo;
  const bool error = answer.result == SpfResult::permerror || answer.result == SpfResult::temperror;
  std::string list = "client-ip=" + value(question.client.to_string());
  const auto add = [&](std::string_view key, std::string_view foreign) {
    if (!foreign.empty()) list.append("; ").append(key).append("=").append(value(foreign));
  };
  if (!helo) add("envelope-from", answer.sender);
  add("helo", question.helo);
  add("receiver", question.receiver);
  add("identity", helo ? "helo" : "mailfrom");
  add(error ? "problem" : "mechanism", error ? answer.problem : answer.mechanism);
  return list;
}

/// Breaks lines in front of spaces; a space before another one stays where it is, so that no line is blank.
std::string folded(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 32);
  while (text.size() > line_length) {
    auto end = text.find_last_of(' ', line_length);
    if (end == std::string_view::npos || end == 0) end = text.find(' ', 1);
    while (end != std::string_view::npos && end + 1 < text.size() && text[end + 1] == ' ') ++end;
    if (end == std::string_view::npos) break;
    out.append(text.substr(0, end)).append("\r\n");
    text.remove_prefix(end);
  }
  return out.append(text).append("\r\n");
}

}  // namespace

std::string received_spf_field(const SpfQuestion& question, const SpfAnswer& answer) {
  return folded("Received-SPF: " + std::string(name_of(answer.result)) + " " + comment(question, answer) +
                " " + key_value_list(question, answer));
}

}  // namespace gatepost::mail
