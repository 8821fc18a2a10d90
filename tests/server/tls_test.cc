// TLS over a real socket: who may connect, and certificates that change.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/tls_certificates.h"
#include "tests/server/http_get.h"
#include "tests/server/server_fixture.h"
#include "tests/testing/certificates.h"

namespace gramian::testing {
namespace {

using ::testing::HasSubstr;

class TlsTest : public ServerFixture {
 protected:
  void SetUp() override {
    options_.tls_cert = directory_.path() + "/cert.pem";
    options_.tls_key = directory_.path() + "/key.pem";
    Place(authority_.Issue("gramiand", "DNS:localhost,IP:127.0.0.1"));
  }

  void Place(const CertificatePair& pair) {
    ReplaceFile(options_.tls_cert, pair.certificate);
    ReplaceFile(options_.tls_key, pair.key);
  }

  void AskForCertificates() {
    options_.tls_client_ca = directory_.path() + "/ca.pem";
    ReplaceFile(options_.tls_client_ca, clients_.certificate());
  }

  // One call on a connection of its own.
  grpc::Status Ask(const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto channel = grpc::CreateCustomChannel(server_->grpc_address(), credentials, arguments);
    const auto stub = v1::AdminService::NewStub(channel);
    v1::GetServerInfoResponse response;
    return stub->GetServerInfo(Context().get(), {}, &response);
  }

  static std::shared_ptr<grpc::ChannelCredentials> Trusting(const CertificateAuthority& authority,
                                                            const CertificatePair& own = {}) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = authority.certificate();
    options.pem_cert_chain = own.certificate;
    options.pem_private_key = own.key;
    return grpc::SslCredentials(options);
  }

  bool IsCurrent(const char* value) const {
    return absl::StrContains(
        HttpGet(server_->metrics_address(), "/metrics").body,
        absl::StrCat("gramian_config_last_reload_successful{source=\"tls\"} ", value));
  }

