// The style sheet: a file of its own, so that the page needs no inline style.
#pragma once

#include <string_view>

namespace gatepost::webui {

extern const std::string_view style_sheet;

}  // namespace gatepost::webui
