#include "checks/limit.hpp"

#include "core/base/text.hpp"

namespace gatepost::checks {

std::string Limit::in_words() const {
  return std::to_string(count) + " in " + base::TextForm<base::Millis>::print(per);
}

}  // namespace gatepost::checks

namespace gatepost::base {

using checks::Limit;

std::string TextForm<Limit>::parse(std::string_view in, Limit& value) {
  constexpr std::uint64_t most = 60000;
  const auto text = trim(in);
  if (text == "off") {
    value = {};
    return {};
  }
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return "must be " + std::string(form);
  std::uint64_t count = 0;
  if (!parse_number(trim(text.substr(0, slash)), count) || count == 0)
    return "wants a number from 1 on before the \"/\"; \"off\" is no limit";
  if (count > most) return "counts to 60000 at most: write a shorter time, or \"off\"";
  Limit limit{static_cast<std::uint32_t>(count), {}};
  if (const auto wrong = TextForm<Millis>::parse(text.substr(slash + 1), limit.per); !wrong.empty())
    return "behind the \"/\" " + wrong;
  if (limit.per < std::chrono::seconds(10) || limit.per > std::chrono::hours(24))
    return "wants a time from 10 s to 1 d behind the \"/\"";
  limit.per -= limit.per % std::chrono::seconds(1);
  value = limit;
  return {};
}

std::string TextForm<Limit>::print(const Limit& value) {
  return value.on() ? std::to_string(value.count) + "/" + TextForm<Millis>::print(value.per) : "off";
}

}  // namespace gatepost::base
