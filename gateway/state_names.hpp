// The names under which things are remembered, as people see and search them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/ip.hpp"

namespace gatepost::gateway {

/// The parts of a name with a space between them; an empty part, such as the null sender, is "<>". Foreign
/// bytes are made fit for a terminal.
std::string shown_name(std::string_view name);

/// What `--match TEXT` finds: names that have TEXT as a whole (so "example.org" finds "a@mail.example.org",
/// but neither "notexample.org" nor "example.org.test", and "bob@example.org" no "jim.bob@example.org"); for
/// an address, also those with a network that it is in; with a * in it, names that look like it from end to
/// end. ASCII case does not count.
class NameMatch {
 public:
  explicit NameMatch(std::string text);
  bool operator()(std::string_view name) const;

 private:
  bool as_a_whole(std::string_view name) const;

  std::string text_;
  std::optional<base::IpAddress> address_;
};

}  // namespace gatepost::gateway
