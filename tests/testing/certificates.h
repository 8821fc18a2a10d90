// Certificates for tests of TLS.
#ifndef GRAMIAN_TESTS_TESTING_CERTIFICATES_H_
#define GRAMIAN_TESTS_TESTING_CERTIFICATES_H_

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace gramian::testing {

// PEM of a certificate and of its key.
struct CertificatePair {
  std::string certificate;
  std::string key;
};

// What is unusual about a certificate.
struct CertificateOptions {
  int rsa_bits = 0;           // 0: an elliptic curve
  long valid_seconds = 3600;  // from now on
};

// An authority that signs certificates for an hour.
class CertificateAuthority {
 public:
  explicit CertificateAuthority(const std::string& name);

  // Its own certificate.
  std::string certificate() const;
  // One for a subject with this common name and this subject alternative name ("DNS:localhost").
  CertificatePair Issue(const std::string& common_name, const std::string& alternative_name,
                        const CertificateOptions& options = {}) const;

 private:
  std::shared_ptr<EVP_PKEY> key_;
  std::shared_ptr<X509> certificate_;
};

// Replaces the file as a whole.
void ReplaceFile(const std::string& path, const std::string& content);

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_TESTING_CERTIFICATES_H_
