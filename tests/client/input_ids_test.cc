#include "gramian/cli/input_ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gramian::client::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(InputIdsTest, OnePerLineWhateverEndsALine) {
  EXPECT_THAT(ParseInputIds("a\nb c\nd").value(), ElementsAre("a", "b c", "d"));
  EXPECT_THAT(ParseInputIds("a\r\nb\r\n").value(), ElementsAre("a", "b"));
}

TEST(InputIdsTest, NamesTheLineThatIsEmptyOrRepeated) {
  EXPECT_THAT(std::string(ParseInputIds("a\n\nb\n").status().message()), HasSubstr("line 2"));
  EXPECT_THAT(std::string(ParseInputIds("").status().message()), HasSubstr("line 1"));
  EXPECT_THAT(std::string(ParseInputIds("x\ny\nx\n").status().message()),
              HasSubstr("lines 1 and 3 hold the same input id 'x'"));
}

TEST(InputIdsTest, AFileThatCannotBeReadIsNamed) {
  const auto ids = ReadInputIds("/nowhere/ids.txt");
  EXPECT_EQ(ids.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(ids.status().message()), HasSubstr("/nowhere/ids.txt"));
}

TEST(InputIdsTest, ManyIdsDoNotFitOneMessage) {
  EXPECT_TRUE(FitOneMessage(std::vector<std::string>(100'000, "n01440764_10026")));
  EXPECT_FALSE(FitOneMessage(std::vector<std::string>(1'000'000, "n01440764_10026")));
}

}  // namespace
}  // namespace gramian::client::cli
