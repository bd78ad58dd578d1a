// Asking several DNS lists about one subject at once, adding up what they say, and the finding that follows.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "checks/check.hpp"
#include "checks/dns_list.hpp"
#include "checks/rule.hpp"

namespace gatepost::checks {

/// What the lists say about a subject.
struct Listings {
  struct Said {
    const DnsList* list;
    Reading reading;
    std::string words;  ///< its TXT record, without the key, fit for people
  };
  std::vector<Said> listed;   ///< the heaviest first
  std::vector<Said> unknown;  ///< no answer, or an error
  double sum = 0;
  /// What the sum may be at least and at most, whatever the unknown ones would have said.
  double lowest = 0;
  double highest = 0;

  /// All have answered, and none lists the subject: there is nothing to judge.
  bool none() const { return listed.empty() && unknown.empty(); }
};

/// Asks all lists that are not suspended; nothing while an answer is missing.
std::optional<Listings> look_up(std::span<const DnsList* const> lists, const Subject& subject,
                                Evidence& evidence);

/// How a check speaks of listings.
struct ListingWords {
  smtp::Say listed;             ///< with the subject and the lists as arguments
  std::string_view below;       ///< reason: listed, but the sum is below the threshold
  std::string_view no_answer;   ///< reason
  std::string_view list_error;  ///< reason
  std::string subject;          ///< in replies: "203.0.113.9", "the sender's domain remote.example"
};

/// What the check does about listings.
struct ListingPolicy {
  double threshold = 1;
  /// With a score each unit of the sum is so many points, and the threshold does not matter.
  Rule listed = Rule::reject();

  void visit(base::Visitor& v);
  void validate(const std::string& path, base::Problems& problems) const;
};

/// Lists that answered with an error are off from now on.
void impeach_failing(const Listings& listings, Evidence& evidence);

std::vector<Finding> judge(const Listings& listings, const ListingPolicy& policy, const Subject& subject,
                           const ListingWords& words);

}  // namespace gatepost::checks
