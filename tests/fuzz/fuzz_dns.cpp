// DNS answers: whatever comes, what is understood is consistent, fit to be shown, and can be asked again.
#include <algorithm>
#include <array>

#include "core/base/text.hpp"
#include "core/dns/message.hpp"
#include "core/dns/wire.hpp"
#include "fuzz_input.hpp"

using namespace gatepost;
using dns::Type;
using fuzz::require;

namespace {

void require_sound(const std::string& name) {
  require(name.size() <= 4 * 255);
  require(std::none_of(name.begin(), name.end(), [](char c) {
    return base::is_control(c) || base::is_high(c) || c == ' ' || (c >= 'A' && c <= 'Z');
  }));
  const auto query = dns::make_query({name, Type::a}, 0);
  require(query.size() <= 12 + 255 + 4 + 11);
  require(dns::Reader(query, 12, query.size()).name() == name);
}

void require_sound(const dns::Answer& answer, Type type) {
  const auto records =
      answer.addresses.size() + answer.exchanges.size() + answer.names.size() + answer.texts.size();
  require(answer.found() == (records > 0));
  require(answer.addresses.empty() || type == Type::a || type == Type::aaaa);
  require(answer.exchanges.empty() || type == Type::mx);
  require(answer.texts.empty() || type == Type::txt);
  require(answer.failed() == !answer.why.empty());
  require(answer.ttl.count() >= 0 && answer.ttl.count() <= 0x7FFFFFFF);
  require(std::is_sorted(answer.exchanges.begin(), answer.exchanges.end()));
  for (const auto& name : answer.names) require_sound(name);
  for (const auto& exchange : answer.exchanges) require_sound(exchange.host);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::array types{Type::a,   Type::ns, Type::cname, Type::soa,
                             Type::ptr, Type::mx, Type::txt,   Type::aaaa};
  // The question that the packet claims to answer, or mostly so.
  const std::string_view packet(reinterpret_cast<const char*>(data), size);
  dns::Reader reader(packet, std::min<std::size_t>(size, 12), size);
  dns::Question question;
  question.name = reader.name();
  const auto number = reader.number_16();
  const auto* const known = std::find(types.begin(), types.end(), Type{number});
  question.type = known != types.end() ? *known : types[number % types.size()];
  if (const auto answer = dns::parse_answer(question, packet)) require_sound(*answer, question.type);
  return 0;
}
