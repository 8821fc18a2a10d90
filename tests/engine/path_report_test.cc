// Goal: the engine finds the points of a path, takes their scores through the result store, and
// places what can be placed. Method: a real engine with small networks.
#include "gramian/engine/path_report.h"

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gramian/engine/similarity_engine.h"
#include "gtest/gtest.h"
#include "tests/testing/commit.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kEps = std::numeric_limits<double>::epsilon();

SnapshotKey Snapshot(const std::string& network) { return {"default", network, 0}; }

class PathReportTest : public ::testing::Test {
 protected:
  PathReportTest() : engine_(SimilarityEngine::Open(EngineOptions()).value()) {
    const Matrix input = testing::RandomActivations(50, 10, 1);
    uint64_t seed = 2;
    for (const char* network : {"a", "b"}) {
      Upload(network, "input", 0, input);
      Matrix layer = input;
      for (int64_t i = 1; i <= 3; ++i) {
        layer = testing::RandomRelated(layer, 8, 0.7, seed++);
        Upload(network, absl::StrCat("fc", i), i, layer);
      }
    }
    Upload("labels", "onehot", 0, testing::RandomNormal(50, 3, 99));
  }

  void Upload(const std::string& network, const std::string& layer, int64_t ordinal,
              const Matrix& activations) {
    LayerDescription description;
    description.key = {Snapshot(network), layer};
    description.probe_set = "probes";
    description.ordinal = ordinal;
    const auto committed =
        testing::Commit(engine_->store(), description, *testing::AsFloat32(activations));
    ASSERT_TRUE(committed.ok()) << committed.status();
  }

  static PathSelection Path(const std::string& network) {
    PathSelection path;
    path.network.snapshot = Snapshot(network);
    return path;
  }
  static PathSelection WithEnds(const std::string& network) {
    PathSelection path = Path(network);
    path.input = LayerKey{Snapshot(network), "input"};
    path.target = LayerKey{Snapshot("labels"), "onehot"};
    return path;
  }
  absl::StatusOr<PathReport> Analyze(const std::vector<PathSelection>& paths,
                                     const std::string& measure = "cka",
                                     const PathOptions& options = {}) {
    return engine_->AnalyzePaths(paths, measure, options, {});
  }
  static std::vector<std::string> LayersOf(const NetworkPath& path) {
    std::vector<std::string> names;
    for (const LayerKey& key : path.layers) names.push_back(key.layer);
    return names;
  }

  std::unique_ptr<SimilarityEngine> engine_;
};

TEST_F(PathReportTest, ThePathGoesThroughTheLayersByOrdinal) {
  const absl::StatusOr<PathReport> report = Analyze({Path("a"), WithEnds("a")});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->measure, "cka-kernel=linear-hsic=gretton-score");
  EXPECT_EQ(report->rows, 50);
  EXPECT_THAT(LayersOf(report->paths[0]), ElementsAre("input", "fc1", "fc2", "fc3"));
  EXPECT_THAT(LayersOf(report->paths[1]), ElementsAre("input", "fc1", "fc2", "fc3", "onehot"));
  EXPECT_EQ(report->point_count, 5);
  // The segment is the arccos of the score that CompareLayers gives.
  const auto score = engine_->CompareLayers({Snapshot("a"), "fc1"}, {Snapshot("a"), "fc2"},
                                            std::vector<std::string>{"cka"}, Form::kAuto, {});
  ASSERT_TRUE(score.ok()) << score.status();
  EXPECT_TRUE((*score)[0].cached);
  EXPECT_EQ(report->paths[0].analysis.segments[1].value, std::acos((*score)[0].score.value));
}

TEST_F(PathReportTest, ScoresAreComputedOnce) {
  const absl::StatusOr<PathReport> first = Analyze({WithEnds("a")});
  ASSERT_TRUE(first.ok()) << first.status();
  const int64_t computed = engine_->Stats().completed;
  EXPECT_EQ(computed, 5 * 6 / 2);
  const absl::StatusOr<PathReport> again = Analyze({WithEnds("a"), Path("a")});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(engine_->Stats().completed, computed);
  EXPECT_EQ(again->cached, 25);
  EXPECT_EQ(again->paths[0].analysis.length.value, first->paths[0].analysis.length.value);
}

