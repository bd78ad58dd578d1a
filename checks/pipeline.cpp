#include "checks/pipeline.hpp"

#include <algorithm>

#include "checks/address_pattern.hpp"

namespace gatepost::checks {

using smtp::Stage;
using telemetry::hidden_client;
using telemetry::Verdict;

namespace {

/// Of recipients, per transaction; what each was answered is on record anyway.
constexpr std::size_t findings_kept = 200;

/// Octets of evidence. Names and addresses in it come from others, who may have thousands, and it is copied
/// for each recipient.
constexpr std::size_t longest_evidence = 1000;

constexpr auto index_of(Stage stage) {
  return static_cast<std::size_t>(stage);
}

/// Can a decision be another for it? What is only recorded need not be judged.
bool weighs(const Finding& finding) {
  return (finding.verdict != Verdict::none && finding.verdict != Verdict::annotate) ||
         finding.delay > base::Millis{0};
}

/// Does it speak against the mail?
bool speaks_against(const Finding& finding) {
  return refuses(finding.verdict) || (finding.verdict == Verdict::score && finding.score > 0);
}

std::string sender_key(const smtp::MailFacts& facts) {
  return facts.null_sender ? "<>" : facts.sender.key();
}

}  // namespace

ChecksOptions::ChecksOptions() {
  for (const auto& type : all_checks()) options_.emplace(type.name, type.make_options());
}

void ChecksOptions::visit(base::Visitor& v) {
  for (const auto& type : all_checks())
    v.section({.key = type.name, .help = "See docs/checks/ for this check."}, *options_.at(type.name));
}

void ChecksOptions::validate(base::Problems& problems) const {
  for (const auto& [name, options] : options_) {
    const auto path = "checks." + std::string(name);
    options->validate(path, problems);
    validate_address_patterns(options->exempt_senders, path + ".exempt_senders", problems);
    validate_address_patterns(options->exempt_recipients, path + ".exempt_recipients", problems);
  }
}

// ---- Verdicts

void Verdicts::end_transaction() {
  transaction_.clear();
  recipients_.clear();
  sender_exempt_ = 0;
  for (auto stage = index_of(Stage::mail); stage < done_.size(); ++stage) done_[stage] = 0;
  std::erase_if(waiting_, [](const Waiting& w) { return w.stage >= Stage::mail; });
  exemption_.reset();
}

void Verdicts::begin_connect() {
  std::erase_if(session_, [this](const Record& record) {
    return record.found == Stage::connect && record.bit != 0 && (client_exempt_ & record.bit) == 0;
  });
  std::erase_if(waiting_, [](const Waiting& w) { return w.stage == Stage::connect; });
  done_[index_of(Stage::connect)] = 0;
}

void Verdicts::begin_helo() {
  std::erase_if(session_, [](const Record& record) { return record.found == Stage::helo; });
  std::erase_if(waiting_, [](const Waiting& w) { return w.stage == Stage::helo; });
  done_[index_of(Stage::helo)] = 0;
}

base::Millis Verdicts::waited(Stage stage, CheckSet bit, const Evidence& evidence) {
  const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                  [&](const Waiting& w) { return w.stage == stage && w.bit == bit; });
  if (found == waiting_.end()) return base::Millis{0};
  const auto time = std::chrono::duration_cast<base::Millis>(evidence.now() - found->since);
  waiting_.erase(found);
  return time;
}

void Verdicts::note_spared(std::string_view check, CheckSet bit, bool blind) {
  Finding finding;
  finding.reason = blind ? hidden_client : std::string_view{};
  finding.evidence = blind ? "cannot know: the client's own address is hidden" : "not made for this client";
  session_.push_back({{check, Stage::connect, Mode::enforce, OnError::ignore, false, true, finding},
                      Stage::connect,
                      bit,
                      {}});
}

