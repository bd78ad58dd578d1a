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

constexpr OctetSet needs_escape_in_comment([](char c) { return c == '(' || c == ')' || c == '\\'; });
constexpr OctetSet needs_escape_in_string([](char c) { return c == '"' || c == '\\'; });

/// Puts the end of `out`, from `from` on, between `open` and `close`, with a backslash before what would end
/// it.
void enclose(std::string& out, std::size_t from, char open, char close, const OctetSet& needs_escape) {
  const auto next = [&](std::size_t at) {
    const auto rest = std::string_view(out).substr(at);
    const auto found = std::find_if(rest.begin(), rest.end(), [&](char c) { return needs_escape(c); });
    return at + static_cast<std::size_t>(found - rest.begin());
  };
  for (auto at = next(from); at < out.size(); at = next(at + 2)) out.insert(at, 1, '\\');
  out.insert(from, 1, open);
  out += close;
}

/// A value of the key-value-list, from foreign text.
void append_value(std::string& out, std::string_view foreign) {
  const auto from = out.size();
  out += base::reply_safe(foreign, 320);
  if (!is_dot_atom(std::string_view(out).substr(from))) enclose(out, from, '"', '"', needs_escape_in_string);
}

/// For people: what the result means (RFC 7208 2.6).
std::string meaning(const SpfAnswer& answer, const std::string& client) {
  const auto domain = "domain of " + answer.sender;
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
void append_comment(std::string& out, const SpfQuestion& question, const SpfAnswer& answer,
                    const std::string& client) {
  auto said = meaning(answer, client);
  if (!question.receiver.empty()) said.insert(0, ": ").insert(0, question.receiver);
  const auto from = out.size();
  out += base::reply_safe(said, 640);
  enclose(out, from, '(', ')', needs_escape_in_comment);
}

void append_key_value_list(std::string& out, const SpfQuestion& question, const SpfAnswer& answer,
                           const std::string& client) {
  const bool helo = question.identity == SpfIdentity::helo;
  const bool error = answer.result == SpfResult::permerror || answer.result == SpfResult::temperror;
  out += "client-ip=";
  append_value(out, client);
  const auto add = [&](std::string_view key, std::string_view foreign) {
    if (foreign.empty()) return;
    out.append("; ").append(key).append("=");
    append_value(out, foreign);
  };
  if (!helo) add("envelope-from", answer.sender);
  add("helo", question.helo);
  add("receiver", question.receiver);
  add("identity", helo ? "helo" : "mailfrom");
  add(error ? "problem" : "mechanism", error ? answer.problem : answer.mechanism);
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
  const auto client = question.client.to_string();
  std::string field = "Received-SPF: ";
  field.reserve(512);
  field.append(name_of(answer.result)).append(" ");
  append_comment(field, question, answer, client);
  field += ' ';
  append_key_value_list(field, question, answer, client);
  return folded(field);
}

}  // namespace gatepost::mail
