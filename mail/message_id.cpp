#include "mail/message_id.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "mail/field_body.hpp"

namespace gatepost::mail {

bool is_message_id(std::string_view body) {
  FieldBody in(body);
  in.skip_cfws();
  auto id = in.take_angle();
  in.skip_cfws();
  if (id.empty() || !in.at_end()) return false;
  id = id.substr(1, id.size() - 2);
  const auto at = id.rfind('@');
  return at != std::string_view::npos && at > 0 && at + 1 < id.size() &&
         std::none_of(id.begin(), id.end(),
                      [](char c) { return c == ' ' || c == '<' || base::is_control(c); });
}

std::string printable_message_id(std::string_view body, std::size_t limit) {
  FieldBody in(body);
  in.skip_cfws();
  const auto id = in.take_angle();
  return base::printable(unfold(id.empty() ? body : id), limit);
}

}  // namespace gatepost::mail
