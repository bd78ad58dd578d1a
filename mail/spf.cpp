#include "mail/spf.hpp"

namespace gatepost::mail {

std::optional<SpfAnswer> check_spf(const SpfQuestion&, dns::Lookup&) {
  return SpfAnswer{};
}

std::string received_spf_field(const SpfQuestion&, const SpfAnswer&) {
  return {};
}

}  // namespace gatepost::mail
