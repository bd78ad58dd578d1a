#include "gateway/resolver_witness.hpp"

#include <algorithm>

#include "core/base/random.hpp"
#include "core/base/text.hpp"

namespace gatepost::gateway {
namespace {

std::string judge(std::span<const dns::Answer* const> answers) {
  const auto& absent = *answers.front();
  if (absent.found()) return "it gives an answer for names that do not exist";
  const auto exists = [](const dns::Answer* answer) {
    return answer->found() || answer->outcome == dns::Outcome::no_data;
  };
  if (std::any_of(answers.begin() + 1, answers.end(), exists)) return {};
  for (const auto* answer : answers) {
    if (answer->failed()) return "it does not answer: " + answer->why;
  }
  return "it says that nothing exists, not even the root";
}

}  // namespace

checks::WitnessPtr make_resolver_witness(const std::vector<std::string>& names) {
  base::SystemRandom random;
  const auto nobody = base::to_lower(base::SessionId::make(random).view()) + ".gatepost-canary.invalid";
  checks::Witness witness{
      std::string(resolver_witness_name), {{nobody, dns::Type::a}, {"", dns::Type::ns}}, judge};
  for (const auto& name : names) {
    witness.questions.push_back(dns::question(name, dns::Type::a));
    witness.questions.push_back(dns::question(name, dns::Type::mx));
  }
  return std::make_shared<const checks::Witness>(std::move(witness));
}

}  // namespace gatepost::gateway