TEST_F(PathReportTest, NetworksShareThePointsThatAreEqual) {
  PathOptions options;
  options.dimensions = 2;
  options.directions = 3;
  options.fractions = {0.0, 1.0};
  const absl::StatusOr<PathReport> report =
      Analyze({WithEnds("a"), WithEnds("b")}, "stress", options);
  ASSERT_TRUE(report.ok()) << report.status();
  // Input and target once, three layers each.
  EXPECT_EQ(report->point_count, 8);
  EXPECT_EQ(report->paths[0].points.front(), report->paths[1].points.front());
  EXPECT_EQ(report->paths[0].points.back(), report->paths[1].points.back());
  EXPECT_EQ(report->placed_status, ScoreStatus::kOk);
  EXPECT_EQ(report->picture.coordinates.rows(), 8);
  EXPECT_EQ(report->picture.coordinates.cols(), 2);
  EXPECT_EQ(report->tangents.coordinates.rows(), 8);
  EXPECT_EQ(report->tangents.coordinates.cols(), 3);
  EXPECT_EQ(report->tangents.distances.size(), 8);
  const PathAnalysis& path = report->paths[0].analysis;
  EXPECT_EQ(path.geodesic_distances[0][0].value, 0.0);
  EXPECT_NEAR(path.geodesic_distances[1][0].value, path.geodesic.value,
              4.0 * kEps * path.geodesic.value);
}

// Spaces whose geometry is more than distances: the same report, from the layers themselves.
TEST_F(PathReportTest, ShapesAndPositiveDefiniteMatricesHaveTheWholeReport) {
  PathOptions options;
  options.dimensions = 2;
  options.directions = 2;
  options.fractions = {0.0, 0.5, 1.0};
  const std::pair<const char*, ScoreSpace> cases[] = {
      {"procrustes", ScoreSpace::kShape},
      {"procrustes-form=angular", ScoreSpace::kAngularShape},
      {"procrustes-form=angular-alpha=0.5-whitening=repsim", ScoreSpace::kAngularShape},
      {"airm", ScoreSpace::kPositiveDefinite},
      {"airm-of=covariance", ScoreSpace::kPositiveDefinite}};
  for (const auto& [measure, space] : cases) {
    SCOPED_TRACE(measure);
    const absl::StatusOr<PathReport> report =
        Analyze({WithEnds("a"), WithEnds("b")}, measure, options);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->space, space);
    EXPECT_EQ(report->point_count, 8);
    EXPECT_EQ(report->tangents.status, ScoreStatus::kOk);
    EXPECT_EQ(report->tangents.distances.size(), 8);
    EXPECT_EQ(report->picture.coordinates.rows(), 8);
    const PathAnalysis& path = report->paths[0].analysis;
    EXPECT_EQ(path.slack.status, ScoreStatus::kOk);
    EXPECT_GE(path.slack.value, 1.0);
    ASSERT_EQ(path.angles.size(), 3U);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(path.angles[i].status, ScoreStatus::kOk);
      EXPECT_EQ(path.target_angles[i].status, ScoreStatus::kOk);
      EXPECT_EQ(path.curvatures[i].status, ScoreStatus::kOk);
      EXPECT_EQ(path.projections[i].status, ScoreStatus::kOk);
      // Neither its ends nor its middle are nearer than the nearest point of the geodesic.
      for (const std::vector<PathValue>& distances : path.geodesic_distances) {
        const double other = distances[i + 1].value;
        EXPECT_LE(path.projections[i].distance, other + 65536.0 * kEps * (1.0 + other));
      }
    }
    EXPECT_EQ(path.geodesic_distances[0][0].value, 0.0);
    EXPECT_EQ(path.geodesic_distances[2][0].value, path.geodesic.value);
    // Segments are scores, which are known when asked again.
    const auto score = engine_->CompareLayers({Snapshot("a"), "fc1"}, {Snapshot("a"), "fc2"},
                                              std::vector<std::string>{measure}, Form::kAuto, {});
    ASSERT_TRUE(score.ok()) << score.status();
    EXPECT_EQ(path.segments[1].value, (*score)[0].score.value);
    EXPECT_EQ(Analyze({WithEnds("a"), WithEnds("b")}, measure)->cached, 64);
  }
}

