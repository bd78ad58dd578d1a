#include "webui/auth.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>

#include "core/base/text.hpp"
#include "webui/server.hpp"

namespace gatepost::webui {
namespace {

constexpr std::string_view scheme = "Basic ";
/// Longer ones match nothing (password.cpp), so that they need no computing.
constexpr std::size_t longest_password = 1024;

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const auto* input = reinterpret_cast<const unsigned char*>(text.data());
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), input, static_cast<int>(text.size()));
  if (size != static_cast<int>(bytes.size())) return std::nullopt;
  const auto last = text.find_last_not_of('=');
  const auto padding = text.size() - (last == std::string_view::npos ? 0 : last + 1);
  if (padding > 2) return std::nullopt;
  bytes.resize(bytes.size() - padding);
  return bytes;
}

/// The password in "Basic <base64 of user:password>".
std::optional<std::string> password_in(std::string_view field) {
  if (!base::istarts_with(field, scheme)) return std::nullopt;
  const auto credentials = decode_base64(base::trim(field.substr(scheme.size())));
  if (!credentials) return std::nullopt;
  const auto colon = credentials->find(':');
  if (colon == std::string::npos) return std::nullopt;
  return credentials->substr(colon + 1);
}

template <class Digest>
bool equal(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

Authenticator::Authenticator(base::Secret hash) {
  if (RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1)
    throw std::runtime_error("no randomness for a key");
  set_hash(std::move(hash));
}

void Authenticator::set_hash(base::Secret hash) {
  if (hash.reveal() == hash_.reveal()) return;
  hash_ = std::move(hash);
  hash_is_good_ = is_password_hash(hash_.reveal());
  accepted_.reset();
  refused_.clear();
}

Authenticator::Digest Authenticator::digest_of(std::string_view password) const {
  Digest digest{};
  const auto* input = reinterpret_cast<const unsigned char*>(password.data());
  if (HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), input, password.size(), digest.data(),
           nullptr) == nullptr) {
    throw std::runtime_error("no HMAC");
  }
  return digest;
}

bool Authenticator::may_compute(base::Instant now) {
  while (!computed_.empty() && now - computed_.front() >= window) computed_.pop_front();
  if (computed_.size() >= most_computations) return false;
  computed_.push_back(now);
  return true;
}

Authenticator::Answer Authenticator::ask(std::string_view field, base::Instant now) {
  if (hash_.empty()) return Answer::granted;
  const auto password = password_in(field);
  if (!hash_is_good_ || !password || password->size() > longest_password) return Answer::denied;
  const auto digest = digest_of(*password);
  if (accepted_ && equal(*accepted_, digest)) return Answer::granted;
  if (std::find(refused_.begin(), refused_.end(), digest) != refused_.end()) return Answer::denied;
  if (!may_compute(now)) return Answer::too_many;
  if (password_matches(*password, hash_.reveal())) {
    accepted_ = digest;
    return Answer::granted;
  }
  if (refused_.size() == most_refused_kept) refused_.pop_front();
  refused_.push_back(digest);
  return Answer::denied;
}

}  // namespace gatepost::webui
