#include "mail/organisational_domain.hpp"

#include <array>
#include <functional>

#include <libpsl.h>

namespace gatepost::mail {
namespace {

/// Where it begins; npos: nowhere.
std::size_t find_organisational(const std::string& domain, PublicSuffixes suffixes) {
  const int types = suffixes == PublicSuffixes::all ? PSL_TYPE_ANY : PSL_TYPE_ICANN;
  std::size_t label = std::string::npos;
  for (std::size_t rest = 0; rest < domain.size();) {
    // The first suffix from the left is the longest.
    if (psl_is_public_suffix2(psl_builtin(), domain.c_str() + rest, types) != 0) return label;
    const auto dot = domain.find('.', rest);
    if (dot == std::string::npos) break;
    label = rest;
    rest = dot + 1;
  }
  return std::string::npos;
}

}  // namespace

/// Each thread remembers what it has found lately, since the same clients come again and again and a search
/// takes libpsl thousands of instructions. Its list is built in: what was right stays right.
std::string organisational_domain(std::string_view domain, PublicSuffixes suffixes) {
  constexpr std::size_t longest_kept = 253;
  struct Found {
    std::string domain;
    PublicSuffixes suffixes = PublicSuffixes::all;
    std::size_t at = std::string::npos;
  };
  static thread_local std::array<Found, 1024> lately;
  auto& kept =
      lately[(std::hash<std::string_view>()(domain) + static_cast<std::size_t>(suffixes)) % lately.size()];
  if (kept.domain != domain || kept.suffixes != suffixes) {
    Found found{std::string(domain), suffixes, 0};
    found.at = find_organisational(found.domain, suffixes);
    if (domain.size() > longest_kept)
      return found.at == std::string::npos ? "" : found.domain.substr(found.at);
    kept = std::move(found);
  }
  return kept.at == std::string::npos ? std::string() : kept.domain.substr(kept.at);
}

}  // namespace gatepost::mail