TEST_F(PathReportTest, AConstantLayerIsNotPlaced) {
  Upload("c", "fc1", 1, testing::RandomNormal(50, 4, 7));
  Upload("c", "dead", 2, Matrix::Ones(50, 4));
  Upload("c", "fc3", 3, testing::RandomNormal(50, 4, 8));
  PathOptions options;
  options.dimensions = 2;
  options.directions = 2;
  const absl::StatusOr<PathReport> report = Analyze({Path("c")}, "cka", options);
  ASSERT_TRUE(report.ok()) << report.status();
  const PathAnalysis& path = report->paths[0].analysis;
  EXPECT_EQ(path.length.status, ScoreStatus::kConstant);
  EXPECT_EQ(path.geodesic.status, ScoreStatus::kOk);
  EXPECT_EQ(path.angles[0].status, ScoreStatus::kConstant);
  EXPECT_THAT(report->is_placed, ElementsAre(true, false, true));
  EXPECT_EQ(report->placed_status, ScoreStatus::kOk);
  EXPECT_EQ(report->picture.coordinates.rows(), 3);
  EXPECT_TRUE(report->picture.coordinates.allFinite());
  for (const char* measure : {"procrustes", "airm", "airm-of=covariance"}) {
    const absl::StatusOr<PathReport> other = Analyze({Path("c")}, measure, options);
    ASSERT_TRUE(other.ok()) << other.status();
    EXPECT_EQ(other->paths[0].analysis.angles[0].status, ScoreStatus::kConstant);
    EXPECT_THAT(other->is_placed, ElementsAre(true, false, true));
    EXPECT_TRUE(other->tangents.coordinates.allFinite());
  }
}

TEST_F(PathReportTest, NothingIsPlacedOfConstantLayersAlone) {
  Upload("d", "fc1", 1, Matrix::Zero(50, 4));
  Upload("d", "fc2", 2, Matrix::Ones(50, 4));
  PathOptions options;
  options.dimensions = 2;
  const absl::StatusOr<PathReport> report = Analyze({Path("d")}, "cka", options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->placed_status, ScoreStatus::kConstant);
  EXPECT_THAT(report->is_placed, ElementsAre(false, false));
}

TEST_F(PathReportTest, WhatCannotBeAPathIsRefused) {
  using absl::StatusCode;
  EXPECT_EQ(Analyze({}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Analyze({Path("labels")}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Analyze({Path("nobody")}).status().code(), StatusCode::kNotFound);
  PathSelection without_target = Path("a");
  without_target.target = LayerKey{Snapshot("a"), "nothing"};
  EXPECT_EQ(Analyze({without_target}).status().code(), StatusCode::kNotFound);
  const absl::Status no_space = Analyze({Path("a")}, "hsic").status();
  EXPECT_EQ(no_space.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(no_space.message(), HasSubstr("does not place layers in a space"));
  PathOptions options;
  options.fractions = {1.5};
  EXPECT_EQ(Analyze({Path("a")}, "cka", options).status().code(), StatusCode::kInvalidArgument);
  options.fractions = {std::nan("")};
  EXPECT_EQ(Analyze({Path("a")}, "cka", options).status().code(), StatusCode::kInvalidArgument);
  Upload("short", "fc1", 1, testing::RandomNormal(20, 4, 7));
  Upload("short", "fc2", 2, testing::RandomNormal(20, 4, 8));
  EXPECT_EQ(Analyze({Path("a"), Path("short")}).status().code(), StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace gramian
