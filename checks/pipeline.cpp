#include "checks/pipeline.hpp"

namespace gatepost::checks {

using smtp::Stage;
using telemetry::Verdict;

namespace {

/// Of recipients, per transaction; what each was answered is on record anyway.
constexpr std::size_t findings_kept = 200;

}  // namespace

ChecksOptions::ChecksOptions() {
  for (const auto& type : all_checks()) options_.emplace(type.name, type.make_options());
}

void ChecksOptions::visit(base::Visitor& v) {
  for (const auto& type : all_checks())
    v.section({.key = type.name, .help = "See docs/checks/ for this check."}, *options_.at(type.name));
}

void ChecksOptions::validate(base::Problems& problems) const {
  for (const auto& [name, options] : options_) options->validate("checks." + std::string(name), problems);
}

void Verdicts::end_transaction() {
  transaction_.clear();
  recipients_.clear();
  for (auto stage = static_cast<std::size_t>(Stage::mail); stage < done_.size(); ++stage) done_[stage] = 0;
  exempt_.reset();
}

void Verdicts::begin_helo() {
  std::erase_if(session_, [](const Record& record) { return record.found == Stage::helo; });
  done_[static_cast<std::size_t>(Stage::helo)] = 0;
}

telemetry::Finding Verdicts::recorded(const Record& record) {
  const auto& f = record.judged.finding;
  return {record.judged.check,
          record.judged.stage,
          record.counted,
          f.verdict,
          f.reply ? f.reply->token() : f.reason,
          f.score,
          f.evidence,
          record.subject};
}

std::vector<telemetry::Finding> Verdicts::session_findings() const {
  std::vector<telemetry::Finding> findings;
  for (const auto& record : session_) findings.push_back(recorded(record));
  return findings;
}

std::vector<telemetry::Finding> Verdicts::transaction_findings() const {
  std::vector<telemetry::Finding> findings;
  for (const auto* records : {&transaction_, &recipients_}) {
    for (const auto& record : *records) findings.push_back(recorded(record));
  }
  return findings;
}

Pipeline::Pipeline(const ChecksOptions& checks, PolicyOptions policy) : policy_(std::move(policy)) {
  for (const auto& type : all_checks()) {
    const auto& options = *checks.all().at(type.name);
    if (options.mode != Mode::off)
      entries_.push_back({type.name, options.make(), options.mode, options.on_error, options.absolute()});
  }
}

/// Runs what has not yet spoken at this stage. True: something is still missing.
template <class Run>
bool Pipeline::run(Stage stage, Verdicts& verdicts, Records& into, std::string_view subject, Run run) const {
  auto& done = verdicts.done_[static_cast<std::size_t>(stage)];
  bool pending = false;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if ((done >> i & 1U) != 0) continue;
    const auto& entry = entries_[i];
    auto findings = run(*entry.check);
    if (!findings) {
      pending = true;
      continue;
    }
    done |= 1U << i;
    for (auto& finding : *findings) {
      if (finding.verdict == Verdict::none) continue;
      const auto of = finding.stage.value_or(stage);
      into.push_back({{entry.name, of, entry.mode, entry.on_error, entry.absolute, std::move(finding)},
                      stage,
                      entry.mode == Mode::enforce,
                      std::string(subject)});
    }
  }
  return pending;
}

/// What is decided at a stage before RCPT: with delayed refusal only a drop, and nothing is waited for.
Pipeline::Consultation Pipeline::early(bool pending, Verdicts& verdicts) const {
  const bool dropping = [&] {
    for (const auto* records : {&verdicts.session_, &verdicts.transaction_}) {
      for (const auto& record : *records) {
        if (record.judged.finding.verdict == Verdict::drop && record.judged.mode == Mode::enforce)
          return true;
      }
    }
    return false;
  }();
  if (policy_.delay_reject && !dropping) return {};
  if (pending && !dropping) return {true, {}};
  return {false, judge({}, verdicts, false)};
}

