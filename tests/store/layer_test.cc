#include "gramian/store/layer.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gramian {
namespace {

using ::testing::HasSubstr;

TEST(LayerTest, DifferenceNamesTheFirstThingThatDiffers) {
  const LayerDescription is{{{"default", "net", 0}, "fc1"}, "m.fc1", "probes", "none", 3};
  EXPECT_EQ(Difference(is, is), "");
  LayerDescription asked = is;
  asked.module_path = "m.fc2";
  EXPECT_EQ(Difference(is, asked), "module path 'm.fc1', not 'm.fc2'");
  asked.reduction = "mean";
  EXPECT_EQ(Difference(is, asked), "reduction 'none', not 'mean'");
  asked.probe_set = "cats";
  EXPECT_EQ(Difference(is, asked), "probe set 'probes', not 'cats'");
  asked.ordinal = 4;
  EXPECT_EQ(Difference(is, asked), "ordinal 3, not 4");
}

TEST(LayerTest, TheDigestOfIdsDependsOnOrderAndOnWhereOneEnds) {
  const std::string digest = DigestOfInputIds({"a", "b"});
  EXPECT_EQ(digest.size(), 32U);
  EXPECT_EQ(DigestOfInputIds({"a", "b"}), digest);
  EXPECT_NE(DigestOfInputIds({"b", "a"}), digest);
  EXPECT_NE(DigestOfInputIds({"ab"}), digest);
  EXPECT_NE(DigestOfInputIds({"a", "b", ""}), digest);
  // XXH3 of "a", 0, "b", 0: clients compute it too.
  EXPECT_EQ(digest, ComputeDigest("", "a\0b", 4).ToHex());
}

class CheckInputsTest : public ::testing::Test {
 protected:
  CheckInputsTest() {
    known_.id = "cats";
    known_.input_ids = {"a", "b", "c"};
    known_.input_count = 3;
    known_.input_ids_digest = DigestOfInputIds(known_.input_ids);
  }
  std::string Refusal(int64_t rows, const std::vector<std::string>& ids,
                      const std::string& digest) {
    const absl::Status status = CheckInputs(known_, rows, ids, digest);
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    return std::string(status.message());
  }
  ProbeSet known_;
};

TEST_F(CheckInputsTest, TheSameInputsFitWhateverIsKnownOfThem) {
  EXPECT_TRUE(CheckInputs(known_, 3, {}, "").ok());
  EXPECT_TRUE(CheckInputs(known_, 3, known_.input_ids, "").ok());
  EXPECT_TRUE(CheckInputs(known_, 3, {}, known_.input_ids_digest).ok());
  known_.input_ids.clear();
  EXPECT_TRUE(CheckInputs(known_, 3, {"a", "b", "c"}, "").ok());
  known_.input_ids_digest.clear();
  EXPECT_TRUE(CheckInputs(known_, 3, {"x", "y", "z"}, "").ok()) << "only the count is known";
}

TEST_F(CheckInputsTest, OtherInputsAreRefusedByNamingTheFirstDifference) {
  EXPECT_THAT(Refusal(4, {}, ""), HasSubstr("'cats' has 3 inputs, not 4"));
  EXPECT_THAT(Refusal(3, {"a", "c", "b"}, ""), HasSubstr("'b' as input 1, not 'c'"));
  EXPECT_THAT(Refusal(3, {}, std::string(32, '0')), HasSubstr(known_.input_ids_digest));
  known_.input_ids.clear();
  EXPECT_THAT(Refusal(3, {"a", "c", "b"}, ""), HasSubstr(known_.input_ids_digest));
}

}  // namespace
}  // namespace gramian
