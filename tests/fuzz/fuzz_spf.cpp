// SPF: any record and any macro-string in a zone that answers the same again ends in bounded work, with the
// same result whether answers come at once or late. Input: a record, a newline, a macro-string.
#include <map>

#include "core/base/text.hpp"
#include "fuzz_input.hpp"
#include "mail/spf.hpp"
#include "mail/spf_macro.hpp"

using namespace gatepost;
using dns::Outcome;
using dns::Type;
using fuzz::require;

namespace {

/// All domains have the record of the input; addresses, names and failures depend on the question alone.
class Zone final : public dns::Lookup {
 public:
  Zone(std::string_view record, std::string_view explanation, bool late)
      : record_(record), explanation_(explanation), late_(late) {}

  const dns::Answer* lookup(const dns::Question& question) override {
    require(dns::is_askable(question.name));
    const auto [found, is_new] = answers_.try_emplace(question);
    if (is_new) found->second = answer(question);
    return is_new && late_ ? nullptr : &found->second;
  }
  std::size_t asked() const { return answers_.size(); }

 private:
  dns::Answer answer(const dns::Question& question) const {
    dns::Answer answer;
    unsigned sum = 0;
    for (const char c : question.name) sum = sum * 31 + static_cast<unsigned char>(c);
    answer.outcome = sum % 16 == 7  ? Outcome::temporary_failure
                     : sum % 4 == 3 ? Outcome::no_name
                                    : Outcome::found;
    if (question.type == Type::txt) answer.outcome = Outcome::found;
    if (!answer.found()) return answer;
    switch (question.type) {
      case Type::txt:
        answer.texts.emplace_back(question.name.starts_with("exp") ? explanation_ : record_);
        break;
      case Type::a:
      case Type::aaaa:
        answer.addresses.push_back(
            *base::IpAddress::parse(question.type == Type::a ? "192.0.2.1" : "2001:db8::1"));
        break;
      default:
        for (unsigned i = 0; i < sum % 13; ++i) {
          answer.names.push_back("n" + std::to_string(i) + "." +
                                 (i % 2 == 0 ? "example.org" : "example.net"));
          answer.exchanges.push_back({static_cast<std::uint16_t>(i), answer.names.back()});
        }
    }
    return answer;
  }

  std::string_view record_;
  std::string_view explanation_;
  bool late_;
  std::map<dns::Question, dns::Answer> answers_;
};

mail::SpfAnswer run(const mail::SpfQuestion& question, std::string_view record, std::string_view explanation,
                    bool late) {
  Zone zone(record, explanation, late);
  for (int runs = 0; runs < 60; ++runs) {
    const auto answer = mail::check_spf(question, zone);
    if (!answer) continue;
    // The first record, ten terms with ten names each at most, the client's names, and the explanation.
    require(zone.asked() <= 130 && answer->lookups <= 10 && answer->void_lookups <= 2);
    return *answer;
  }
  require(false);
  return {};
}

void check_field(const mail::SpfQuestion& question, const mail::SpfAnswer& answer) {
  const auto field = mail::received_spf_field(question, answer);
  require(field.ends_with("\r\n"));
  for (std::size_t i = 0; i + 2 < field.size(); ++i) {
    if (field[i] == '\r')
      require(field[i + 1] == '\n' && field[i + 2] == ' ');
    else
      require(field[i] == '\n' || (!base::is_control(field[i]) && !base::is_high(field[i])));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view macros(reinterpret_cast<const char*>(data), size);
  const auto record = "v=spf1 " + std::string(base::split_off(macros, '\n'));
  mail::SpfQuestion question;
  question.sender = std::string(macros.substr(0, 64)) + "@example.org";
  question.helo = macros.substr(0, 255);
  for (const auto client : {"192.0.2.1", "2001:db8::2"}) {
    question.client = *base::IpAddress::parse(client);
    const auto soon = run(question, record, macros, false);
    const auto late = run(question, record, macros, true);
    require(soon.result == late.result && soon.problem == late.problem && soon.mechanism == late.mechanism &&
            soon.explanation == late.explanation && soon.lookups == late.lookups);
    check_field(question, late);
  }
  return 0;
}