smtp::Decision Pipeline::judge(std::span<const Verdicts::Record> extra, Verdicts& verdicts,
                               bool exempt) const {
  if (extra.empty() && verdicts.session_.empty() && verdicts.transaction_.empty())
    return smtp::Decision::accept();
  std::vector<Judged> all;
  for (const auto& record : verdicts.session_) all.push_back(record.judged);
  for (const auto& record : verdicts.transaction_) all.push_back(record.judged);
  for (const auto& record : extra) all.push_back(record.judged);
  return decide(all, policy_, exempt).decision;
}

Pipeline::Consultation Pipeline::connect(const smtp::ConnectFacts& facts, Evidence& evidence,
                                         Verdicts& verdicts) const {
  const bool pending = run(Stage::connect, verdicts, verdicts.session_, {},
                           [&](const Check& c) { return c.connect(facts, evidence); });
  return early(pending, verdicts);
}

Pipeline::Consultation Pipeline::helo(const smtp::HeloFacts& facts, Evidence& evidence,
                                      Verdicts& verdicts) const {
  const bool pending = run(Stage::helo, verdicts, verdicts.session_, {},
                           [&](const Check& c) { return c.helo(facts, evidence); });
  return early(pending, verdicts);
}

Pipeline::Consultation Pipeline::mail(const smtp::MailFacts& facts, Evidence& evidence,
                                      Verdicts& verdicts) const {
  const bool pending = run(Stage::mail, verdicts, verdicts.transaction_, {},
                           [&](const Check& c) { return c.mail(facts, evidence); });
  return early(pending, verdicts);
}

Pipeline::Consultation Pipeline::rcpt(const smtp::RcptFacts& facts, Evidence& evidence,
                                      Verdicts& verdicts) const {
  // What was started earlier is awaited here.
  const auto& helo_facts = facts.mail.helo;
  bool pending = run(Stage::connect, verdicts, verdicts.session_, {},
                     [&](const Check& c) { return c.connect(helo_facts.connect, evidence); });
  pending |= run(Stage::helo, verdicts, verdicts.session_, {},
                 [&](const Check& c) { return c.helo(helo_facts, evidence); });
  pending |= run(Stage::mail, verdicts, verdicts.transaction_, {},
                 [&](const Check& c) { return c.mail(facts.mail, evidence); });
  // Each recipient is new to the checks of this stage, but one that waited for evidence goes on where it was.
  Records found;
  verdicts.done_[static_cast<std::size_t>(Stage::rcpt)] = 0;
  pending |= run(Stage::rcpt, verdicts, found, facts.recipient.text(),
                 [&](const Check& c) { return c.rcpt(facts, evidence); });
  if (pending) return {true, {}};
  const bool exempt = policy_.exempt(facts.recipient);
  auto decision = judge(found, verdicts, exempt);
  for (auto& record : found) {
    record.counted = record.counted && (record.judged.absolute || !exempt);
    if (verdicts.recipients_.size() < findings_kept) verdicts.recipients_.push_back(std::move(record));
  }
  if (decision.act == smtp::Decision::Act::accept) {
    if (verdicts.exempt_ && *verdicts.exempt_ != exempt) {
      return {false, smtp::Decision::refuse(smtp::reply(smtp::Say::other_policy, {facts.recipient.text()}))};
    }
    verdicts.exempt_ = exempt;
  }
  return {false, std::move(decision)};
}

Pipeline::Consultation Pipeline::data(const smtp::DataFacts& facts, Evidence& evidence,
                                      Verdicts& verdicts) const {
  if (run(Stage::data, verdicts, verdicts.transaction_, {},
          [&](const Check& c) { return c.data(facts, evidence); }))
    return {true, {}};
  return {false, judge({}, verdicts, verdicts.exempt_.value_or(false))};
}

Pipeline::Consultation Pipeline::message(const smtp::MessageFacts& facts, Evidence& evidence,
                                         Verdicts& verdicts) const {
  if (run(Stage::message, verdicts, verdicts.transaction_, {},
          [&](const Check& c) { return c.message(facts, evidence); }))
    return {true, {}};
  return {false, judge({}, verdicts, verdicts.exempt_.value_or(false))};
}

}  // namespace gatepost::checks
