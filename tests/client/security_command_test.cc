// The command against a server that asks who calls, from the making of a token on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gramian/client/client.h"
#include "tests/integration/child_process.h"
#include "tests/integration/gramiand_process.h"
#include "tests/testing/certificates.h"
#include "tests/testing/temporary_directory.h"

namespace gramian::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SecurityCommandTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }

  static std::string Read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  // What it printed on both ways out.
  std::string Gramian(const std::vector<std::string>& arguments, int exit_code) {
    testing::ChildProcess process(GRAMIAN, arguments);
    EXPECT_EQ(process.Wait(), exit_code) << process.output() << process.errors();
    return process.output() + process.errors();
  }

  // The line for the access file; the token is in the file `name`.
  nlohmann::json NewToken(const std::string& name, const std::string& role) {
    testing::ChildProcess process(GRAMIAN, {"token", "new", name, "--role", role, "--projects",
                                            "default", "--output", Path(name)});
    EXPECT_EQ(process.Wait(), 0) << process.errors();
    return nlohmann::json::parse(process.output());
  }

  testing::TemporaryDirectory folder_;
};

TEST_F(SecurityCommandTest, ATokenIsForItsOwnersEyesOnly) {
  const nlohmann::json entry = NewToken("training", "writer");
  EXPECT_EQ(entry["name"], "training");
  EXPECT_EQ(entry["role"], "writer");
  EXPECT_EQ(entry["projects"], nlohmann::json::array({"default"}));
  EXPECT_EQ(entry["sha256"].get<std::string>().size(), 64U);
  struct stat status {};
  ASSERT_EQ(stat(Path("training").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  const std::string token = Read(Path("training"));
  EXPECT_TRUE(absl::StartsWith(token, "gramian_"));
  EXPECT_THAT(entry.dump(), Not(HasSubstr(token.substr(8, 20))));
  // One that is in use is not written over.
  EXPECT_THAT(Gramian({"token", "new", "training", "-o", Path("training")}, 1),
              HasSubstr("cannot make"));
  EXPECT_EQ(Read(Path("training")), token);
}

TEST_F(SecurityCommandTest, TokensAndTlsFromTheCommandLine) {
  const testing::CertificateAuthority authority("lab");
  const testing::CertificatePair pair = authority.Issue("gramiand", "DNS:gramian.lab");
  testing::ReplaceFile(Path("ca.pem"), authority.certificate());
  testing::ReplaceFile(Path("cert.pem"), pair.certificate);
  testing::ReplaceFile(Path("key.pem"), pair.key);
  nlohmann::json access;
  access["tokens"] = {NewToken("reads", "reader"), NewToken("writes", "writer")};
  testing::ReplaceFile(Path("access.json"), access.dump());
  testing::GramiandProcess server({"--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0",
                                   "--tls-cert", Path("cert.pem"), "--tls-key", Path("key.pem"),
                                   "--access-file", Path("access.json")});
  ASSERT_TRUE(server.WaitUntilListening());
  const auto words = [&](const std::string& token, std::vector<std::string> rest) {
    std::vector<std::string> all = {"--server",     server.grpc_address(), "--tls-ca",
                                    Path("ca.pem"), "--tls-server-name",   "gramian.lab"};
    if (!token.empty()) all.insert(all.end(), {"--token-file", Path(token)});
    all.insert(all.end(), rest.begin(), rest.end());
    return all;
  };
  const std::vector<std::string> push = {"push",    EXAMPLES "/digits/net0",    "--network", "net0",
                                         "--order", "relu1,relu2,relu3,logits", "--step",    "1"};
  EXPECT_THAT(Gramian(words("", push), 1), HasSubstr("--token-file"));
  EXPECT_THAT(Gramian(words("reads", push), 1), HasSubstr("needs the role writer"));
  Gramian(words("writes", push), 0);
  EXPECT_THAT(Gramian(words("reads", {"ls", "networks"}), 0), HasSubstr("net0"));
  EXPECT_THAT(Gramian(words("reads", {"--project", "other", "ls", "networks"}), 1),
              HasSubstr("no access to project 'other'"));
  Gramian(words("reads", {"pull", "net0@1/relu1", "-o", Path("relu1.npy")}), 0);
  // Neither without TLS, nor by another name, nor by another authority: who is wrong is told how.
  EXPECT_THAT(Gramian({"--server", server.grpc_address(), "--timeout", "2", "info"}, 3),
              HasSubstr("perhaps it speaks TLS"));
  EXPECT_THAT(Gramian({"--server", server.grpc_address(), "--tls-ca", Path("ca.pem"), "info"}, 3),
              HasSubstr("its certificate has another name: say which"));
  testing::ReplaceFile(Path("ca.pem"), testing::CertificateAuthority("other").certificate());
  EXPECT_THAT(Gramian(words("reads", {"info"}), 3),
              HasSubstr("its certificate is of no authority in the file"));
}

TEST_F(SecurityCommandTest, WhoIsMisunderstoodIsToldWhy) {
  const testing::CertificateAuthority authority("lab");
  const testing::CertificatePair pair = authority.Issue("gramiand", "IP:127.0.0.1");
  testing::ReplaceFile(Path("ca.pem"), authority.certificate());
  testing::ReplaceFile(Path("cert.pem"), pair.certificate);
  testing::ReplaceFile(Path("key.pem"), pair.key);
  testing::GramiandProcess mutual({"--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0",
                                   "--tls-cert", Path("cert.pem"), "--tls-key", Path("key.pem"),
                                   "--tls-client-ca", Path("ca.pem")});
  ASSERT_TRUE(mutual.WaitUntilListening());
  const std::vector<std::string> asking = {"--server", mutual.grpc_address(), "--timeout", "2",
                                           "--tls-ca", Path("ca.pem"),        "info"};
  EXPECT_THAT(Gramian(asking, 3), HasSubstr("perhaps it asks for a certificate"));
  testing::GramiandProcess plain({"--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"});
  ASSERT_TRUE(plain.WaitUntilListening());
  EXPECT_THAT(Gramian({"--server", plain.grpc_address(), "--tls-ca", Path("ca.pem"), "info"}, 3),
              HasSubstr("it speaks no TLS"));
}

TEST_F(SecurityCommandTest, NothingIsSentInTheClearByMistake) {
  ClientOptions options;
  options.token = "secret-of-mine";
  options.connect_timeout = absl::Milliseconds(10);
  for (const char* address :
       {"192.0.2.1:7443", "127.example.com:7443", "127.0.0.1.example.com:7443",
        "[::1].example.com:7443", "localhost.example.com:7443", "[::2]:7443"}) {
    const absl::Status refused = Client::Connect(address, options).status();
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << address;
    EXPECT_THAT(std::string(refused.message()), HasSubstr("in the clear"));
    EXPECT_THAT(std::string(refused.message()), Not(HasSubstr("secret-of-mine")));
  }
  for (const char* address : {"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"})
    EXPECT_TRUE(absl::IsUnavailable(Client::Connect(address, options).status())) << address;
  options.allow_plaintext = true;
  EXPECT_TRUE(absl::IsUnavailable(Client::Connect("192.0.2.1:7443", options).status()));
  options.token = "two\nlines";
  EXPECT_TRUE(absl::IsInvalidArgument(Client::Connect("127.0.0.1:1", options).status()));
  options.token = "";
  options.tls.ca_file = Path("none.pem");
  EXPECT_THAT(std::string(Client::Connect("127.0.0.1:1", options).status().message()),
              HasSubstr("none.pem"));
  options.tls = {.ca_file = "", .cert_file = "c", .key_file = "k", .server_name = ""};
  EXPECT_THAT(std::string(Client::Connect("127.0.0.1:1", options).status().message()),
              HasSubstr("--tls-ca"));
}

}  // namespace
}  // namespace gramian::client
