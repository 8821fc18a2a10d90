#include "server/resource_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace gramian {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kIdBytes = 8;

TEST(ResourceNameTest, LayerNamesReadBackAsTheKeyTheyWereMadeFrom) {
  for (const std::string id :
       {"plain", "a/b.c:0", "100%", "\xC3\xA9t\xC3\xA9", "\xF0\x9F\x98\x80", "~-._", " "}) {
    const LayerKey key{{id, id, 17}, id};
    const auto name = ParseResourceName(FormatLayer(key), ResourcePattern::kLayer, kIdBytes);
    ASSERT_TRUE(name.ok()) << name.status();
    EXPECT_EQ(name->project, id);
    EXPECT_EQ(name->network, id);
    EXPECT_EQ(name->layer, id);
    EXPECT_EQ(name->step, 17);
  }
}

TEST(ResourceNameTest, SlashesAndColonsArePercentEncoded) {
  EXPECT_EQ(FormatLayer({{"p", "n", 0}, "a/b:0"}),
            "projects/p/networks/n/snapshots/0/layers/a%2Fb%3A0");
}

TEST(ResourceNameTest, ProbeSetNamesReadBackAsTheIdsTheyWereMadeFrom) {
  EXPECT_EQ(FormatProbeSet("p", "a/b"), "projects/p/probeSets/a%2Fb");
  const auto name =
      ParseResourceName("projects/p/probeSets/a%2Fb", ResourcePattern::kProbeSet, kIdBytes);
  ASSERT_TRUE(name.ok()) << name.status();
  EXPECT_EQ(name->project, "p");
  EXPECT_EQ(name->probe_set, "a/b");
  for (const std::string text :
       {"projects/p", "projects/p/probeSets", "projects/p/probeSets/", "projects/p/networks/n",
        "projects/p/probeSets/s/layers/l", "projects/p/probeSets/123456789"}) {
    EXPECT_FALSE(ParseResourceName(text, ResourcePattern::kProbeSet, kIdBytes).ok()) << text;
  }
}

TEST(ResourceNameTest, LastIsAStepWithoutNumber) {
  const auto name = ParseResourceName("projects/p/networks/n/snapshots/last",
                                      ResourcePattern::kSnapshot, kIdBytes);
  ASSERT_TRUE(name.ok());
  EXPECT_FALSE(name->step.has_value());
}

TEST(ResourceNameTest, IdsOfTheLongestLengthAreAcceptedAndOneByteMoreIsRefused) {
  EXPECT_TRUE(ParseResourceName("projects/12345678", ResourcePattern::kProject, kIdBytes).ok());
  const auto name = ParseResourceName("projects/123456789", ResourcePattern::kProject, kIdBytes);
  EXPECT_EQ(name.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(name.status().message()), HasSubstr("9 bytes of at most 8"));
}

TEST(ResourceNameTest, MalformedNamesAreRefused) {
  for (const std::string name : {"",
                                 "projects",
                                 "projects/",
                                 "projects/p",
                                 "projects/p/networks/n",
                                 "projects/p/networks/n/snapshots/0/",
                                 "projects/p/networks/n/snapshots/0/layers/l",
                                 "project/p/networks/n/snapshots/0",
                                 "projects/p/networks/n/snapshots/-1",
                                 "projects/p/networks/n/snapshots/+1",
                                 "projects/p/networks/n/snapshots/01",
                                 "projects/p/networks/n/snapshots/1.0",
                                 "projects/p/networks/n/snapshots/LAST",
                                 "projects/p/networks/n/snapshots/9223372036854775808",
                                 "projects/p:q/networks/n/snapshots/0",
                                 "projects/%/networks/n/snapshots/0",
                                 "projects/%2/networks/n/snapshots/0",
                                 "projects/%zz/networks/n/snapshots/0",
                                 "projects/%00/networks/n/snapshots/0",
                                 "projects/%0A/networks/n/snapshots/0",
                                 "projects/%C3/networks/n/snapshots/0",
                                 "projects/%C0%AF/networks/n/snapshots/0",
                                 "projects/%ED%A0%80/networks/n/snapshots/0"}) {
    EXPECT_EQ(ParseResourceName(name, ResourcePattern::kSnapshot, kIdBytes).status().code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
}

TEST(ResourceNameTest, TheGreatestStepIsAccepted) {
  const auto name = ParseResourceName("projects/p/networks/n/snapshots/9223372036854775807",
                                      ResourcePattern::kSnapshot, kIdBytes);
  ASSERT_TRUE(name.ok());
  EXPECT_EQ(name->step, INT64_MAX);
}

TEST(ResourceNameTest, AProjectIsKnownByItsDecodedId) {
  EXPECT_EQ(ProjectOf("projects/a%2Fb/networks/n"), "a/b");
  EXPECT_EQ(ProjectOf("projects/%61"), "a");
  EXPECT_EQ(ProjectOf("projects/a"), "a");
  for (const char* name :
       {"", "projects", "projects/", "projects/a%", "projects/a%4", "project/a", "projects/a b",
        "/projects/a", "projects/a%0Ab", "projects/%1B", "projects/%FF"}) {
    EXPECT_EQ(ProjectOf(name), "") << name;
  }
}

TEST(ResourceNameTest, EveryNameMayBeOneAndNothingLonger) {
  const std::string id(kIdBytes, '%');
  const std::string longest = FormatLayer({{id, id, INT64_MAX}, id});
  EXPECT_TRUE(ParseResourceName(longest, ResourcePattern::kLayer, kIdBytes).ok());
  EXPECT_TRUE(MayBeName(longest, kIdBytes));
  EXPECT_FALSE(MayBeName(longest + std::string(64, 'x'), kIdBytes));
  for (const char* text :
       {"", "a", "project/a", "projects", "projects/a b", "projects/a\n", "projects/\xC3\xA9"}) {
    EXPECT_FALSE(MayBeName(text, kIdBytes)) << text;
  }
}

}  // namespace
}  // namespace gramian
