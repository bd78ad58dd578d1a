// The certificate for those who have none yet: opportunistic TLS needs no more (RFC 7435).
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "core/net/tls_context.hpp"

namespace gatepost::net {
namespace {

using Certificate = std::unique_ptr<X509, SslFree>;
using Key = std::unique_ptr<EVP_PKEY, SslFree>;
using Memory = std::unique_ptr<BIO, SslFree>;

/// Is there a certificate for `hostname` in `file` that is good for another 30 days?
bool usable(const std::string& file, const std::string& hostname) {
  const Memory in(BIO_new_file(file.c_str(), "r"));
  if (!in) return false;
  const Certificate certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  if (!certificate || X509_check_host(certificate.get(), hostname.c_str(), 0, 0, nullptr) != 1) return false;
  std::time_t limit = std::time(nullptr) + 30 * 86400;
  return X509_cmp_time(X509_get0_notAfter(certificate.get()), &limit) > 0;
}

Certificate make_certificate(EVP_PKEY* key, const std::string& hostname) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  unsigned char serial[16];
  RAND_bytes(serial, sizeof serial);
  serial[0] &= 0x7F;
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get()));
  BN_free(number);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 10L * 365 * 86400);
  X509_set_pubkey(certificate.get(), key);
  auto* subject = X509_get_subject_name(certificate.get());
  // A common name holds 64 characters at most; the full name is in the alternative name anyway.
  const auto common = hostname.substr(0, 64);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), subject);
  const auto names = "DNS:" + hostname;
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
  if (extension == nullptr) return {};
  X509_add_ext(certificate.get(), extension, -1);
  X509_EXTENSION_free(extension);
  if (X509_sign(certificate.get(), key, EVP_sha256()) == 0) return {};
  return certificate;
}

/// Written beside and renamed, readable by us alone.
base::Result<void> write_private(const std::string& file, BIO* content) {
  char* bytes = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(content, &bytes));
  const auto temporary = file + ".new";
  const auto fail = [&](const char* what) {
    return base::Failure{std::string("cannot ") + what + " " + temporary + ": " +
                         std::generic_category().message(errno)};
  };
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail("create");
  const bool written = ::write(fd, bytes, size) == static_cast<ssize_t>(size) && ::fsync(fd) == 0;
  ::close(fd);
  if (!written) return fail("write");
  if (::rename(temporary.c_str(), file.c_str()) != 0) return fail("rename");
  return {};
}

}  // namespace

base::Result<CertificateFiles> self_signed(const std::string& directory, const std::string& hostname) {
  const auto file = directory + "/self-signed.pem";
  if (usable(file, hostname)) return CertificateFiles{file, file};
  const Key key(EVP_EC_gen("P-256"));
  const auto certificate = key ? make_certificate(key.get(), hostname) : Certificate{};
  if (!certificate)
    return base::Failure{"cannot make a self-signed certificate for " + hostname + ": " + tls_error()};
  const Memory content(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(content.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  PEM_write_bio_X509(content.get(), certificate.get());
  const auto written = write_private(file, content.get());
  if (!written) return written.error();
  return CertificateFiles{file, file};
}

}  // namespace gatepost::net
