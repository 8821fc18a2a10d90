// Goal: nearest networks and maps are what the scores say. Method: a real engine with
// small networks whose layers are related as is known, its own scores as reference.
#include "gramian/engine/network_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/small_networks.h"

namespace gramian {
namespace {

using ::testing::HasSubstr;
using testing::Network;

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr Index kInputs = testing::kSmallInputs;

class NetworkScoresTest : public testing::SmallNetworks {
 protected:
  absl::StatusOr<NetworkSearch> Search(const std::string& measure, NetworkRule rule,
                                       const std::vector<SnapshotSelection>& candidates = {},
                                       int64_t count = 10) {
    return engine_->SearchNetworks(Network("a"), candidates, measure, rule, {}, count, {});
  }
  absl::StatusOr<NetworkMap> Embed(const std::vector<std::string>& networks,
                                   const std::string& measure,
                                   NetworkRule rule = NetworkRule::kFused) {
    std::vector<SnapshotSelection> selections;
    for (const std::string& network : networks) selections.push_back(Network(network));
    return engine_->EmbedNetworks(selections, measure, rule, {}, 2, LinkageMethod::kAverage, {});
  }
};

TEST_F(NetworkScoresTest, TheNearestComeFirst) {
  for (const NetworkRule rule : {NetworkRule::kFused, NetworkRule::kMatched, NetworkRule::kBest}) {
    const NetworkSearch search = Search("cka", rule).value();
    EXPECT_EQ(search.compared, 3);
    EXPECT_EQ(search.skipped, 0);
    ASSERT_EQ(search.found.size(), 3U);
    EXPECT_EQ(search.found[0].snapshot.network, "turned");
    EXPECT_EQ(search.found[1].snapshot.network, "noisy");
    EXPECT_EQ(search.found[2].snapshot.network, "other");
  }
  // A distance, which does not apply to fused networks.
  EXPECT_EQ(Search("procrustes", NetworkRule::kMatched).value().found[1].snapshot.network, "noisy");
  const absl::Status refused = Search("procrustes", NetworkRule::kFused).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused));
  EXPECT_THAT(refused.message(), HasSubstr("matched or best"));
}

TEST_F(NetworkScoresTest, RulesAreMadeOfTheScoresOfLayers) {
  double best = 0.0;
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) best = std::max(best, Layers("a", "noisy", i, j, "cka"));
  }
  double sum = 0.0;
  for (int i = 0; i < 3; ++i) sum += Layers("a", "noisy", i, i, "cka");
  const std::vector<SnapshotSelection> noisy = {Network("noisy")};
  EXPECT_EQ(Search("cka", NetworkRule::kBest, noisy).value().found[0].score.value, best);
  EXPECT_NEAR(Search("cka", NetworkRule::kMatched, noisy).value().found[0].score.value, sum / 3.0,
              16.0 * kEps);
}

TEST_F(NetworkScoresTest, NetworksThatSawOtherInputsAreSkippedUnlessNamed) {
  Upload("elsewhere", 0, testing::RandomNormal(kInputs, 6, 90), "other probes");
  const NetworkSearch search = Search("cka", NetworkRule::kFused, {}, 2).value();
  EXPECT_EQ(search.compared, 3);
  EXPECT_EQ(search.skipped, 1);
  EXPECT_EQ(search.found.size(), 2U);
  EXPECT_TRUE(absl::IsFailedPrecondition(
      Search("cka", NetworkRule::kFused, {Network("elsewhere")}).status()));
}

TEST_F(NetworkScoresTest, AConstantNetworkComesLastAndIsNotPlaced) {
  Upload("constant", 0, Matrix::Ones(kInputs, 3));
  const NetworkSearch search = Search("cka", NetworkRule::kMatched).value();
  EXPECT_EQ(search.found.back().snapshot.network, "constant");
  EXPECT_EQ(search.found.back().score.status, ScoreStatus::kConstant);
  const NetworkMap map = Embed({"a", "constant", "other"}, "cka").value();
  EXPECT_EQ(map.placed, std::vector<bool>({true, false, true}));
  EXPECT_EQ(map.distances.rows(), 2);
  EXPECT_EQ(map.tree.leaf_order.size(), 2U);
  EXPECT_EQ(Embed({"constant"}, "cka").value().status, ScoreStatus::kConstant);
}

TEST_F(NetworkScoresTest, AMapKeepsTheDistances) {
  const NetworkMap map = Embed({"a", "turned", "noisy", "other"}, "cka").value();
  EXPECT_EQ(map.status, ScoreStatus::kOk);
  EXPECT_EQ(map.picture.coordinates.rows(), 4);
  EXPECT_EQ(map.picture.coordinates.cols(), 2);
  // Arcs; rotated layers are the same point but for the rounding of float32 activations.
  EXPECT_NEAR(map.distances(0, 1), 0.0, 1e-3);
  const double noisy =
      Search("cka", NetworkRule::kFused, {Network("noisy")}).value().found[0].score.value;
  EXPECT_NEAR(map.distances(0, 2), std::acos(noisy), 16.0 * kEps);
  EXPECT_EQ(map.distances, Matrix(map.distances.transpose()));
  ASSERT_EQ(map.tree.merges.size(), 3U);
  EXPECT_EQ(map.tree.merges[0].first, 0);
  EXPECT_EQ(map.tree.merges[0].second, 1);
  EXPECT_EQ(map.tree.merges[2].size, 4);
}

TEST_F(NetworkScoresTest, DistancesOfMeasuresWithoutArcs) {
  const NetworkMap best = Embed({"a", "noisy"}, "cka", NetworkRule::kMatched).value();
  const std::vector<SnapshotSelection> noisy = {Network("noisy")};
  EXPECT_NEAR(best.distances(0, 1),
              1.0 - Search("cka", NetworkRule::kMatched, noisy).value().found[0].score.value,
              16.0 * kEps);
  const NetworkMap shape = Embed({"a", "noisy"}, "procrustes", NetworkRule::kMatched).value();
  EXPECT_NEAR(shape.distances(0, 1),
              Search("procrustes", NetworkRule::kMatched, noisy).value().found[0].score.value,
              16.0 * kEps * shape.distances(0, 1));
  const absl::Status refused = Embed({"a", "noisy"}, "hsic", NetworkRule::kMatched).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused));
  EXPECT_THAT(refused.message(), HasSubstr("no largest value"));
}

TEST_F(NetworkScoresTest, WhatIsAskedAgainIsKnown) {
  const NetworkMap first = Embed({"a", "noisy", "other"}, "cka").value();
  EXPECT_LT(first.cached, 9);
  EXPECT_EQ(Embed({"a", "noisy", "other"}, "cka").value().cached, 9);
}

}  // namespace
}  // namespace gramian
