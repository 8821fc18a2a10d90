// Goal: the engine compares pullback metrics wherever they come from, caches factors, and keeps
// tangent data and activations apart. Method: a real engine with a torus and a doughnut.
#include "gramian/engine/tangent_report.h"

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gramian/engine/similarity_engine.h"
#include "gtest/gtest.h"
#include "tests/tangent/tangents.h"
#include "tests/testing/commit.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::AsTangents;
using testing::Doughnut;
using testing::FlatTorus;
using ::testing::HasSubstr;
using testing::kEps;
using testing::OnGrid;
using testing::TorusAxes;

constexpr int64_t kSide = 24;
constexpr int64_t kPoints = kSide * kSide;

LayerKey Key(const std::string& layer) { return {{"default", "net", 0}, layer}; }

class TangentReportTest : public ::testing::Test {
 protected:
  TangentReportTest() : engine_(SimilarityEngine::Open(EngineOptions()).value()) {
    Upload("flat", *AsFloat64(OnGrid(axes_, {0, 0}, FlatTorus)));
    Upload("doughnut", *AsFloat64(OnGrid(axes_, {0, 0}, Doughnut)));
    Upload("points", *AsFloat64(OnGrid(axes_, {0, 0}, [](const auto& p) { return p; })));
    Matrix flat(kPoints, 4);
    flat = Matrix::Ones(kPoints, 1) * Matrix(Eigen::RowVector4d(1, 0, 0, 1));
    Upload("flat_tangents", *AsTangents(flat, {RowKind::kJacobian, 2}).value());
    Matrix metrics = Matrix::Zero(kPoints, 3);
    for (int64_t i = 0; i < kPoints; ++i) {
      metrics(i, 0) =
          std::pow(2.0 + std::cos(axes_[1].spacing * static_cast<double>(i % kSide)), 2);
      metrics(i, 2) = 1.0;
    }
    Upload("doughnut_tangents", *AsTangents(metrics, {RowKind::kPullbackMetric, 2}).value());
  }

  void Upload(const std::string& layer, const Representation& rows) {
    LayerDescription description;
    description.key = Key(layer);
    description.probe_set = "torus";
    const auto committed = testing::Commit(engine_->store(), description, rows);
    ASSERT_TRUE(committed.ok()) << committed.status();
  }
  absl::StatusOr<TangentReport> Compare(const std::string& a, const std::string& b,
                                        const std::vector<GridAxis>& grid = {},
                                        const std::optional<LayerKey>& coordinates = std::nullopt) {
    return engine_->CompareTangents(Key(a), Key(b), grid, coordinates, {}, {});
  }

  const std::vector<GridAxis> axes_ = TorusAxes(kSide);
  const std::unique_ptr<SimilarityEngine> engine_;
};

constexpr double kExact = 1.0 - 0.57735026918962576;  // 1 - 1 / sqrt(3)

TEST_F(TangentReportTest, EverySourceSaysTheSame) {
  const double tolerance = 1000.0 * kEps;
  const TangentReport uploaded = Compare("flat_tangents", "doughnut_tangents").value();
  EXPECT_EQ(uploaded.rows, kPoints);
  EXPECT_EQ(uploaded.coordinates, 2);
  EXPECT_NEAR(uploaded.msa.distance, kExact, tolerance);
  EXPECT_NEAR(Compare("flat", "doughnut", axes_).value().msa.distance, kExact, tolerance);
  EXPECT_NEAR(Compare("flat_tangents", "doughnut", axes_).value().msa.distance, kExact, 1e-3)
      << "differences are exact to h^4";
  EXPECT_NEAR(Compare("flat", "doughnut", {}, Key("points")).value().msa.distance, kExact,
              0.05 * kExact);
  const auto scores = engine_->CompareLayers(Key("flat_tangents"), Key("doughnut_tangents"),
                                             {"msa"}, Form::kAuto, {});
  ASSERT_TRUE(scores.ok()) << scores.status();
  EXPECT_EQ(scores->front().score.value, uploaded.msa.distance);
}

TEST_F(TangentReportTest, FactorsOfActivationsAreComputedOnce) {
  ASSERT_TRUE(Compare("flat", "doughnut", axes_).ok());
  const CacheStats before = engine_->Stats().cache;
  EXPECT_GE(before.bytes, 2 * kPoints * 3 * 8);
  ASSERT_TRUE(Compare("doughnut", "flat", axes_).ok());
  EXPECT_EQ(engine_->Stats().cache.misses, before.misses);
  std::vector<GridAxis> wider = axes_;
  wider[0].spacing *= 2.0;
  ASSERT_TRUE(Compare("doughnut", "flat", wider).ok());
  EXPECT_GT(engine_->Stats().cache.misses, before.misses) << "another grid is another field";
}

TEST_F(TangentReportTest, PointsAreGivenWhereTheyAreNeeded) {
  const auto error = [](const absl::StatusOr<TangentReport>& report) {
    return report.status().ToString();
  };
  EXPECT_THAT(error(Compare("flat", "doughnut_tangents")),
              HasSubstr("activations need a grid or coordinates"));
  EXPECT_THAT(error(Compare("flat_tangents", "doughnut_tangents", axes_)),
              HasSubstr("both layers are tangent data"));
  EXPECT_THAT(error(Compare("flat", "doughnut", axes_, Key("points"))), HasSubstr("not both"));
  EXPECT_THAT(error(Compare("flat", "doughnut", {{kPoints, 1.0, false}})),
              Not(HasSubstr("INVALID")));
  EXPECT_THAT(error(Compare("flat_tangents", "doughnut", {{kPoints, 1.0, false}})),
              HasSubstr("in 2 and 1 coordinates"));
  EXPECT_THAT(error(Compare("flat", "doughnut", {}, Key("missing"))), HasSubstr("NOT_FOUND"));
}

TEST_F(TangentReportTest, MeasuresOfActivationsRefuseTangentsAndTheReverse) {
  const auto error = [&](const std::string& a, const std::string& b, const std::string& measure) {
    return engine_->CompareLayers(Key(a), Key(b), {measure}, Form::kAuto, {}).status().ToString();
  };
  EXPECT_THAT(error("flat_tangents", "doughnut_tangents", "cka"),
              HasSubstr("compares activations, not rows of factor"));
  EXPECT_THAT(error("flat", "doughnut", "msa"), HasSubstr("not rows of activations"));
  const SnapshotSelection selection{Key("").snapshot, {"flat_tangents"}};
  EXPECT_THAT(engine_->GetOperator(selection, nullptr, OperatorRequest(), {}).status().ToString(),
              HasSubstr("an operator is made of activations"));
  const std::vector<SnapshotSelection> networks = {selection};
  const absl::Status fused = engine_->CompareNetworks(
      networks, Fusion(), "cka",
      {[](const auto&) { return absl::OkStatus(); }, [](auto) { return absl::OkStatus(); }}, {});
  EXPECT_THAT(fused.ToString(), HasSubstr("compares activations, not rows of factor"));
}

}  // namespace
}  // namespace gramian
