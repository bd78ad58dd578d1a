// What others sent, made fit to be shown.
#pragma once

#include <string>
#include <string_view>

namespace gatepost::webui {

/// As base::printable(), and without the characters that are well-formed but hide or reorder what stands
/// beside them: C1 controls (a terminal obeys them), zero-width characters and those that turn the direction
/// of text. Their bytes become \xNN.
std::string shown(std::string_view foreign, std::size_t limit = 512);

}  // namespace gatepost::webui
