#include "checks/listing.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text.hpp"

namespace gatepost::checks {
namespace {

using telemetry::Verdict;

/// The reply keeps some room for the rest of its text; further lists stand in the log.
constexpr std::size_t longest_reply = 300;
constexpr std::size_t longest_words = 200;

/// "zen.example 127.0.0.4 (XBL, weight 5) "https://...""
std::string describe(const Listings::Said& said) {
  const auto& reading = said.reading;
  auto text = fmt::format("{} {} ({}weight {:g})", said.list->name(), reading.code.to_string(),
                          reading.label.empty() ? "" : reading.label + ", ", reading.weight);
  if (!said.words.empty()) text += " \"" + said.words + "\"";
  return text;
}

std::string evidence_of(const Listings& listings, double threshold) {
  std::string text;
  for (const auto& said : listings.listed) text += (text.empty() ? "" : ", ") + describe(said);
  if (!text.empty()) text += fmt::format("; sum {:g}, threshold {:g}", listings.sum, threshold);
  for (const auto& said : listings.unknown)
    text += (text.empty() ? "" : "; ") + said.list->witness()->name + ": " + said.reading.why;
  return text;
}

/// "zen.example (127.0.0.4): https://..." and so on, as far as there is room.
std::string lists_for_sender(const Listings& listings, const Subject& subject) {
  std::string text;
  for (const auto& said : listings.listed) {
    if (said.reading.weight <= 0) break;
    auto part = fmt::format("{} ({})", said.list->name(), said.reading.code.to_string());
    const auto url = said.list->url(subject);
    const auto& more = url.empty() ? said.words : url;
    if (!more.empty()) part += ": " + more;
    if (!text.empty() && text.size() + part.size() > longest_reply) break;
    text += (text.empty() ? "" : " and ") + part;
  }
  return text;
}

Finding listed_finding(const Listings& listings, const ListingPolicy& policy, const Subject& subject,
                       const ListingWords& words) {
  const bool scores = policy.listed.verdict == Verdict::score;
  const bool counts = scores ? listings.sum != 0 : listings.lowest >= policy.threshold;
  auto finding = finding_of(counts ? policy.listed : Rule::note(), words.listed,
                            {words.subject, lists_for_sender(listings, subject)},
                            evidence_of(listings, policy.threshold));
  if (!counts) {
    finding.reason = words.below;
    return finding;
  }
  finding.score *= listings.sum;
  for (const auto& said : listings.listed) {
    if (said.reading.weight > 0) finding.rests_on.push_back(said.list->witness());
  }
  return finding;
}

}  // namespace

std::optional<Listings> look_up(std::span<const DnsList* const> lists, const Subject& subject,
                                Evidence& evidence) {
  struct Asked {
    const DnsList* list;
    const dns::Answer* answer;
  };
  std::vector<Asked> all;
  bool pending = false;
  for (const auto* list : lists) {
    const auto question = list->question(subject.entry, dns::Type::a);
    if (evidence.suspended(*list->witness()) || !dns::is_askable(question.name)) continue;
    all.push_back({list, evidence.lookup(question)});
    pending = pending || all.back().answer == nullptr;
  }
  if (pending) return std::nullopt;
  Listings found;
  for (const auto& asked : all) {
    auto reading = asked.list->read(*asked.answer);
    if (reading.kind == Reading::Kind::not_listed) continue;
    Listings::Said said{asked.list, std::move(reading), {}};
    if (said.reading.kind != Reading::Kind::listed) {
      found.lowest += asked.list->lowest();
      found.highest += asked.list->highest();
      found.unknown.push_back(std::move(said));
      continue;
    }
    if (asked.list->txt()) {
      const auto* text = evidence.lookup(asked.list->question(subject.entry, dns::Type::txt));
      pending = pending || text == nullptr;
      if (text != nullptr && text->found())
        said.words = base::printable(asked.list->without_key(text->texts.front()), longest_words);
    }
    found.sum += said.reading.weight;
    found.listed.push_back(std::move(said));
  }
  if (pending) return std::nullopt;
  found.lowest += found.sum;
  found.highest += found.sum;
  std::stable_sort(found.listed.begin(), found.listed.end(),
                   [](const auto& a, const auto& b) { return a.reading.weight > b.reading.weight; });
  return found;
}

void ListingPolicy::visit(base::Visitor& v) {
  v.field({.key = "threshold",
           .help = "The weights of all lists that list the same one are added up; from this sum on `listed` "
                   "holds. Below it the listing is only recorded."},
          threshold);
  v.field({.key = "listed",
           .help = "What to do when the threshold is reached. With \"score N\" each unit of the sum is N "
                   "points, and the threshold does not matter."},
          listed);
}

void ListingPolicy::validate(const std::string& path, base::Problems& problems) const {
  if (threshold <= 0) problems.error(path + ".threshold", "must be more than 0");
}

void impeach_failing(const Listings& listings, Evidence& evidence) {
  for (const auto& said : listings.unknown) {
    if (said.reading.kind == Reading::Kind::error) evidence.impeach(said.list->witness(), said.reading.why);
  }
}

std::vector<Finding> judge(const Listings& listings, const ListingPolicy& policy, const Subject& subject,
                           const ListingWords& words) {
  std::vector<Finding> findings;
  if (!policy.listed.on()) return findings;
  if (!listings.listed.empty()) findings.push_back(listed_finding(listings, policy, subject, words));
  // What is unknown matters only where it could have changed the verdict.
  if (listings.lowest < policy.threshold && listings.highest >= policy.threshold) {
    auto unknown =
        cannot_know(smtp::Say::dns_unavailable, {words.subject}, evidence_of(listings, policy.threshold));
    const bool error = std::any_of(listings.unknown.begin(), listings.unknown.end(), [](const auto& said) {
      return said.reading.kind == Reading::Kind::error;
    });
    unknown.reason = error ? words.list_error : words.no_answer;
    findings.push_back(std::move(unknown));
  }
  return findings;
}

}  // namespace gatepost::checks
