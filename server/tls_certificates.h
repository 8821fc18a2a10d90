// The server's certificate, and the authorities of its clients'.
#ifndef GRAMIAN_SERVER_TLS_CERTIFICATES_H_
#define GRAMIAN_SERVER_TLS_CERTIFICATES_H_

#include <grpcpp/security/server_credentials.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gramian/base/mutex.h"
#include "server/watched_files.h"

namespace gramian {

// PEM files. With `client_ca` every client must show a certificate of one of its authorities.
struct TlsFiles {
  std::string certificate;  // the chain, the server's own first
  std::string key;
  std::string client_ca;  // empty: clients need no certificate
};

// What they hold.
struct TlsContents {
  std::string certificate;
  std::string key;
  std::string client_ca;
};

// OK if TLS can be spoken with them: they are put together as they are for a connection.
// INVALID_ARGUMENT if a certificate, one that follows it in its file, or the key is none, the key
// has a passphrase, is too weak for OpenSSL or not the certificate's, or the server's certificate
// has expired.
absl::Status CheckTls(const TlsContents& contents, absl::Time now);

// Certificates that may change while the server runs: a new connection gets those of the last
// files that fit together, an old one keeps its own. Thread-safe.
class TlsCertificates {
 public:
  // Errors of ReadWatchedFile and CheckTls.
  static absl::StatusOr<std::unique_ptr<TlsCertificates>> Load(const TlsFiles& files);

  // For one port, whose server this object outlives: it is asked at every handshake.
  const std::shared_ptr<grpc::ServerCredentials>& credentials() const { return credentials_; }

  // See WatchedFiles.
  void Look() { files_.Look(); }
  bool is_current() const { return files_.is_current(); }

  // What connections get now, and how often that has changed.
  TlsContents contents() const;
  // When the server's certificate expires.
  absl::Time expiry() const;
  int64_t generation() const;

 private:
  explicit TlsCertificates(const TlsFiles& files);
  absl::Status Accept(TlsContents contents);

  const bool asks_clients_;
  const std::shared_ptr<grpc::ServerCredentials> credentials_;
  WatchedFiles files_;
  mutable Mutex mutex_;
  TlsContents contents_ GRAMIAN_GUARDED_BY(mutex_);
  absl::Time expiry_ GRAMIAN_GUARDED_BY(mutex_);
  int64_t generation_ GRAMIAN_GUARDED_BY(mutex_) = 0;
};

// The first message of a TLS client.
std::string TlsClientHello();

}  // namespace gramian

#endif  // GRAMIAN_SERVER_TLS_CERTIFICATES_H_
