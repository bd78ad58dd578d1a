// Mail addresses as SMTP paths carry them (RFC 5321 4.1.2, RFC 6531).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gatepost::mail {

/// A domain fit for comparison: lower-case A-labels (RFC 5890) without trailing dot, or an address literal in
/// brackets. Nothing if it is no domain by RFC 5321, but underscores, which DNS knows, are let through.
std::optional<std::string> domain_key(std::string_view domain);

/// A mailbox as it was written. The local part keeps its case and quotes; the domain has a key to compare by.
class Mailbox {
 public:
  Mailbox() = default;
  Mailbox(std::string local, std::string domain, std::string domain_key);

  /// local@domain as written; only the local part for a bare "postmaster".
  const std::string& text() const { return text_; }
  std::string_view local() const { return std::string_view(text_).substr(0, local_size_); }
  std::string_view domain() const;
  /// See mail::domain_key(); empty for a bare "postmaster".
  const std::string& domain_key() const { return domain_key_; }
  /// What directories know it by: unquoted lower-case local part @ domain_key.
  std::string key() const;
  /// The key's local part.
  std::string local_key() const;
  bool has_domain() const { return !domain_key_.empty(); }
  /// postmaster or abuse, at whatever domain: must always take mail (RFC 5321 4.5.1, RFC 2142).
  bool is_role() const;
  bool is_quoted() const { return text_.starts_with('"'); }
  /// Needs SMTPUTF8 (RFC 6531).
  bool non_ascii() const;
  /// Reads one mailbox and nothing else.
  static std::optional<Mailbox> parse(std::string_view text);

 private:
  std::string text_;
  std::size_t local_size_ = 0;
  std::string domain_key_;
};

enum class PathError {
  none,
  syntax,
  domain,    ///< the domain is no domain
  too_long,  ///< over 256 octets (RFC 5321 4.5.3.1.3)
};

/// A parsed <path>; source routes are dropped (RFC 5321 appendix C).
struct Path {
  PathError error = PathError::none;
  Mailbox mailbox;
  bool null = false;      ///< <>
  std::string_view rest;  ///< what stands behind it
};

/// Reads a path at the start of `text`. Missing angle brackets and a space before it are forgiven;
/// "<postmaster>" without a domain is taken.
Path parse_path(std::string_view text);

/// A local part without its BATV tag: "prvs=tttttttttt=user", "prvs=user=tttttttttt" and
/// "prvs=user/tttttttttt" (four digits, six hex digits) are "user"; anything else is what it is.
std::string_view without_batv(std::string_view local);

/// As `Mailbox::key()` for text from a file or the configuration; "@domain" stands for all of a domain.
std::optional<std::string> address_key(std::string_view text);

}  // namespace gatepost::mail
