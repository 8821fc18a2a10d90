#include "gramian/store/texts.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace gramian {
namespace {

TEST(TextsTest, WhatIsEncodedComesBack) {
  for (const std::vector<std::string>& texts :
       {std::vector<std::string>{}, {""}, {"", ""}, {"a:b", "3:x", std::string("\0\xFF", 2)}}) {
    EXPECT_EQ(DecodeTexts(EncodeTexts(texts)), texts);
  }
  EXPECT_EQ(EncodeTexts({"ab", ""}), "2:ab0:");
}

TEST(TextsTest, OtherBytesAreNone) {
  for (const char* bytes : {"2", ":", "x:ab", "-1:", "3:ab", "2:ab1", "2:ab1:"}) {
    EXPECT_EQ(DecodeTexts(bytes), std::nullopt) << bytes;
  }
}

}  // namespace
}  // namespace gramian
