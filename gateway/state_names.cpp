#include "gateway/state_names.hpp"

#include "core/base/text.hpp"
#include "webui/foreign.hpp"

namespace gatepost::gateway {
namespace {

constexpr std::size_t longest_shown = 1000;

bool is_word(char c) {
  return base::is_alnum(c) || base::is_high(c) || c == '-' || c == '_';
}

/// What a local part may hold (RFC 5322 3.2.3), but for '/', which parts of a name may be divided by.
bool is_atom_text(char c) {
  return is_word(c) || std::string_view(".!#$%&'*+=?^`{|}~").find(c) != std::string_view::npos;
}

bool ends_there(std::string_view behind) {
  if (behind.empty()) return true;
  const bool goes_on = behind.front() == '.' && behind.size() > 1 && is_word(behind[1]);
  return !goes_on && !is_word(behind.front());
}

/// Calls with each part of a shown name; true if one call says so.
template <class See>
bool any_part(std::string_view shown, See see) {
  while (!shown.empty()) {
    if (see(base::split_off(shown, ' '))) return true;
  }
  return false;
}

}  // namespace

std::string shown_name(std::string_view name) {
  std::string shown;
  while (true) {
    const auto end = name.find('\0');
    const auto part = name.substr(0, end);
    shown += part.empty() ? "<>" : webui::shown(part, longest_shown);
    if (end == std::string_view::npos) return shown;
    shown += ' ';
    name.remove_prefix(end + 1);
  }
}

NameMatch::NameMatch(std::string text)
    : text_(base::to_lower(base::trim(text))), address_(base::IpAddress::parse(text_)) {}

bool NameMatch::as_a_whole(std::string_view name) const {
  const bool local_part = text_.find('@') != std::string::npos;
  const auto begins_anew = [&](std::size_t at) {
    if (at == 0 || !is_word(text_.front())) return true;
    return !(local_part ? is_atom_text(name[at - 1]) : is_word(name[at - 1]));
  };
  for (auto at = name.find(text_); at != std::string_view::npos; at = name.find(text_, at + 1)) {
    if (begins_anew(at) && ends_there(name.substr(at + text_.size()))) return true;
  }
  return false;
}

bool NameMatch::operator()(std::string_view name) const {
  if (text_.empty()) return false;
  const auto shown = base::to_lower(shown_name(name));
  if (text_.find('*') != std::string::npos) return base::wildcard_match(text_, shown);
  if (address_) {
    return any_part(shown, [this](std::string_view part) {
      const auto network = base::Network::parse(part);
      return network && network->contains(*address_);
    });
  }
  return as_a_whole(shown);
}

}  // namespace gatepost::gateway
