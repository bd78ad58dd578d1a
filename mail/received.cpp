#include "mail/received.hpp"

#include <cstdio>
#include <ctime>

#include "core/base/text.hpp"

namespace gatepost::mail {
namespace {

/// Printable, and without what would end a comment or a clause.
std::string token(std::string_view foreign) {
  auto safe = base::reply_safe(foreign, 255);
  for (auto& c : safe) {
    if (c == '(' || c == ')' || c == ';' || c == ' ' || c == '\\') c = '?';
  }
  return safe;
}

}  // namespace

std::string format_date(base::WallTime when) {
  static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto seconds = std::chrono::system_clock::to_time_t(when);
  std::tm t{};
  ::gmtime_r(&seconds, &t);
  char text[64];
  std::snprintf(text, sizeof text, "%s, %d %s %d %02d:%02d:%02d +0000", days[t.tm_wday], t.tm_mday,
                months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
  return text;
}

std::string received_field(const ReceivedParts& parts) {
  std::string field;
  field.reserve(320);
  field.append("Received: from ").append(token(parts.helo));
  field.append(" (").append(parts.client_name.empty() ? "unknown" : token(parts.client_name));
  field.append(" [").append(parts.client.literal()).append("])\r\n");
  if (!parts.tls.empty()) field.append("\t(using ").append(parts.tls).append(")\r\n");
  field.append("\tby ")
      .append(parts.by)
      .append(" with ")
      .append(parts.protocol)
      .append(" id ")
      .append(parts.id);
  if (!parts.recipient.empty()) {
    // The address is written as received; control characters can't be in it, folding white space is harmless.
    field.append("\r\n\tfor <").append(parts.recipient).append(">");
  }
  field.append("; ").append(format_date(parts.when)).append("\r\n");
  return field;
}

}  // namespace gatepost::mail