telemetry::Finding Verdicts::recorded(const Record& record) {
  const auto& f = record.judged.finding;
  return {record.judged.check,
          record.judged.stage,
          record.judged.mode == Mode::observe ? telemetry::Weight::observed
          : record.judged.exempt              ? telemetry::Weight::exempt
                                              : telemetry::Weight::enforced,
          f.verdict,
          f.reply && f.reason.empty() ? f.reply->token() : f.reason,
          f.score,
          f.evidence,
          record.subject,
          record.waited,
          record.cached};
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

std::string Verdicts::basis_of(std::string_view reason, std::string_view subject) const {
  for (const auto* records : {&recipients_, &transaction_, &session_}) {
    const auto found = std::find_if(records->rbegin(), records->rend(), [&](const Record& record) {
      const auto& finding = record.judged.finding;
      return finding.reply && finding.reply->token() == reason && !finding.evidence.empty() &&
             record.judged.mode == Mode::enforce && (record.subject.empty() || record.subject == subject);
    });
    if (found != records->rend())
      return std::string(found->judged.check) + ": " + found->judged.finding.evidence;
  }
  return {};
}

Suspicion Verdicts::suspicion(std::span<const Record> of_recipient) const {
  Suspicion suspicion;
  const auto add = [&suspicion](std::span<const Record> records) {
    for (const auto& record : records) {
      const auto& finding = record.judged.finding;
      if (record.judged.exempt || !speaks_against(finding)) continue;
      suspicion.score += finding.score;
      if (refuses(finding.verdict)) ++suspicion.refusals;
      if (!suspicion.because.empty()) suspicion.because += ", ";
      suspicion.because += finding.reason.empty() && finding.reply ? finding.reply->token() : finding.reason;
    }
  };
  add(session_);
  add(transaction_);
  if (of_recipient.data() != transaction_.data()) add(of_recipient);
  return suspicion;
}

// ---- Running

Pipeline::Pipeline(const ChecksOptions& checks, PolicyOptions policy, CheckFiles& files)
    : policy_(std::move(policy)) {
  for (const auto& type : all_checks()) {
    const auto& options = checks.all().at(type.name);
    // By its place among all checks, whether they are on or off: a session goes on with its sets of checks
    // when a reload has switched some.
    const auto bit = CheckSet{1} << modes_.size();
    modes_.push_back({type.name, options->mode});
    if (options->mode == Mode::off) continue;
    auto check = options->make(files);
    const bool last = check->asked_last();
    entries_.push_back({type.name, std::move(check), options->mode, options->on_error, options->absolute(),
                        options, bit, last});
  }
  files_ = files.read;
}

std::vector<WitnessPtr> Pipeline::witnesses() const {
  std::vector<WitnessPtr> all;
  for (const auto& entry : entries_) {
    for (auto& witness : entry.check->witnesses()) {
      if (std::none_of(all.begin(), all.end(), [&](const auto& w) { return w->name == witness->name; }))
        all.push_back(std::move(witness));
    }
  }
  return all;
}

/// Which checks are not made for this client at all.
void Pipeline::meet(const smtp::ConnectFacts& facts, Evidence& evidence, Verdicts& verdicts) const {
  if (std::exchange(verdicts.met_, true)) return;
  const auto& client = facts.client.address;
  const bool exempt = any_contains(policy_.exempt_clients, client);
  const bool hidden = !exempt && !is_real_client(client, evidence.site().real_clients);
  bool blinded = false;
  for (const auto& entry : entries_) {
    if (entry.absolute) continue;
    const bool blind = hidden && entry.check->depends_on_client();
    blinded = blinded || blind;
    if (!exempt && !blind && !any_contains(entry.options->exempt_clients, client)) continue;
    verdicts.client_exempt_ |= entry.bit;
    if (verdicts.keep_all_) verdicts.note_spared(entry.name, entry.bit, blind);
  }
  tell(verdicts, [&](const Check& check) { check.opened(facts, evidence); });
  if (!blinded) return;
  Finding finding;
  finding.verdict = Verdict::unknown;
  finding.reason = hidden_client;
  finding.evidence =
      client.to_string() + " is no address on the Internet: a proxy or a bridge hides the client";
  verdicts.session_.push_back(
      {{"policy", Stage::connect, Mode::observe, OnError::ignore, false, false, finding},
       Stage::connect,
       0,
       {}});
}

/// Has each witness that a finding rests on examined. False: that is not over yet. Ahead of time a witness
/// that fails is only looked at again later: other answers may prove it by then.
bool Pipeline::examined(std::vector<Finding>& findings, Evidence& evidence, When when) {
  bool over = true;
  for (auto& finding : findings) {
    for (const auto& witness : std::exchange(finding.rests_on, {})) {
      const auto* testimony = evidence.examine(witness);
      if (testimony == nullptr || (!testimony->trusted && (when == When::ahead || evidence.pending())))
        over = false;
      if (!over || testimony->trusted || finding.verdict == Verdict::unknown) continue;
      finding.evidence += "; but " + witness->name + " is not to be trusted: " + testimony->why;
      if (finding.reason.empty() && finding.reply) finding.reason = finding.reply->token();
      finding.reply = smtp::reply(smtp::Say::dns_unavailable, {"this mail"});
      finding.verdict = Verdict::unknown;
    }
  }
  return over;
}

/// Asks one check, unless it has spoken at this stage. True: something is still missing.
template <class Call>
bool Pipeline::run_one(const Entry& entry, Stage stage, When when, Evidence& evidence, Verdicts& verdicts,
                       Records& into, std::string_view subject, Call call) const {
  auto& done = verdicts.done_[index_of(stage)];
  if (((done | verdicts.client_exempt_) & entry.bit) != 0 || !entry.check->speaks_at(stage)) return false;
  evidence.begin_check();
  auto findings = call(*entry.check);
  if (findings && examined(*findings, evidence, when)) {
    done |= entry.bit;
    take(entry, stage, std::move(*findings), evidence, verdicts, into, subject);
    return false;
  }
  const auto known = std::any_of(verdicts.waiting_.begin(), verdicts.waiting_.end(),
                                 [&](const auto& w) { return w.stage == stage && w.bit == entry.bit; });
  if (!known) verdicts.waiting_.push_back({stage, entry.bit, evidence.now()});
  return true;
}

template <class Call>
bool Pipeline::run(Stage stage, When when, Evidence& evidence, Verdicts& verdicts, Records& into,
                   std::string_view subject, Call call) const {
  bool pending = false;
  for (const auto& entry : entries_) {
    if (!entry.last && run_one(entry, stage, when, evidence, verdicts, into, subject, call)) pending = true;
  }
  return pending;
}

/// Asks those that come last, one after another, as long as `judge` accepts.
template <class Call, class Judge>
Pipeline::Consultation Pipeline::run_last(Stage stage, const Verdicts::Exemption& exemption,
                                          Evidence& evidence, Verdicts& verdicts, Records& into,
                                          std::string_view subject, Call call, Judge judge) const {
  auto judged = judge();
  bool told = false;
  for (const auto& entry : entries_) {
    const bool spared = exemption.all || ((exemption.checks | verdicts.sender_exempt_) & entry.bit) != 0;
    if (!entry.last || spared || !entry.check->speaks_at(stage)) continue;
    if (judged.decision.act != smtp::Decision::Act::accept) break;
    if (!std::exchange(told, true)) evidence.set_suspicion(verdicts.suspicion(into));
    const auto before = into.size();
    if (run_one(entry, stage, When::awaited, evidence, verdicts, into, subject, call)) return {true, {}, {}};
    if (into.size() > before) judged = judge();
  }
  return judged;
}

template <class Tell>
void Pipeline::tell(const Verdicts& verdicts, Tell tell) const {
  for (const auto& entry : entries_) {
    if ((verdicts.client_exempt_ & entry.bit) == 0) tell(*entry.check);
  }
}

void Pipeline::take(const Entry& entry, Stage stage, std::vector<Finding> findings, Evidence& evidence,
                    Verdicts& verdicts, Records& into, std::string_view subject) const {
  const auto waited =
      verdicts.waiting_.empty() ? base::Millis{0} : verdicts.waited(stage, entry.bit, evidence);
  const bool cached = evidence.rests() == Evidence::Rests::cache;
  if (findings.empty() && verdicts.keep_all_) findings.emplace_back();
  for (auto& finding : findings) {
    if (finding.verdict == Verdict::none && !verdicts.keep_all_) continue;
    const auto mode = finding.mode.value_or(entry.mode);
    const bool refuses = finding.verdict == Verdict::reject || finding.verdict == Verdict::defer ||
                         finding.verdict == Verdict::drop;
    if (mode == Mode::observe && policy_.observe == Observe::refusals && !refuses && finding.header.empty() &&
        !verdicts.keep_all_)
      continue;
    if (finding.evidence.size() > longest_evidence) {
      finding.evidence.resize(longest_evidence);
      finding.evidence += "...";
    }
    const auto of = finding.stage.value_or(stage);
    into.push_back({{entry.name, of, mode, entry.on_error, entry.absolute,
                     (verdicts.sender_exempt_ & entry.bit) != 0, std::move(finding)},
                    stage,
                    entry.bit,
                    std::string(subject),
                    waited,
                    cached});
  }
}

bool Pipeline::run_early(const smtp::ConnectFacts& facts, When when, Evidence& evidence,
                         Verdicts& verdicts) const {
  meet(facts, evidence, verdicts);
  return run(Stage::connect, when, evidence, verdicts, verdicts.session_, {},
             [&](const Check& c) { return c.connect(facts, evidence); });
}

bool Pipeline::run_early(const smtp::HeloFacts& facts, When when, Evidence& evidence,
                         Verdicts& verdicts) const {
  const bool pending = run_early(facts.connect, when, evidence, verdicts);
  return run(Stage::helo, when, evidence, verdicts, verdicts.session_, {},
             [&](const Check& c) { return c.helo(facts, evidence); }) ||
         pending;
}

bool Pipeline::run_early(const smtp::MailFacts& facts, When when, Evidence& evidence,
                         Verdicts& verdicts) const {
  const bool pending = run_early(facts.helo, when, evidence, verdicts);
  return run(Stage::mail, when, evidence, verdicts, verdicts.transaction_, {},
             [&](const Check& c) { return c.mail(facts, evidence); }) ||
         pending;
}

Pipeline::Consultation Pipeline::connect(const smtp::ConnectFacts& facts, Evidence& evidence,
                                         Verdicts& verdicts) const {
  return early(Stage::connect, run_early(facts, when_early(), evidence, verdicts), verdicts);
}

Pipeline::Consultation Pipeline::helo(const smtp::HeloFacts& facts, Evidence& evidence,
                                      Verdicts& verdicts) const {
  return early(Stage::helo, run_early(facts, when_early(), evidence, verdicts), verdicts);
}

Pipeline::Consultation Pipeline::mail(const smtp::MailFacts& facts, Evidence& evidence,
                                      Verdicts& verdicts) const {
  const auto sender = sender_key(facts);
  for (const auto& entry : entries_) {
    const auto& senders = entry.options->exempt_senders;
    if (!entry.absolute && !senders.empty() && any_address_matches(senders, sender))
      verdicts.sender_exempt_ |= entry.bit;
  }
  return early(Stage::mail, run_early(facts, when_early(), evidence, verdicts), verdicts);
}

Pipeline::Consultation Pipeline::rcpt(const smtp::RcptFacts& facts, Evidence& evidence,
                                      Verdicts& verdicts) const {
  // What was started earlier is awaited here.
  bool pending = run_early(facts.mail, When::awaited, evidence, verdicts);
  // Each recipient is new to the checks of this stage, but one that waited for evidence goes on where it was.
  Records found;
  verdicts.done_[index_of(Stage::rcpt)] = 0;
  const auto call = [&](const Check& c) { return c.rcpt(facts, evidence); };
  const auto subject = facts.recipient.text();
  pending = run(Stage::rcpt, When::awaited, evidence, verdicts, found, subject, call) || pending;
  if (pending) return {true, {}, {}};
  const auto exemption = exemption_of(facts.recipient, found);
  const auto judge_it = [&] { return judge(Stage::rcpt, found, verdicts, exemption); };
  auto judged = run_last(Stage::rcpt, exemption, evidence, verdicts, found, subject, call, judge_it);
  if (judged.pending) return judged;
  auto answer = accept_or_part(facts, std::move(judged), std::move(found), exemption, verdicts);
  const auto* refusal = answer.decision.reply ? &*answer.decision.reply : nullptr;
  tell(verdicts, [&](const Check& check) { check.answered(facts, refusal, evidence); });
  return answer;
}

Pipeline::Consultation Pipeline::data(const smtp::DataFacts& facts, Evidence& evidence,
                                      Verdicts& verdicts) const {
  return late(Stage::data, evidence, verdicts, [&](const Check& c) { return c.data(facts, evidence); });
}

Pipeline::Consultation Pipeline::message(const smtp::MessageFacts& facts, Evidence& evidence,
                                         Verdicts& verdicts) const {
  return late(Stage::message, evidence, verdicts, [&](const Check& c) { return c.message(facts, evidence); });
}

void Pipeline::transaction_ended(const smtp::MailFacts& facts, const smtp::TransactionRecord& record,
                                 Evidence& evidence, const Verdicts& verdicts) const {
  evidence.set_suspicion(verdicts.suspicion(verdicts.recipients_));
  tell(verdicts, [&](const Check& check) { check.transaction_ended(facts, record, evidence); });
}

void Pipeline::session_closed(const smtp::HeloFacts& facts, const smtp::SessionTotals& totals,
                              Evidence& evidence, const Verdicts& verdicts) const {
  // Of a client that was turned away unseen nobody knows whether it is exempt.
  if (!verdicts.met_) return;
  tell(verdicts, [&](const Check& check) { check.closed(facts, totals, evidence); });
}

// ---- Judging

/// What is decided at a stage before RCPT: with delayed refusal only a drop or a delay, and nothing is waited
/// for.
Pipeline::Consultation Pipeline::early(Stage stage, bool pending, Verdicts& verdicts) const {
  const auto drops = [](const Verdicts::Record& record) {
    return record.judged.finding.verdict == Verdict::drop && record.judged.mode == Mode::enforce;
  };
  const bool dropping = std::any_of(verdicts.session_.begin(), verdicts.session_.end(), drops) ||
                        std::any_of(verdicts.transaction_.begin(), verdicts.transaction_.end(), drops);
  const auto holds_back = [stage](const Verdicts::Record& record) {
    return record.found == stage && record.judged.finding.delay > base::Millis{0};
  };
  if (policy_.delay_reject && !dropping &&
      std::none_of(verdicts.session_.begin(), verdicts.session_.end(), holds_back) &&
      std::none_of(verdicts.transaction_.begin(), verdicts.transaction_.end(), holds_back))
    return {};
  if (pending && !dropping && !policy_.delay_reject) return {true, {}, {}};
  auto judged = judge(stage, {}, verdicts, {});
  if (policy_.delay_reject && !dropping) {
    const auto delay = judged.decision.delay;
    judged = {};
    judged.decision.delay = delay;
  }
  return judged;
}

template <class Call>
Pipeline::Consultation Pipeline::late(Stage stage, Evidence& evidence, Verdicts& verdicts, Call call) const {
  auto& found = verdicts.transaction_;
  if (run(stage, When::awaited, evidence, verdicts, found, {}, call)) return {true, {}, {}};
  const auto exemption = verdicts.exemption_.value_or(Verdicts::Exemption{});
  return run_last(stage, exemption, evidence, verdicts, found, {}, call,
                  [&] { return judge(stage, {}, verdicts, exemption); });
}

Pipeline::Consultation Pipeline::judge(Stage stage, std::span<const Verdicts::Record> extra,
                                       const Verdicts& verdicts, const Verdicts::Exemption& exemption) const {
  if (extra.empty() && verdicts.session_.empty() && verdicts.transaction_.empty()) return {};
  std::vector<Judged> all;
  const auto add = [&](std::span<const Verdicts::Record> records) {
    for (const auto& record : records) {
      if (!weighs(record.judged.finding)) continue;
      auto& judged = all.emplace_back(record.judged);
      judged.exempt = (exemption.checks & record.bit) != 0 || (verdicts.sender_exempt_ & record.bit) != 0;
      if (record.found != stage) judged.finding.delay = base::Millis{0};
    }
  };
  add(verdicts.session_);
  add(verdicts.transaction_);
  add(extra);
  auto basis = decide(all, policy_, exemption.all);
  return {false, std::move(basis.decision), std::move(basis.tag)};
}

/// What a recipient is spared: by the policy's list, the checks' own lists, and rules that allow.
Verdicts::Exemption Pipeline::exemption_of(const mail::Mailbox& recipient, const Records& found) const {
  Verdicts::Exemption exemption;
  exemption.all = policy_.exempt(recipient);
  const bool listed = std::any_of(entries_.begin(), entries_.end(), [](const Entry& entry) {
    return !entry.options->exempt_recipients.empty();
  });
  if (listed) {
    const auto key = recipient.key();
    for (const auto& entry : entries_) {
      if (!entry.absolute && any_address_matches(entry.options->exempt_recipients, key))
        exemption.checks |= entry.bit;
    }
  }
  for (const auto& record : found) {
    const auto& finding = record.judged.finding;
    if (finding.verdict != Verdict::allow || record.judged.mode != Mode::enforce) continue;
    for (const auto& entry : entries_) {
      const auto& names = finding.exempts;
      // What has been found already is the rule's own to end (see decide()); the message is still to come.
      const bool named = names.empty() ? entry.check->speaks_late()
                                       : std::find(names.begin(), names.end(), entry.name) != names.end();
      if (named && !entry.absolute) exemption.checks |= entry.bit;
    }
  }
  return exemption;
}

/// The checks whose exemption makes a difference: they have found something, or may yet.
CheckSet Pipeline::relevant(const smtp::MailFacts& facts, const Verdicts& verdicts) const {
  CheckSet bits = 0;
  for (const auto* records : {&verdicts.session_, &verdicts.transaction_}) {
    for (const auto& record : *records) {
      if (record.judged.mode == Mode::enforce && weighs(record.judged.finding)) bits |= record.bit;
    }
  }
  for (const auto& entry : entries_) {
    if (entry.mode == Mode::enforce && entry.check->speaks_late_of(facts)) bits |= entry.bit;
  }
  return bits;
}

/// A recipient that is judged by other rules than those accepted before goes into another transaction.
Pipeline::Consultation Pipeline::accept_or_part(const smtp::RcptFacts& facts, Consultation judged,
                                                Records found, Verdicts::Exemption exemption,
                                                Verdicts& verdicts) const {
  for (auto& record : found) {
    record.judged.exempt = !record.judged.absolute && (exemption.all || (exemption.checks & record.bit) != 0);
    if (verdicts.recipients_.size() < findings_kept) verdicts.recipients_.push_back(std::move(record));
  }
  if (judged.decision.act != smtp::Decision::Act::accept) return judged;
  const auto& other = verdicts.exemption_;
  if (other && (other->all != exemption.all ||
                ((other->checks ^ exemption.checks) & relevant(facts.mail, verdicts)) != 0)) {
    judged.decision = smtp::Decision::refuse(smtp::reply(smtp::Say::other_policy, {facts.recipient.text()}));
    return judged;
  }
  if (!other) verdicts.exemption_ = exemption;
  return judged;
}

std::string Pipeline::header_fields(const Verdicts& verdicts) const {
  std::string fields;
  for (const auto* records : {&verdicts.session_, &verdicts.transaction_}) {
    for (const auto& record : *records) fields += record.judged.finding.header;
  }
  if (policy_.tag_score > 0) {
    const auto judged =
        judge(Stage::message, {}, verdicts, verdicts.exemption_.value_or(Verdicts::Exemption{}));
    if (!judged.tag.empty()) fields += "X-Gatepost-Score: " + judged.tag + "\r\n";
  }
  return fields;
}

}  // namespace gatepost::checks
