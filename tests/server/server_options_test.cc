#include "server/server_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

namespace gramian {
namespace {

using ::testing::HasSubstr;

class ServerOptionsTest : public testing::Test {
 protected:
  ParsedOptions Parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "gramiand");
    return ParseServerOptions(static_cast<int>(arguments.size()), arguments.data(), out_, err_);
  }

  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(ServerOptionsTest, DefaultsAreThoseOfTheDesign) {
  const ParsedOptions parsed = Parse({});
  ASSERT_TRUE(parsed.run) << err_.str();
  const ServerOptions& options = parsed.options;
  EXPECT_EQ(options.listen, "127.0.0.1:7443");
  EXPECT_EQ(options.metrics_listen, "127.0.0.1:9464");
  EXPECT_EQ(options.chunk_bytes, 1 << 20);
  EXPECT_EQ(options.message_bytes, 4 << 20);
  EXPECT_EQ(options.max_rows, 10'000'000);
  EXPECT_EQ(options.max_features, 1 << 20);
  EXPECT_EQ(options.max_layers, 4096);
  EXPECT_EQ(options.max_uploads, 1024);
  EXPECT_EQ(options.upload_idle_seconds, 600);
  EXPECT_EQ(options.queue, 1024);
  EXPECT_EQ(options.page_size, 1000);
  EXPECT_EQ(options.name_bytes, 255);
}

TEST_F(ServerOptionsTest, SharesOfTheMachineReplaceZeros) {
  const ParsedOptions parsed = Parse({});
  EXPECT_GE(parsed.options.threads, 1);
  EXPECT_GT(parsed.options.store_bytes, 0);
  EXPECT_GT(parsed.options.cache_bytes, 0);
  EXPECT_GT(parsed.options.scratch_bytes, 0);
}

TEST_F(ServerOptionsTest, SizesTakeSuffixes) {
  EXPECT_EQ(Parse({"--store-bytes", "3MiB"}).options.store_bytes, 3 << 20);
  EXPECT_EQ(Parse({"--store-bytes=2g"}).options.store_bytes, int64_t{2} << 30);
}

TEST_F(ServerOptionsTest, EnvironmentIsReadAndAFlagWins) {
  setenv("GRAMIAN_MAX_ROWS", "77", 1);
  EXPECT_EQ(Parse({}).options.max_rows, 77);
  EXPECT_EQ(Parse({"--max-rows", "78"}).options.max_rows, 78);
  unsetenv("GRAMIAN_MAX_ROWS");
}

TEST_F(ServerOptionsTest, AMistakeOfTheEnvironmentNamesItsVariable) {
  for (const char* value : {"x", "0"}) {
    err_.str("");
    setenv("GRAMIAN_MAX_ROWS", value, 1);
    EXPECT_FALSE(Parse({}).run);
    EXPECT_THAT(err_.str(), testing::AllOf(HasSubstr("--max-rows"), HasSubstr("GRAMIAN_MAX_ROWS"),
                                           testing::EndsWith("\n")));
    EXPECT_EQ(err_.str().find('\n'), err_.str().size() - 1);
    // The flag wins, also when it is wrong.
    err_.str("");
    EXPECT_FALSE(Parse({"--max-rows", "many"}).run);
    EXPECT_THAT(err_.str(), testing::Not(HasSubstr("GRAMIAN_")));
    EXPECT_TRUE(Parse({"--max-rows", "5"}).run);
  }
  unsetenv("GRAMIAN_MAX_ROWS");
}

TEST_F(ServerOptionsTest, VariablesThatBelongToNoFlagAreNamed) {
  setenv("GRAMIAN_SERVER", "of the client", 1);
  EXPECT_TRUE(Parse({}).run);
  EXPECT_EQ(err_.str(), "");
  setenv("GRAMIAN_MAX_ROW", "5", 1);
  EXPECT_TRUE(Parse({}).run);
  EXPECT_EQ(err_.str(), "gramiand: GRAMIAN_MAX_ROW in the environment belongs to no flag\n");
  unsetenv("GRAMIAN_MAX_ROW");
  unsetenv("GRAMIAN_SERVER");
}

TEST_F(ServerOptionsTest, UnknownFlagsAndBadValuesSayWhatIsWrongInOneLine) {
  for (const std::vector<const char*>& arguments :
       std::vector<std::vector<const char*>>{{"--no-such-flag"},
                                             {"--max-rows", "many"},
                                             {"--log-level", "loud"},
                                             {"--log-format", "xml"},
                                             {"--max-rows", "0"},
                                             {"--max-rows", ""},
                                             {"--drain-seconds", ""},
                                             {"--drain-seconds="},
                                             {"--memory-bytes", ""},
                                             {"--retain-age", ""},
                                             {"--page-size", "-1"},
                                             {"--listen", "127.0.0.1:70000"},
                                             {"--metrics-listen", "127.0.0.1:65536"},
                                             {"--metrics-listen", "9464"},
                                             {"stray"}}) {
    err_.str("");
    const ParsedOptions parsed = Parse(arguments);
    EXPECT_FALSE(parsed.run);
    EXPECT_EQ(parsed.exit_code, 2);
    const std::string message = err_.str();
    EXPECT_THAT(message, testing::StartsWith("gramiand: "));
    EXPECT_EQ(message.find('\n'), message.size() - 1) << message;
  }
}

TEST_F(ServerOptionsTest, NoNumberIsSoLargeThatItMeansTheOpposite) {
  struct Limit {
    const char* flag;
    const char* most;
    const char* too_much;
  };
  for (const Limit& limit :
       {Limit{"--upload-idle-seconds", "315360000", "315360001"},
        Limit{"--retain-age", "315360000", "315360001"},
        Limit{"--max-uploads", "1000000000", "1000000001"},
        Limit{"--max-layers", "1000000000", "1000000001"},
        Limit{"--max-scores", "1000000000", "1000000001"},
        Limit{"--queue", "1000000000", "1000000001"}, Limit{"--max-watches", "1024", "1025"},
        Limit{"--upload-idle-seconds", "1", "10000000000"},
        Limit{"--max-uploads", "1", "4611686018427387904"}}) {
    err_.str("");
    EXPECT_TRUE(Parse({limit.flag, limit.most}).run) << limit.flag << " " << err_.str();
    EXPECT_FALSE(Parse({limit.flag, limit.too_much}).run) << limit.flag;
    EXPECT_THAT(err_.str(), testing::AllOf(HasSubstr(limit.flag), HasSubstr(limit.too_much)));
  }
}

TEST_F(ServerOptionsTest, AMessageMustHoldAChunk) {
  EXPECT_FALSE(Parse({"--chunk-bytes", "4MiB", "--message-bytes", "4MiB"}).run);
  EXPECT_THAT(err_.str(), HasSubstr("--message-bytes"));
  EXPECT_TRUE(Parse({"--chunk-bytes", "4MiB", "--message-bytes", "5MiB"}).run);
}

TEST_F(ServerOptionsTest, WhatIsKeptInMemoryAndWhatComputesMustFitInTheMemory) {
  EXPECT_TRUE(
      Parse({"--memory-bytes", "3MiB", "--store-bytes", "1MiB", "--scratch-bytes", "2MiB"}).run);
  EXPECT_FALSE(
      Parse({"--memory-bytes", "3MiB", "--store-bytes", "1025KiB", "--scratch-bytes", "2MiB"}).run);
  EXPECT_THAT(err_.str(), HasSubstr("--memory-bytes"));
  EXPECT_TRUE(Parse({"--memory-bytes", "3MiB", "--store-bytes", "1GiB", "--scratch-bytes", "2MiB",
                     "--data-dir", "/x"})
                  .run);
}

TEST_F(ServerOptionsTest, OtherMachinesAreServedOnlyAsAskedFor) {
  using Arguments = std::vector<const char*>;
  const auto refusal = [this](Arguments arguments) {
    err_.str("");
    const bool run = Parse(arguments).run;
    EXPECT_EQ(run, err_.str().empty());
    return err_.str();
  };
  for (const char* address : {"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"})
    EXPECT_EQ(refusal({"--listen", address}), "") << address;
  for (const char* address : {"0.0.0.0:1", "[::]:1", "128.0.0.1:1", "host.lab:1"}) {
    EXPECT_THAT(refusal({"--listen", address}), HasSubstr("--allow-plaintext")) << address;
    EXPECT_THAT(refusal({"--listen", address, "--allow-plaintext"}),
                HasSubstr("--allow-anonymous"));
    EXPECT_EQ(refusal({"--listen", address, "--allow-plaintext", "--allow-anonymous"}), "");
    EXPECT_EQ(refusal({"--listen", address, "--allow-plaintext", "--access-file", "a"}), "");
    EXPECT_EQ(
        refusal({"--listen", address, "--tls-cert", "c", "--tls-key", "k", "--tls-client-ca", "a"}),
        "");
    EXPECT_THAT(refusal({"--listen", address, "--tls-cert", "c", "--tls-key", "k"}),
                HasSubstr("--allow-anonymous"));
  }
  EXPECT_THAT(refusal({"--tls-cert", "c"}), HasSubstr("need each other"));
  EXPECT_THAT(refusal({"--tls-client-ca", "c"}), HasSubstr("needs --tls-cert"));
}

TEST_F(ServerOptionsTest, CheckConfigReadsTheFilesOfAccess) {
  const ParsedOptions parsed = Parse({"--check-config", "--access-file", "/no/such/file"});
  EXPECT_EQ(parsed.exit_code, 2);
  EXPECT_THAT(err_.str(), HasSubstr("/no/such/file"));
  EXPECT_EQ(out_.str(), "");
}

TEST_F(ServerOptionsTest, HelpAndVersionEndWell) {
  for (const char* flag : {"--help", "--version"}) {
    const ParsedOptions parsed = Parse({flag});
    EXPECT_FALSE(parsed.run);
    EXPECT_EQ(parsed.exit_code, 0);
  }
  EXPECT_THAT(out_.str(), HasSubstr("--upload-idle-seconds"));
  EXPECT_THAT(out_.str(), HasSubstr("gramiand 0."));
}

}  // namespace
}  // namespace gramian
