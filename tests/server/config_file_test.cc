#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "server/server_options.h"
#include "tests/testing/temporary_directory.h"

namespace gramian {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ConfigFileTest : public ::testing::Test {
 protected:
  // Writes a config file and parses `arguments` with it.
  ParsedOptions ParseWith(const std::string& text, const std::vector<std::string>& arguments = {}) {
    std::ofstream(path_) << text;
    return Parse(path_, arguments);
  }

  ParsedOptions Parse(const std::string& path, const std::vector<std::string>& arguments = {}) {
    out_.str("");
    err_.str("");
    std::vector<const char*> argv = {"gramiand", "--config", path.c_str()};
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    return ParseServerOptions(static_cast<int>(argv.size()), argv.data(), out_, err_);
  }

  std::string EmptyFile() {
    std::ofstream(path_) << "";
    return path_;
  }

  const testing::TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/gramiand.toml";
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(ConfigFileTest, AKeyIsAFlagWithoutItsDashes) {
  const ParsedOptions parsed = ParseWith(
      "# a comment\n"
      "listen = \"127.0.0.1:1\"\n"
      "store-bytes = \"3MiB\"  # of activations\n"
      "max-rows = 77\n"
      "retain-age = \"30d\"\n");
  ASSERT_TRUE(parsed.run) << err_.str();
  EXPECT_EQ(parsed.options.listen, "127.0.0.1:1");
  EXPECT_EQ(parsed.options.store_bytes, 3 << 20);
  EXPECT_EQ(parsed.options.max_rows, 77);
  EXPECT_EQ(parsed.options.retain_age, 30 * 86'400);
}

TEST_F(ConfigFileTest, AFlagWinsOverTheEnvironmentWhichWinsOverTheFile) {
  EXPECT_EQ(ParseWith("max-rows = 1\n").options.max_rows, 1);
  setenv("GRAMIAN_MAX_ROWS", "2", 1);
  EXPECT_EQ(ParseWith("max-rows = 1\n").options.max_rows, 2);
  EXPECT_EQ(ParseWith("max-rows = 1\n", {"--max-rows", "3"}).options.max_rows, 3);
  unsetenv("GRAMIAN_MAX_ROWS");
  EXPECT_EQ(ParseWith("max-rows = 1\n", {"--max-rows", "3"}).options.max_rows, 3);
}

TEST_F(ConfigFileTest, TheEnvironmentMayNameTheFile) {
  std::ofstream(path_) << "max-rows = 5\n";
  setenv("GRAMIAN_CONFIG", path_.c_str(), 1);
  const char* argv[] = {"gramiand"};
  EXPECT_EQ(ParseServerOptions(1, argv, out_, err_).options.max_rows, 5);
  setenv("GRAMIAN_CONFIG", "/no/such/file", 1);
  EXPECT_EQ(ParseServerOptions(1, argv, out_, err_).exit_code, 2);
  unsetenv("GRAMIAN_CONFIG");
}

TEST_F(ConfigFileTest, WhatIsWrongIsSaidInOneLine) {
  for (const char* text :
       {"no-such-key = 1\n", "[section]\nmax-rows = 1\n", "server.max-rows = 1\n",
        "max-rows = many\n", "max-rows = 0\n", "max-rows = [1, 2]\n",
        "max-rows = 1\nqueue = 2\nmax-rows = 3\n", "listen\n", "config = \"x\"\n",
        "check-config = true\n", "help = true\n", "rubbish\n", "log-level = info\n",
        "max-rows = 1.5\n", "max-rows = true\n", "data-dir = \"\\u0000\"\n",
        "data-dir = \"\xff\"\n", "data-dir = \"open\n", "version = 1\n"}) {
    const ParsedOptions parsed = ParseWith(text);
    EXPECT_FALSE(parsed.run) << text;
    EXPECT_EQ(parsed.exit_code, 2) << text;
    const std::string message = err_.str();
    EXPECT_THAT(message, StartsWith("gramiand: "));
    EXPECT_EQ(message.find('\n'), message.size() - 1) << message;
  }
  EXPECT_FALSE(ParseWith("no-such-key = 1\n").run);
  EXPECT_THAT(err_.str(), HasSubstr("unknown key 'no-such-key'"));
}

TEST_F(ConfigFileTest, AFileThatIsNotThereIsAnError) {
  EXPECT_EQ(Parse("/no/such/file").exit_code, 2);
  EXPECT_THAT(err_.str(), HasSubstr("/no/such/file"));
}

TEST_F(ConfigFileTest, CheckConfigOnlyChecks) {
  const ParsedOptions good = ParseWith("max-rows = 5\n", {"--check-config"});
  EXPECT_FALSE(good.run);
  EXPECT_EQ(good.exit_code, 0);
  EXPECT_EQ(out_.str(), "the configuration is fine\n");
  EXPECT_EQ(ParseWith("max-rows = 0\n", {"--check-config"}).exit_code, 2);
  EXPECT_THAT(err_.str(), HasSubstr("--max-rows is 0"));
}

TEST_F(ConfigFileTest, PrintConfigPrintsAFileThatSaysTheSame) {
  const ParsedOptions printed =
      ParseWith("max-rows = 5\nstore-bytes = \"2MiB\"\ndata-dir = \"/x y\"\n",
                {"--print-config", "--listen", "127.0.0.1:9", "--retain-age", "2h"});
  EXPECT_FALSE(printed.run);
  EXPECT_EQ(printed.exit_code, 0);
  const std::string text = out_.str();
  EXPECT_THAT(text, HasSubstr("max-rows = 5\n"));
  const ParsedOptions read = ParseWith(text);
  ASSERT_TRUE(read.run) << err_.str();
  EXPECT_EQ(read.options.listen, "127.0.0.1:9");
  EXPECT_EQ(read.options.store_bytes, 2 << 20);
  EXPECT_EQ(read.options.data_dir, "/x y");
  EXPECT_EQ(read.options.retain_age, 7200);
  EXPECT_FALSE(ParseWith(text, {"--print-config"}).run);
  EXPECT_EQ(out_.str(), text);
}

TEST_F(ConfigFileTest, WhateverAValueHoldsIsPrintedSoThatItIsReadBack) {
  for (const std::string value : {"/a b",
                                  " ",
                                  "",
                                  "/with \"quotes\"",
                                  "/it's",
                                  "/\"both\" isn't",
                                  "C:\\new\\table",
                                  "/a#b # c",
                                  "/caf\xc3\xa9/\xe2\x88\x91",
                                  "[1, 2]",
                                  "{x}",
                                  "5",
                                  "007",
                                  "1.5",
                                  "true",
                                  "0x10",
                                  "a=b",
                                  "a,b",
                                  "\"",
                                  "'",
                                  "\\",
                                  "'''",
                                  "`x`",
                                  "$(x)",
                                  "%41",
                                  "tab\there",
                                  "line\nbreak",
                                  "\x1b[0m",
                                  "\x7f"}) {
    SCOPED_TRACE(value);
    Parse(EmptyFile(), {"--print-config", "--data-dir", value, "--port-file", value});
    const std::string text = out_.str();
    ASSERT_EQ(ParseWith(text, {"--check-config"}).exit_code, 0) << err_.str() << text;
    const ParsedOptions read = ParseWith(text);
    ASSERT_TRUE(read.run) << err_.str();
    EXPECT_EQ(read.options.data_dir, value);
    EXPECT_EQ(read.options.port_file, value);
    ParseWith(text, {"--print-config"});
    EXPECT_EQ(out_.str(), text);
  }
}

TEST_F(ConfigFileTest, WhatAFileCannotSayIsNotPrinted) {
  EXPECT_EQ(Parse(EmptyFile(), {"--print-config", "--data-dir", "/\xff"}).exit_code, 2);
  EXPECT_THAT(err_.str(), HasSubstr("UTF-8"));
  EXPECT_EQ(out_.str(), "");
}

TEST_F(ConfigFileTest, StringsAreThoseOfToml) {
  EXPECT_EQ(ParseWith("data-dir = \"a\\\"b\\\\c\\u00e9\"\n").options.data_dir, "a\"b\\c\xc3\xa9");
  EXPECT_EQ(ParseWith("data-dir = 'a\\b\"c'  # d\n").options.data_dir, "a\\b\"c");
}

}  // namespace
}  // namespace gramian
