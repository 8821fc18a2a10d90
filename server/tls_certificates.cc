#include "server/tls_certificates.h"

#include <grpc/grpc_security.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <atomic>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

// Nobody is there to be asked for one.
int NoPassphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

Bio Reading(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// What OpenSSL complains of last, for people.
std::string Complaint() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  const char* const reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  return reason == nullptr ? "unknown error" : reason;
}

// All certificates of a file of the flag, at least one.
absl::StatusOr<std::vector<Certificate>> Certificates(const std::string& pem, const char* flag) {
  ERR_clear_error();
  const Bio bio = Reading(pem);
  std::vector<Certificate> certificates;
  for (;;) {
    Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr));
    if (certificate == nullptr) break;
    certificates.push_back(std::move(certificate));
  }
  // Where no further one begins the file has been read.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string complaint = Complaint();
  if (certificates.empty())
    return absl::InvalidArgumentError(
        absl::StrCat("the file of ", flag, " holds no PEM certificate"));
  if (at_end) return certificates;
  return absl::InvalidArgumentError(absl::StrCat("the file of ", flag,
                                                 ": what follows certificate ", certificates.size(),
                                                 " is none: ", complaint));
}

absl::Time ExpiryOf(const X509& certificate) {
  tm time{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &time) != 1) return absl::InfinitePast();
  return absl::FromTM(time, absl::UTCTimeZone());
}

Key PrivateKey(const std::string& pem) {
  return Key(PEM_read_bio_PrivateKey(Reading(pem).get(), nullptr, NoPassphrase, nullptr));
}

// gRPC's own reloading of files drops what it has when new ones do not fit together. These
// credentials are asked at every handshake and keep what they have until there is something better.
class ReloadingCredentials final : public grpc::ServerCredentials {
 public:
  ReloadingCredentials(const TlsCertificates& certificates, bool asks_clients)
      : certificates_(certificates) {
    credentials_ = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            asks_clients ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                         : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
            &ReloadingCredentials::Fetch, this));
  }
  ~ReloadingCredentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {}

 private:
  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<ReloadingCredentials*>(self)->Fetch(config);
  }

  grpc_ssl_certificate_config_reload_status Fetch(grpc_ssl_server_certificate_config** config) {
    const int64_t generation = certificates_.generation();
    if (handed_out_.exchange(generation) == generation) {
      return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    }
    const TlsContents contents = certificates_.contents();
    const grpc_ssl_pem_key_cert_pair pair = {contents.key.c_str(), contents.certificate.c_str()};
    // Authorities are asserted to be there, also where no client is asked for a certificate.
    const std::string& authorities =
        contents.client_ca.empty() ? contents.certificate : contents.client_ca;
    *config = grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  const TlsCertificates& certificates_;
  std::atomic<int64_t> handed_out_{0};
  grpc_server_credentials* credentials_ = nullptr;
};

std::vector<std::string> Paths(const TlsFiles& files) {
  std::vector<std::string> paths = {files.certificate, files.key};
  if (!files.client_ca.empty()) paths.push_back(files.client_ca);
  return paths;
}

}  // namespace

absl::Status CheckTls(const TlsContents& contents, absl::Time now) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<Certificate> chain,
                           Certificates(contents.certificate, "--tls-cert"));
  const Key key = PrivateKey(contents.key);
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        "the file of --tls-key holds no PEM private key without a passphrase");
  }
  if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
    return absl::InvalidArgumentError(
        "the key of --tls-key is not that of the first certificate of --tls-cert");
  }
  if (const absl::Time expiry = ExpiryOf(*chain.front()); expiry < now) {
    return absl::InvalidArgumentError(
        absl::StrCat("the first certificate of --tls-cert has expired at ",
                     absl::FormatTime(absl::RFC3339_sec, expiry, absl::UTCTimeZone())));
  }
  if (!contents.client_ca.empty())
    GRAMIAN_RETURN_IF_ERROR(Certificates(contents.client_ca, "--tls-client-ca").status());
  ERR_clear_error();
  const std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>> context(SSL_CTX_new(TLS_server_method()));
  bool fits = SSL_CTX_use_certificate(context.get(), chain.front().get()) == 1;
  for (size_t i = 1; i < chain.size() && fits; ++i)
    fits = SSL_CTX_add1_chain_cert(context.get(), chain[i].get()) == 1;
  fits = fits && SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1;
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("OpenSSL refuses the files of --tls-cert and --tls-key: ", Complaint()));
}

TlsCertificates::TlsCertificates(const TlsFiles& files)
    : asks_clients_(!files.client_ca.empty()),
      credentials_(std::make_shared<ReloadingCredentials>(*this, asks_clients_)),
      files_("TLS certificates", Paths(files),
             [this](const std::vector<std::string>& contents) -> absl::Status {
               if (asks_clients_ && contents[2].empty())
                 return absl::InvalidArgumentError("the file of --tls-client-ca is empty");
               return Accept({contents[0], contents[1], asks_clients_ ? contents[2] : ""});
             }) {}

absl::StatusOr<std::unique_ptr<TlsCertificates>> TlsCertificates::Load(const TlsFiles& files) {
  std::unique_ptr<TlsCertificates> certificates(new TlsCertificates(files));
  GRAMIAN_RETURN_IF_ERROR(certificates->files_.Load());
  return certificates;
}

absl::Status TlsCertificates::Accept(TlsContents contents) {
  GRAMIAN_RETURN_IF_ERROR(CheckTls(contents, absl::Now()));
  const Certificate leaf(
      PEM_read_bio_X509(Reading(contents.certificate).get(), nullptr, NoPassphrase, nullptr));
  MutexLock lock(mutex_);
  expiry_ = ExpiryOf(*leaf);
  contents_ = std::move(contents);
  ++generation_;
  return absl::OkStatus();
}

TlsContents TlsCertificates::contents() const {
  MutexLock lock(mutex_);
  return contents_;
}

absl::Time TlsCertificates::expiry() const {
  MutexLock lock(mutex_);
  return expiry_;
}

int64_t TlsCertificates::generation() const {
  MutexLock lock(mutex_);
  return generation_;
}

std::string TlsClientHello() {
  const std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>> context(SSL_CTX_new(TLS_client_method()));
  const std::unique_ptr<SSL, Freed<SSL_free>> client(SSL_new(context.get()));
  BIO* const sent = BIO_new(BIO_s_mem());
  SSL_set_bio(client.get(), BIO_new(BIO_s_mem()), sent);
  static constexpr unsigned char kHttp2[] = {2, 'h', '2'};
  SSL_set_alpn_protos(client.get(), kHttp2, sizeof(kHttp2));
  // Waits for an answer that never comes here.
  SSL_connect(client.get());
  char* data = nullptr;
  const auto size = BIO_get_mem_data(sent, &data);
  return std::string(data, static_cast<size_t>(size));
}

}  // namespace gramian
