// TLS certificates and settings, immutable once built: a reload builds a new one.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"

namespace gatepost::net {

struct SslFree {
  void operator()(SSL* p) const { SSL_free(p); }
  void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(BIO* p) const { BIO_free_all(p); }
};
using SslPointer = std::unique_ptr<SSL, SslFree>;

/// What OpenSSL last complained about on this thread, in words; empties its error queue.
std::string tls_error();

/// A PEM certificate chain and its private key, as files.
struct CertificateFiles {
  std::string certificate;
  std::string key;
};

/// Server side: one or several certificates, chosen by SNI; the first one is for everybody else.
class TlsServerContext : public std::enable_shared_from_this<TlsServerContext> {
 public:
  struct Certificate {
    std::string file;
    std::string subject;  ///< its names, for people
    base::WallTime not_after;
  };

  /// Fails with a sentence that names the file.
  static base::Result<std::shared_ptr<const TlsServerContext>> load(
      const std::vector<CertificateFiles>& files);

  /// The session keeps this alive: the certificate is chosen when the client has said its name.
  SslPointer make_session() const;
  const std::vector<Certificate>& certificates() const { return certificates_; }

 private:
  static int choose(SSL* ssl, int* alert, void*);

  std::vector<std::unique_ptr<SSL_CTX, SslFree>> contexts_;
  std::vector<Certificate> certificates_;
};

/// Client side, towards one route's servers.
class TlsClientContext {
 public:
  /// `verify`: the server's certificate must be valid for its name; trusted are the CAs of `ca_file`, or the
  /// system's if empty.
  static base::Result<std::shared_ptr<const TlsClientContext>> make(bool verify, const std::string& ca_file);

  /// `name` is sent as SNI and, when verifying, must be in the certificate; an IP address is checked as such.
  SslPointer make_session(const std::string& name) const;

 private:
  std::unique_ptr<SSL_CTX, SslFree> context_;
  bool verify_ = false;
};

/// Makes `directory`/self-signed.pem (key and certificate for `hostname`) unless it is there for that name.
base::Result<CertificateFiles> self_signed(const std::string& directory, const std::string& hostname);

}  // namespace gatepost::net
