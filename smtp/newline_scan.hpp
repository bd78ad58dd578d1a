// Finds, in one pass, what matters in message data: dots at the start of lines, and bytes that are not
// clean CRLF text. This is the hot loop of the program.
#pragma once

#include <cstddef>
#include <span>

namespace gatepost::smtp {

/// What the scan stopped at.
enum class ScanEvent {
  end,  ///< nothing up to the end of the input
  dot,  ///< a dot that begins a line (after CRLF, or at the start if `line_start`)
  odd,  ///< a bare LF, a CR not followed by LF, or NUL; a CR as the last byte is not odd yet
};

struct ScanResult {
  ScanEvent event;
  std::size_t at;  ///< where
};

/// Scans `input` from `from`. `line_start`: input[from] begins a line. The byte before `from` is not a CR
/// that waits for its LF.
ScanResult scan_lines(std::span<const char> input, std::size_t from, bool line_start);

}  // namespace gatepost::smtp
