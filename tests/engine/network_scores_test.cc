// Goal: counterparts, nearest networks and maps are what the scores say. Method: a real engine with
// small networks whose layers are related as is known, its own scores as reference.
#include "gramian/engine/network_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gramian/engine/similarity_engine.h"
#include "gtest/gtest.h"
#include "tests/testing/commit.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using ::testing::HasSubstr;

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr Index kInputs = 60;

SnapshotSelection Network(const std::string& network) { return {{"default", network, 0}, {}}; }

// "a": three unrelated layers. "turned": the same layers rotated, so that CKA is 1. "noisy": half
// of each. "other": unrelated.
class NetworkScoresTest : public ::testing::Test {
 protected:
  NetworkScoresTest() : engine_(SimilarityEngine::Open(EngineOptions()).value()) {
    for (uint64_t i = 0; i < 3; ++i) {
      const Matrix x = testing::RandomNormal(kInputs, 6, i + 1);
      Upload("a", i, x);
      Upload("turned", i, x * testing::RandomOrthogonal(6, i + 10));
      Upload("noisy", i, x + testing::RandomNormal(kInputs, 6, i + 20));
      Upload("other", i, testing::RandomNormal(kInputs, 6, i + 30));
    }
  }

  void Upload(const std::string& network, uint64_t ordinal, const Matrix& activations,
              const std::string& probe_set = "probes") {
    LayerDescription description;
    description.key = {Network(network).snapshot, absl::StrCat("fc", ordinal)};
    description.probe_set = probe_set;
    description.ordinal = static_cast<int64_t>(ordinal);
    const auto committed =
        testing::Commit(engine_->store(), description, *testing::AsFloat32(activations));
    ASSERT_TRUE(committed.ok()) << committed.status();
  }

  LayerCorrespondence Match(const std::string& a, const std::string& b, const std::string& measure,
                            MatchMethod method, MatchTruth truth = MatchTruth::kSameOrder) {
    return engine_->MatchLayers(Network(a), Network(b), measure, method, truth, {}).value();
  }
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
  double Layers(const std::string& a, const std::string& b, int i, int j,
                const std::string& measure) {
    const LayerKey x = {Network(a).snapshot, absl::StrCat("fc", i)};
    const LayerKey y = {Network(b).snapshot, absl::StrCat("fc", j)};
    return engine_->CompareLayers(x, y, {measure}, Form::kAuto, {}).value().front().score.value;
  }

  std::unique_ptr<SimilarityEngine> engine_;
};

TEST_F(NetworkScoresTest, RotatedLayersAreFoundByEveryMethodAndDirection) {
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

TEST_F(NetworkScoresTest, AnAsymmetricMeasureCountsInBothDirections) {
  const LayerCorrespondence found = Match("a", "noisy", "linear-regression", MatchMethod::kArgmax);
  EXPECT_EQ(found.matches[1].column, 1);
  EXPECT_DOUBLE_EQ(found.matches[1].score.value,
                   0.5 * (Layers("a", "noisy", 1, 1, "linear-regression") +
                          Layers("noisy", "a", 1, 1, "linear-regression")));
}

TEST_F(NetworkScoresTest, TheTruthIsByOrderOrByName) {
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
