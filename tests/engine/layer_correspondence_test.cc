// Goal: layers find the counterparts that their scores say, and accuracy is that of the truth.
// Method: a real engine with small networks, its own scores as reference.
#include "gramian/engine/layer_correspondence.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/small_networks.h"

namespace gramian {
namespace {

using ::testing::HasSubstr;
using testing::Network;

constexpr Index kInputs = testing::kSmallInputs;

class LayerCorrespondenceTest : public testing::SmallNetworks {
 protected:
  LayerCorrespondence Match(const std::string& a, const std::string& b, const std::string& measure,
                            MatchMethod method, MatchTruth truth = MatchTruth::kSameOrder) {
    return engine_->MatchLayers(Network(a), Network(b), measure, method, truth, {}).value();
  }
};

TEST_F(LayerCorrespondenceTest, RotatedLayersAreFoundByEveryMethodAndDirection) {
  for (const MatchMethod method :
       {MatchMethod::kArgmax, MatchMethod::kHungarian, MatchMethod::kMonotone}) {
    for (const char* measure : {"cka", "procrustes", "linear-regression"}) {
      const LayerCorrespondence found = Match("a", "turned", measure, method);
      EXPECT_EQ(found.known, 3);
      EXPECT_EQ(found.correct, 3) << measure << " " << ToString(method);
      EXPECT_EQ(found.rows, kInputs);
      for (size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(found.matches[i].column, static_cast<Index>(i));
        EXPECT_EQ(found.column_layers[i].layer, absl::StrCat("fc", i));
      }
    }
  }
}

TEST_F(LayerCorrespondenceTest, AnAsymmetricMeasureCountsInBothDirections) {
  const LayerCorrespondence found = Match("a", "noisy", "linear-regression", MatchMethod::kArgmax);
  EXPECT_EQ(found.matches[1].column, 1);
  EXPECT_DOUBLE_EQ(found.matches[1].score.value,
                   0.5 * (Layers("a", "noisy", 1, 1, "linear-regression") +
                          Layers("noisy", "a", 1, 1, "linear-regression")));
}

TEST_F(LayerCorrespondenceTest, TheTruthIsByOrderOrByName) {
  SnapshotSelection backwards = Network("turned");
  backwards.layers = {"fc2", "fc1", "fc0"};
  const auto correct = [&](MatchTruth truth) {
    return engine_->MatchLayers(Network("a"), backwards, "cka", MatchMethod::kArgmax, truth, {})
        .value()
        .correct;
  };
  EXPECT_EQ(correct(MatchTruth::kSameOrder), 1);
  EXPECT_EQ(correct(MatchTruth::kSameName), 3);
  EXPECT_EQ(Match("a", "turned", "cka", MatchMethod::kArgmax, MatchTruth::kNone).known, 0);
  backwards.layers = {"fc2", "fc1"};
  const auto refused = engine_->MatchLayers(Network("a"), backwards, "cka", MatchMethod::kArgmax,
                                            MatchTruth::kSameOrder, {});
  EXPECT_TRUE(absl::IsInvalidArgument(refused.status()));
  EXPECT_THAT(refused.status().message(), HasSubstr("3 of them, the other 2"));
}

}  // namespace
}  // namespace gramian
