#include "mail/organisational_domain.hpp"

#include <libpsl.h>

namespace gatepost::mail {

std::string organisational_domain(std::string_view domain, PublicSuffixes suffixes) {
  const int types = suffixes == PublicSuffixes::all ? PSL_TYPE_ANY : PSL_TYPE_ICANN;
  const std::string text(domain);
  std::size_t label = std::string::npos;
  for (std::size_t rest = 0; rest < text.size();) {
    // The first suffix from the left is the longest.
    if (psl_is_public_suffix2(psl_builtin(), text.c_str() + rest, types) != 0)
      return label == std::string::npos ? std::string() : text.substr(label);
    const auto dot = text.find('.', rest);
    if (dot == std::string::npos) break;
    label = rest;
    rest = dot + 1;
  }
  return {};
}

}  // namespace gatepost::mail
