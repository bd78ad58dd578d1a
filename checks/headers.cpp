// headers: what is wrong with a message's header, and for each flaw a rule that says what to do about it.
#include "checks/rule.hpp"
#include "mail/header_flaws.hpp"

namespace gatepost::checks {
namespace {

using smtp::Say;

/// Of a flaw: what is said of it, and what is done by default. The key of its rule is the flaw's name.
struct Treatment {
  Say say;
  Rule rule;
  std::string_view help;
};

using Rules = std::array<Rule, mail::header_flaw_names.size()>;

/// In the order of mail::HeaderFlawKind. Refused is what RFC 5322 forbids and honest software does not write.
constexpr std::array<Treatment, mail::header_flaw_names.size()> treatments{{
    {Say::headers_no_date, Rule::reject(), "There is no Date field."},
    {Say::headers_many_dates, Rule::reject(), "There are several Date fields."},
    {Say::headers_bad_date, Rule::points(2), "The Date cannot be understood."},
    {Say::headers_old_date, Rule::note(), "The Date is older than old_after."},
    {Say::headers_future_date, Rule::points(2), "The Date is further ahead than future_after."},
    {Say::headers_no_from, Rule::reject(), "There is no From field."},
    {Say::headers_many_froms, Rule::reject(), "There are several From fields."},
    {Say::headers_bad_from, Rule::note(), "The From field is malformed, but names an address."},
    {Say::headers_no_address, Rule::reject(), "The From field names no address."},
    {Say::headers_many_addresses, Rule::reject(),
     "The From field names several addresses, and there is no Sender field."},
    {Say::headers_no_message_id, Rule::note(), "There is no Message-ID field, which is legal."},
    {Say::headers_many_message_ids, Rule::reject(), "There are several Message-ID fields."},
    {Say::headers_bad_message_id, Rule::note(), "The Message-ID is malformed."},
    {Say::headers_no_subject, Rule::note(), "There is no Subject field, which is legal."},
    {Say::headers_many_subjects, Rule::reject(), "There are several Subject fields."},
    {Say::headers_no_to, Rule::off(), "There is no To field, which is legal."},
    {Say::headers_many_tos, Rule::reject(), "There are several To fields."},
    {Say::headers_raw_8bit, Rule::note(),
     "The header holds octets above 127 without SMTPUTF8, or that are not UTF-8."},
    {Say::headers_long_line, Rule::note(), "A line of the header is longer than 998 octets."},
    {Say::headers_stray_line, Rule::note(), "A line of the header is neither a field nor part of one."},
    {Say::headers_many_fields, Rule::reject(), "There are more fields than max_fields."},
    {Say::headers_forged_received, Rule::note(),
     "A Received field claims that this server received the message before."},
}};

class Headers final : public Check {
 public:
  Headers(const Rules& rules, const mail::HeaderLimits& limits)
      : Check({smtp::Stage::data}), rules_(rules), limits_(limits) {}

  Findings data(const smtp::DataFacts& facts, Evidence& evidence) const override {
    const auto& header = evidence.header(facts);
    std::vector<Finding> findings;
    if (!header.content.whole()) {
      findings.push_back(
          cannot_know(Say::check_unavailable, {"headers"}, "the end of the header is on disk"));
      return findings;
    }
    const mail::HeaderContext context{evidence.wall(), evidence.site().hostname,
                                      facts.mail.parameters.smtputf8};
    for (const auto& flaw : mail::header_flaws(header.block, limits_, context)) {
      const auto kind = static_cast<std::size_t>(flaw.kind);
      if (rules_[kind].on())
        findings.push_back(finding_of(rules_[kind], treatments[kind].say, {flaw.evidence}, flaw.evidence));
    }
    return findings;
  }

 private:
  Rules rules_;
  mail::HeaderLimits limits_;
};

class HeadersOptions final : public CheckOptions {
 public:
  HeadersOptions() : CheckOptions(Mode::observe) {
    for (std::size_t i = 0; i < rules_.size(); ++i) rules_[i] = treatments[i].rule;
  }

  void visit(base::Visitor& v) override {
    visit_mode(v);
    v.field({.key = "old_after", .help = "From which age on a Date is old."}, limits_.past);
    v.field({.key = "future_after", .help = "How far ahead of our clock a Date may be."}, limits_.future);
    v.field({.key = "max_fields", .help = "How many fields a header may have.", .min = 1}, limits_.fields);
    for (std::size_t i = 0; i < rules_.size(); ++i)
      v.field({.key = mail::header_flaw_names[i], .help = treatments[i].help}, rules_[i]);
  }
  std::unique_ptr<const Check> make(CheckFiles&) const override {
    return std::make_unique<Headers>(rules_, limits_);
  }

 private:
  Rules rules_;
  mail::HeaderLimits limits_;
};

}  // namespace

std::unique_ptr<CheckOptions> make_headers_options() {
  return std::make_unique<HeadersOptions>();
}

}  // namespace gatepost::checks
