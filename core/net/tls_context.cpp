#include "core/net/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <system_error>

#include "core/base/ip.hpp"

namespace gatepost::net {
namespace {

using Context = std::unique_ptr<SSL_CTX, SslFree>;

Context make_context(const SSL_METHOD* method) {
  Context context(SSL_CTX_new(method));
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(),
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // Buffers only while data is in flight: an idle TLS session would otherwise hold 34 KiB more.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

std::string names_of(X509* certificate) {
  std::string names;
  auto* alternatives =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
    const auto* name = sk_GENERAL_NAME_value(alternatives, i);
    if (name->type != GEN_DNS) continue;
    const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    names += (names.empty() ? "" : " ") +
             std::string(text, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
  }
  GENERAL_NAMES_free(alternatives);
  if (!names.empty()) return names;
  char common[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, common, sizeof common);
  return common;
}

/// What an SSL object keeps of the context that made it.
using Keeper = std::shared_ptr<const TlsServerContext>;

int keeper_index() {
  static const int index = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* keeper, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<Keeper*>(keeper); });
  return index;
}

base::WallTime expiry_of(X509* certificate) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

}  // namespace

std::string tls_error() {
  std::string text;
  while (const auto code = ERR_get_error()) {
    if (!text.empty()) continue;  // the first one is the cause
    const char* reason = ERR_reason_error_string(code);
    text = ERR_SYSTEM_ERROR(code) ? std::generic_category().message(ERR_GET_REASON(code))
           : reason != nullptr    ? reason
                                  : "TLS error " + std::to_string(code);
  }
  return text.empty() ? "unknown TLS error" : text;
}

base::Result<std::shared_ptr<const TlsServerContext>> TlsServerContext::load(
    const std::vector<CertificateFiles>& files) {
  auto loaded = std::make_shared<TlsServerContext>();
  for (const auto& [certificate, key] : files) {
    ERR_clear_error();
    auto context = make_context(TLS_server_method());
    SSL_CTX_set_num_tickets(context.get(), 1);
    if (SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1) {
      return base::Failure{"cannot read a certificate from " + certificate + ": " + tls_error()};
    }
    if (SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1) {
      return base::Failure{"cannot read the private key of " + certificate + " from " + key + ": " +
                           tls_error()};
    }
    auto* leaf = SSL_CTX_get0_certificate(context.get());
    loaded->certificates_.push_back({certificate, names_of(leaf), expiry_of(leaf)});
    loaded->contexts_.push_back(std::move(context));
  }
  for (auto& context : loaded->contexts_) {
    SSL_CTX_set_tlsext_servername_callback(context.get(), &TlsServerContext::choose);
  }
  return std::shared_ptr<const TlsServerContext>(std::move(loaded));
}

int TlsServerContext::choose(SSL* ssl, int*, void*) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  for (const auto& context : (*static_cast<Keeper*>(SSL_get_ex_data(ssl, keeper_index())))->contexts_) {
    if (X509_check_host(SSL_CTX_get0_certificate(context.get()), name, 0, 0, nullptr) == 1) {
      SSL_set_SSL_CTX(ssl, context.get());
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_NOACK;
}

SslPointer TlsServerContext::make_session() const {
  SslPointer ssl(SSL_new(contexts_.front().get()));
  SSL_set_accept_state(ssl.get());
  SSL_set_ex_data(ssl.get(), keeper_index(), new Keeper(shared_from_this()));
  return ssl;
}

base::Result<std::shared_ptr<const TlsClientContext>> TlsClientContext::make(bool verify,
                                                                             const std::string& ca_file) {
  auto made = std::make_shared<TlsClientContext>();
  ERR_clear_error();
  made->context_ = make_context(TLS_client_method());
  made->verify_ = verify;
  SSL_CTX_set_session_cache_mode(made->context_.get(), SSL_SESS_CACHE_OFF);
  if (verify) {
    SSL_CTX_set_verify(made->context_.get(), SSL_VERIFY_PEER, nullptr);
    const auto loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(made->context_.get())
                                        : SSL_CTX_load_verify_file(made->context_.get(), ca_file.c_str());
    if (loaded != 1)
      return base::Failure{"cannot read CA certificates from " + (ca_file.empty() ? "the system" : ca_file) +
                           ": " + tls_error()};
  }
  return std::shared_ptr<const TlsClientContext>(std::move(made));
}

SslPointer TlsClientContext::make_session(const std::string& name) const {
  SslPointer ssl(SSL_new(context_.get()));
  SSL_set_connect_state(ssl.get());
  if (base::IpAddress::parse(name)) {
    if (verify_) X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), name.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl.get(), name.c_str());
    if (verify_) SSL_set1_host(ssl.get(), name.c_str());
  }
  return ssl;
}

}  // namespace gatepost::net
