#include "gramian/store/probe_sets.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gramian {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

ProbeSet Probes(const std::string& project, const std::string& id,
                const std::vector<std::string>& ids = {}) {
  ProbeSet probe_set;
  probe_set.project = project;
  probe_set.id = id;
  probe_set.input_ids = ids;
  return probe_set;
}

TEST(ProbeSetsTest, FindsAndListsByProject) {
  ProbeSets sets;
  sets.Add(Probes("p", "b", {"x", "y"}));
  sets.Add(Probes("p", "a"));
  sets.Add(Probes("q", "a"));
  ASSERT_NE(sets.Find("p", "b"), nullptr);
  EXPECT_THAT(sets.Find("p", "b")->input_ids, SizeIs(2));
  EXPECT_EQ(sets.Find("p", "c"), nullptr);
  EXPECT_EQ(sets.Find("r", "a"), nullptr);
  ASSERT_THAT(sets.List("p"), SizeIs(2));
  EXPECT_EQ(sets.List("p")[0].id, "a");
  EXPECT_EQ(sets.List("p")[1].id, "b");
  EXPECT_THAT(sets.List("p")[1].input_ids, IsEmpty());
  EXPECT_THAT(sets.List("r"), IsEmpty());
}

TEST(ProbeSetsTest, CountsEveryByteOfIdsUntilTheyGo) {
  const ProbeSet small = Probes("p", "a", {"x"});
  const ProbeSet large = Probes("p", "b", {"x", std::string(1000, 'y')});
  EXPECT_GE(KeptBytes(large), KeptBytes(small) + 1000);
  ProbeSets sets;
  sets.Add(small);
  sets.Add(large);
  sets.Add(large);
  sets.Add(Probes("q", "a", {"x"}));
  EXPECT_EQ(sets.ProjectBytes("p"), KeptBytes(small) + KeptBytes(large));
  EXPECT_EQ(sets.bytes(), 2 * KeptBytes(small) + KeptBytes(large));
  sets.Remove("p", "b");
  sets.Remove("p", "b");
  EXPECT_EQ(sets.ProjectBytes("p"), KeptBytes(small));
  sets.Remove("p", "a");
  sets.Remove("q", "a");
  EXPECT_EQ(sets.ProjectBytes("p"), 0);
  EXPECT_EQ(sets.bytes(), 0);
}

}  // namespace
}  // namespace gramian
