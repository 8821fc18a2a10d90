#include "gramian/rpc/security.h"

#include <arpa/inet.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace gramian::client {
namespace {

class AddToken final : public grpc::experimental::Interceptor {
 public:
  explicit AddToken(const std::string& header) : header_(header) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    using Point = grpc::experimental::InterceptionHookPoints;
    if (methods->QueryInterceptionHookPoint(Point::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace("authorization", header_);
    }
    methods->Proceed();
  }

 private:
  const std::string header_;
};

class AddTokenFactory final : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit AddTokenFactory(const std::string& token) : header_("Bearer " + token) {}

  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo* /*info*/) override {
    return new AddToken(header_);
  }

 private:
  const std::string header_;
};

absl::StatusOr<std::string> ReadPem(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.good() || text.empty())
    return absl::InvalidArgumentError(absl::StrCat("cannot read ", path));
  return text;
}

bool IsLoopback(const std::string& address) {
  if (absl::StartsWith(address, "unix:")) return true;
  const std::string host = address.substr(0, address.rfind(':'));
  in_addr ipv4{};
  // A name may begin like an address.
  if (inet_pton(AF_INET, host.c_str(), &ipv4) == 1) return ntohl(ipv4.s_addr) >> 24 == 127;
  return host == "localhost" || host == "[::1]";
}

absl::Status CheckToken(const std::string& address, const ClientOptions& options) {
  const auto is_visible = [](char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); };
  // The token itself is named nowhere.
  if (!std::all_of(options.token.begin(), options.token.end(), is_visible)) {
    return absl::InvalidArgumentError("the token holds characters that no token has");
  }
  if (options.token.empty() || !options.tls.ca_file.empty() || options.allow_plaintext ||
      IsLoopback(address)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the token would travel to ", address,
                   " in the clear: name the authority of its certificate (tls.ca_file, --tls-ca), "
                   "or allow plaintext (allow_plaintext, --allow-plaintext)"));
}

}  // namespace

absl::StatusOr<Security> MakeSecurity(const std::string& address, const ClientOptions& options) {
  if (absl::Status status = CheckToken(address, options); !status.ok()) return status;
  const TlsOptions& tls = options.tls;
  if (tls.cert_file.empty() != tls.key_file.empty())
    return absl::InvalidArgumentError("a client's certificate and its key need each other");
  Security security;
  security.token = options.token;
  security.server_name = tls.server_name;
  security.is_local = IsLoopback(address);
  if (tls.ca_file.empty()) {
    if (!tls.cert_file.empty() || !tls.server_name.empty()) {
      return absl::InvalidArgumentError(
          "TLS needs the authority of the server's certificate (tls.ca_file, --tls-ca)");
    }
    security.credentials = grpc::InsecureChannelCredentials();
    return security;
  }
  grpc::SslCredentialsOptions ssl;
  for (const auto& [path, text] : {std::pair(&tls.ca_file, &ssl.pem_root_certs),
                                   std::pair(&tls.cert_file, &ssl.pem_cert_chain),
                                   std::pair(&tls.key_file, &ssl.pem_private_key)}) {
    if (path->empty()) continue;
    absl::StatusOr<std::string> pem = ReadPem(*path);
    if (!pem.ok()) return pem.status();
    *text = *std::move(pem);
  }
  security.credentials = grpc::SslCredentials(ssl);
  return security;
}

std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>>
TokenInterceptors(const Security& security) {
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> interceptors;
  if (!security.token.empty())
    interceptors.push_back(std::make_unique<AddTokenFactory>(security.token));
  return interceptors;
}

}  // namespace gramian::client
