#include "smtp/newline_scan.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace gatepost::smtp {
namespace {

/// One bit per byte of a block, lowest bit first.
struct Masks {
  std::uint64_t cr;
  std::uint64_t lf;
  std::uint64_t nul;
  std::uint64_t dot;
};

constexpr std::size_t block = 64;

#ifdef __SSE2__
std::uint64_t equal(const __m128i (&v)[4], char c) {
  const __m128i wanted = _mm_set1_epi8(c);
  std::uint64_t mask = 0;
  for (int i = 3; i >= 0; --i) {
    mask = mask << 16 |
           static_cast<std::uint64_t>(static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(v[i], wanted))));
  }
  return mask;
}

Masks masks_of(const char* p) {
  __m128i v[4];
  for (int i = 0; i < 4; ++i)
    v[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + std::ptrdiff_t{16} * i));
  return {equal(v, '\r'), equal(v, '\n'), equal(v, '\0'), equal(v, '.')};
}
#else
Masks masks_of(const char* p) {
  Masks masks{};
  for (std::size_t i = 0; i < block; ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    if (p[i] == '\r') masks.cr |= bit;
    if (p[i] == '\n') masks.lf |= bit;
    if (p[i] == '\0') masks.nul |= bit;
    if (p[i] == '.') masks.dot |= bit;
  }
  return masks;
}
#endif

}  // namespace

ScanResult scan_lines(std::span<const char> input, std::size_t from, bool line_start) {
  bool after_cr = false;
  bool after_crlf = line_start;
  std::size_t at = from;
  for (; at + block <= input.size(); at += block) {
    const auto m = masks_of(input.data() + at);
    const auto expected_lf = m.cr << 1 | static_cast<std::uint64_t>(after_cr);
    const auto line_starts = m.lf << 1 | static_cast<std::uint64_t>(after_crlf);
    // A CR without LF shows at the byte behind it, which is where the two masks differ too.
    const auto odd = (expected_lf ^ m.lf) | m.nul;
    const auto dots = m.dot & line_starts;
    if ((odd | dots) != 0) {
      const auto first_odd = static_cast<std::size_t>(std::countr_zero(odd));
      const auto first_dot = static_cast<std::size_t>(std::countr_zero(dots));
      if (first_dot < first_odd) return {ScanEvent::dot, at + first_dot};
      const bool bare_cr = (expected_lf >> first_odd & 1) != 0 && (m.lf >> first_odd & 1) == 0;
      return {ScanEvent::odd, at + first_odd - (bare_cr ? 1 : 0)};
    }
    after_cr = (m.cr >> 63) != 0;
    after_crlf = (m.lf >> 63) != 0;
  }
  for (; at < input.size(); ++at) {
    const char c = input[at];
    if (after_cr != (c == '\n')) return {ScanEvent::odd, at - (after_cr ? 1 : 0)};
    if (c == '\0') return {ScanEvent::odd, at};
    if (after_crlf && c == '.') return {ScanEvent::dot, at};
    after_cr = c == '\r';
    after_crlf = c == '\n';
  }
  return {ScanEvent::end, input.size()};
}

}  // namespace gatepost::smtp
