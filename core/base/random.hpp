// Randomness behind an interface, and the ids made of it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace gatepost::base {

/// Source of unpredictable numbers. Not shared between threads: each thread owns one.
class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;
};

/// getrandom(2), read in blocks so that an id costs no system call.
class SystemRandom final : public Random {
 public:
  std::uint64_t next() override;

 private:
  std::array<std::uint64_t, 64> block_{};
  std::size_t left_ = 0;
};

/// Identifies a session in replies, logs and on the page: ten characters of Crockford's base 32
/// (no I, L, O, U), 50 random bits. Also the incident id of every refusal of that session.
class SessionId {
 public:
  static constexpr std::size_t length = 10;
  SessionId() { text_.fill('0'); }
  static SessionId make(Random& random);
  /// Could `text` be the id of a session, by its looks?
  static bool resembles(std::string_view text);
  std::string_view view() const { return {text_.data(), text_.size()}; }

 private:
  static constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::array<char, length> text_;
};

}  // namespace gatepost::base
