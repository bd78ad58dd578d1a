// Passwords of the web page: PBKDF2 with SHA-256, slow on purpose.
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <stdexcept>
#include <vector>

#include "core/base/text.hpp"
#include "webui/server.hpp"

namespace gatepost::webui {
namespace {

constexpr std::string_view scheme = "pbkdf2-sha256";
constexpr int iterations_now = 600000;    // OWASP's advice of 2023
constexpr int most_iterations = 2000000;  // under a second: the admin thread waits for it
constexpr std::size_t salt_size = 16;
constexpr std::size_t hash_size = 32;

struct Parsed {
  int iterations = 0;
  std::vector<unsigned char> salt;
  std::vector<unsigned char> hash;
};

std::string hex(const unsigned char* bytes, std::size_t size) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

bool unhex(std::string_view text, std::vector<unsigned char>& bytes) {
  const auto digit = [](char c) {
    return base::is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  if (text.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    bytes.push_back(static_cast<unsigned char>(high << 4 | low));
  }
  return true;
}

bool parse(std::string_view text, Parsed& parsed) {
  std::uint64_t iterations = 0;
  if (base::split_off(text, ':') != scheme || !base::parse_number(base::split_off(text, ':'), iterations))
    return false;
  if (iterations < 1000 || iterations > most_iterations) return false;
  parsed.iterations = static_cast<int>(iterations);
  return unhex(base::split_off(text, ':'), parsed.salt) && unhex(text, parsed.hash) &&
         parsed.salt.size() >= 8 && parsed.hash.size() == hash_size;
}

std::array<unsigned char, hash_size> derive(std::string_view password, const std::vector<unsigned char>& salt,
                                            int iterations) {
  std::array<unsigned char, hash_size> hash{};
  PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), salt.data(),
                    static_cast<int>(salt.size()), iterations, EVP_sha256(), hash_size, hash.data());
  return hash;
}

}  // namespace

std::string password_hash(std::string_view password) {
  std::vector<unsigned char> salt(salt_size);
  if (RAND_bytes(salt.data(), salt_size) != 1) throw std::runtime_error("no randomness for a salt");
  const auto hash = derive(password, salt, iterations_now);
  return std::string(scheme) + ":" + std::to_string(iterations_now) + ":" + hex(salt.data(), salt.size()) +
         ":" + hex(hash.data(), hash.size());
}

bool is_password_hash(std::string_view text) {
  Parsed parsed;
  return parse(text, parsed);
}

bool password_matches(std::string_view password, const std::string& hash) {
  Parsed parsed;
  if (password.size() > 1024 || !parse(hash, parsed)) return false;
  const auto derived = derive(password, parsed.salt, parsed.iterations);
  return CRYPTO_memcmp(derived.data(), parsed.hash.data(), hash_size) == 0;
}

}  // namespace gatepost::webui
