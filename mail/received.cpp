#include "mail/received.hpp"

#include "core/base/text.hpp"
#include "mail/date.hpp"

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