  TempDir directory_;
  ServerOptions options_ = Options();
  const CertificateAuthority authority_{"authority"};
  const CertificateAuthority clients_{"authority of clients"};
};

TEST_F(TlsTest, OnlyWhoTrustsTheCertificateIsServed) {
  Start(options_);
  EXPECT_TRUE(Ask(Trusting(authority_)).ok());
  EXPECT_EQ(Ask(Trusting(clients_)).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Ask(grpc::InsecureChannelCredentials()).error_code(), grpc::StatusCode::UNAVAILABLE);
  // Who looks after the process needs no certificate.
  EXPECT_EQ(HttpGet(server_->metrics_address(), "/livez").code, 200);
}

TEST_F(TlsTest, ClientsShowACertificateOfTheRightAuthority) {
  AskForCertificates();
  Start(options_);
  EXPECT_TRUE(Ask(Trusting(authority_, clients_.Issue("c", "DNS:client.lab"))).ok());
  EXPECT_EQ(Ask(Trusting(authority_)).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Ask(Trusting(authority_, authority_.Issue("c", "DNS:client.lab"))).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(HttpGet(server_->metrics_address(), "/livez").code, 200);
}

TEST_F(TlsTest, ACertificateIsAsGoodAsAToken) {
  AskForCertificates();
  options_.access_file = directory_.path() + "/access.json";
  ReplaceFile(options_.access_file,
              R"({"certificates": [{"name": "client.lab", "role": "reader", "projects": "*"}]})");
  Start(options_);
  EXPECT_TRUE(Ask(Trusting(authority_, clients_.Issue("c", "DNS:client.lab"))).ok());
  const grpc::Status stranger =
      Ask(Trusting(authority_, clients_.Issue("client.lab", "DNS:other.lab")));
  EXPECT_EQ(stranger.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ReasonIn(stranger), "CREDENTIALS_UNKNOWN");
}

TEST_F(TlsTest, NewConnectionsGetTheNewCertificateAndABrokenOneNever) {
  Start(options_);
  ASSERT_TRUE(Ask(Trusting(authority_)).ok());
  const CertificateAuthority next("next authority");
  const CertificatePair pair = next.Issue("gramiand", "DNS:localhost,IP:127.0.0.1");
  // The certificate without its key: what was there before stays.
  ReplaceFile(options_.tls_cert, pair.certificate);
  ASSERT_TRUE(Eventually([&] { return IsCurrent("0"); }));
  EXPECT_TRUE(Ask(Trusting(authority_)).ok());
  EXPECT_EQ(HttpGet(server_->metrics_address(), "/livez").code, 200);
  ReplaceFile(options_.tls_key, pair.key);
  ASSERT_TRUE(Eventually([&] { return IsCurrent("1"); }));
  EXPECT_TRUE(Ask(Trusting(next)).ok());
  EXPECT_EQ(Ask(Trusting(authority_)).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, AnExpiredCertificateTakesNoPlace) {
  Place(authority_.Issue("gramiand", "DNS:localhost,IP:127.0.0.1", {.valid_seconds = 7200}));
  Start(options_);
  const auto seconds_left = [&] {
    constexpr char kName[] = "\ngramian_tls_certificate_expiry_timestamp_seconds ";
    const std::string page = HttpGet(server_->metrics_address(), "/metrics").body;
    const size_t at = page.find(kName);
    return at == std::string::npos ? 0.0
                                   : std::stod(page.substr(at + sizeof(kName) - 1)) -
                                         absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  };
  EXPECT_GT(seconds_left(), 3600.0);
  EXPECT_LE(seconds_left(), 7200.0);
  Place(authority_.Issue("gramiand", "DNS:localhost,IP:127.0.0.1", {.valid_seconds = -30}));
  ASSERT_TRUE(Eventually([&] { return IsCurrent("0"); }));
  EXPECT_TRUE(Ask(Trusting(authority_)).ok());
  Place(authority_.Issue("gramiand", "DNS:localhost,IP:127.0.0.1"));
  ASSERT_TRUE(Eventually([&] { return IsCurrent("1"); }));
  EXPECT_LE(seconds_left(), 3600.0);
}

TEST_F(TlsTest, LayersTravelAsTheyAre) {
  Start(options_);
  const auto credentials = Trusting(authority_);
  channel_ = grpc::CreateChannel(server_->grpc_address(), credentials);
  activations_ = v1::ActivationService::NewStub(channel_);
  const Activations layer = RandomActivations(500, 40, 1);
  MustUpload(layer, "x");
  std::string bytes;
  EXPECT_TRUE(Fetch(LayerName("x"), &bytes).ok());
  EXPECT_EQ(bytes, layer.bytes());
}

TEST_F(TlsTest, WhatDoesNotFitTogetherIsNamed) {
  const CertificatePair pair = authority_.Issue("a", "DNS:a");
  const CertificatePair other = authority_.Issue("b", "DNS:b");
  const absl::Time now = absl::Now();
  const auto is_fine = [now](const TlsContents& contents) {
    const absl::Status status = CheckTls(contents, now);
    EXPECT_TRUE(status.ok()) << status;
  };
  is_fine({pair.certificate, pair.key, ""});
  is_fine({pair.certificate, pair.key, clients_.certificate()});
  is_fine({"about it\n" + pair.certificate + authority_.certificate() + "\nand more\n", pair.key,
           clients_.certificate() + authority_.certificate()});
  const auto message = [now](const TlsContents& contents) {
    const absl::Status status = CheckTls(contents, now);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(message({"", pair.key, ""}), HasSubstr("--tls-cert holds no PEM certificate"));
  EXPECT_THAT(message({pair.certificate, "", ""}), HasSubstr("--tls-key holds no PEM private key"));
  EXPECT_THAT(message({pair.certificate, other.key, ""}), HasSubstr("is not that of"));
  EXPECT_THAT(message({pair.certificate, pair.key, "x"}), HasSubstr("--tls-client-ca"));
  // What gRPC would refuse when a client connects.
  const std::string rubbish = "-----BEGIN CERTIFICATE-----\nrubbish\n";
  EXPECT_THAT(message({pair.certificate + rubbish, pair.key, ""}),
              HasSubstr("--tls-cert: what follows certificate 1 is none"));
  EXPECT_THAT(message({pair.certificate, pair.key, clients_.certificate() + rubbish}),
              HasSubstr("--tls-client-ca: what follows certificate 1 is none"));
  const CertificatePair weak = authority_.Issue("weak", "DNS:a", {.rsa_bits = 1024});
  EXPECT_THAT(message({weak.certificate, weak.key, ""}), HasSubstr("key too small"));
  const CertificatePair old = authority_.Issue("old", "DNS:a", {.valid_seconds = -30});
  EXPECT_THAT(message({old.certificate, old.key, ""}), HasSubstr("has expired at 20"));
  options_.tls_key = directory_.path() + "/none.pem";
  const auto server = Server::Start(options_);
  EXPECT_TRUE(absl::IsInvalidArgument(server.status()));
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("none.pem"));
}

}  // namespace
}  // namespace gramian::testing
