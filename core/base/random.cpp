#include "core/base/random.hpp"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

namespace gatepost::base {

std::uint64_t SystemRandom::next() {
  if (left_ == 0) {
    auto* bytes = reinterpret_cast<char*>(block_.data());
    for (std::size_t have = 0; have < sizeof block_;) {
      const auto got = ::getrandom(bytes + have, sizeof block_ - have, 0);
      if (got < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "getrandom");
      if (got > 0) have += static_cast<std::size_t>(got);
    }
    left_ = block_.size();
  }
  return block_[--left_];
}

SessionId SessionId::make(Random& random) {
  SessionId id;
  auto bits = random.next();
  for (auto& c : id.text_) {
    c = alphabet[bits & 31];
    bits >>= 5;
  }
  return id;
}

bool SessionId::resembles(std::string_view text) {
  return text.size() == length && text.find_first_not_of(alphabet) == std::string_view::npos;
}

}  // namespace gatepost::base
