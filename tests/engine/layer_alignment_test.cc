// Goal: the engine aligns what is in its store, from what is known and from anchors, and refuses
// what does not fit. Method: a real engine with a layer and rotated, permuted and cut copies of it.
#include "gramian/engine/layer_alignment.h"

#include <cmath>
#include <limits>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gramian/base/error_reason.h"
#include "gramian/engine/similarity_engine.h"
#include "gtest/gtest.h"
#include "tests/testing/commit.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using ::testing::HasSubstr;

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr Index kRows = 240;

LayerKey Key(const std::string& layer) { return {{"default", "net", 0}, layer}; }

class LayerAlignmentTest : public ::testing::Test {
 protected:
  LayerAlignmentTest() : engine_(SimilarityEngine::Open(EngineOptions()).value()) {
    x_ = testing::RandomActivations(kRows, 8, 1);
    rotation_ = testing::RandomOrthogonal(8, 2);
    Upload("x", x_);
    Upload("rotated", 3.0 * x_ * rotation_);
    Matrix permuted(kRows, 8);
    for (Index i = 0; i < kRows; ++i) permuted.row(i) = x_.row(i * 7 % kRows);
    Upload("permuted", permuted, "other inputs");
    options_.functions = 30;
    options_.graph.neighbors = 15;
  }

  void Upload(const std::string& layer, const Matrix& activations,
              const std::string& probe_set = "probes") {
    LayerDescription description;
    description.key = Key(layer);
    description.probe_set = probe_set;
    const auto committed =
        testing::Commit(engine_->store(), description, *testing::AsFloat64(activations));
    ASSERT_TRUE(committed.ok()) << committed.status();
  }

  absl::StatusOr<AlignmentReport> Align(const std::string& a, const std::string& b,
                                        const std::string& functions = "",
                                        const std::string& points = "",
                                        const std::string& truth = "") {
    AlignmentSelection selection{Key(a), Key(b), {}, {}, {}};
    if (!functions.empty()) selection.functions = Key(functions);
    if (!points.empty()) selection.points = Key(points);
    if (!truth.empty()) selection.truth = Key(truth);
    return engine_->AlignLayers(selection, options_, {});
  }
  void ExpectRefused(const std::string& text) {
    const absl::Status status = Align("x", "rotated").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(text));
  }

  std::unique_ptr<SimilarityEngine> engine_;
  Matrix x_;
  Matrix rotation_;
  AlignmentOptions options_;
};

TEST_F(LayerAlignmentTest, ARotatedCopyIsTheSameByItsKnownMap) {
  const absl::StatusOr<AlignmentReport> report = Align("x", "rotated", "x", "x", "rotated");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->is_known);
  EXPECT_EQ(report->functions, 30);
  EXPECT_EQ(report->refinement, 0);
  EXPECT_EQ(report->descriptors, 0);
  EXPECT_GT(report->a_gap, 1.0e-5);
  EXPECT_NEAR(report->a_gap, report->b_gap, 1.0e-9);
  EXPECT_EQ(report->a_components, 1);
  EXPECT_LE((report->map - Matrix::Identity(30, 30)).norm(), 1.0e-8);
  EXPECT_NEAR(report->scores.corrected, 1.0, 1.0e-8);
  EXPECT_EQ(report->accuracy, 1.0);
  EXPECT_EQ(report->retrieval->aligned, 1.0);
  EXPECT_EQ(report->retrieval->count, kRows);
  EXPECT_FALSE(report->retrieval->anchors.has_value());
  EXPECT_EQ(report->distortion.size(), kRows);
  EXPECT_LE((report->carried_points - x_ * rotation_).norm(), 4096.0 * kEps * x_.norm());
  EXPECT_EQ(report->carried_retrieval->aligned, 1.0);
  // The functions' part in the basis: carried there and back it is the same.
  EXPECT_EQ(report->carried_functions.rows(), kRows);
  EXPECT_EQ(report->carried_functions.cols(), 8);
  EXPECT_LT(report->carried_functions.norm(), x_.norm());
}

// Eight inputs are known to correspond; the layers differ in their inputs' order.
TEST_F(LayerAlignmentTest, AnchorsFindAPermutedCopy) {
  for (int64_t j = 0; j < 8; ++j) {
    options_.b_anchors.push_back(29 * j);
    options_.a_anchors.push_back(29 * j * 7 % kRows);
  }
  for (const auto& kinds : {std::vector<DescriptorKind>{},
                            {DescriptorKind::kCosine, DescriptorKind::kHeat},
                            {DescriptorKind::kAnchoredHeat, DescriptorKind::kWave}}) {
    options_.descriptors = kinds;
    const absl::StatusOr<AlignmentReport> report = Align("x", "permuted", "", "x");
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_FALSE(report->is_known);
    EXPECT_EQ(report->refinement, 10);
    EXPECT_EQ(report->iterations, 0);
    EXPECT_FALSE(report->accuracy.has_value());
    EXPECT_FALSE(report->retrieval.has_value());
    for (Index i = 0; i < kRows; ++i)
      EXPECT_EQ(report->matches[static_cast<size_t>(i)], i * 7 % kRows);
    // Equal spaces: points stay where they are.
    EXPECT_LE((report->carried_points - x_).norm(), 1.0e-9 * x_.norm());
    EXPECT_FALSE(report->carried_retrieval.has_value());
  }
}

TEST_F(LayerAlignmentTest, LabelsAndSolversArePassedOn) {
  for (Index i = 0; i < kRows; ++i) {
    options_.a_labels.push_back(i % 6);
    options_.b_labels.push_back(i % 6);
  }
  options_.descriptors = {DescriptorKind::kLabels};
  options_.solver = MapSolver::kIterative;
  options_.refinement = 3;
  const absl::StatusOr<AlignmentReport> report = Align("x", "rotated");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->descriptors, 6);
  EXPECT_GT(report->iterations, 0);
  EXPECT_EQ(report->refinement, 3);
  EXPECT_GT(report->accuracy.value(), 0.9);
}

TEST_F(LayerAlignmentTest, BasesAreSharedThroughTheCache) {
  ASSERT_TRUE(Align("x", "rotated").ok());
  const CacheStats first = engine_->Stats().cache;
  ASSERT_TRUE(Align("rotated", "x").ok());
  EXPECT_EQ(engine_->Stats().cache.entries, first.entries);
  EXPECT_EQ(engine_->Stats().cache.misses, first.misses);
}

TEST_F(LayerAlignmentTest, SmallLayersHaveFewerFunctions) {
  for (const Index rows : {4, 6}) {
    const std::string layer = absl::StrCat("rows", rows);
    Upload(layer, x_.topRows(rows), layer);
    const absl::StatusOr<AlignmentReport> report = Align(layer, layer);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->functions, rows - 1);
    EXPECT_EQ(report->accuracy, 1.0);
  }
  Upload("three", x_.topRows(3), "three");
  EXPECT_THAT(Align("three", "three").status().message(), HasSubstr("which takes 4"));
}

TEST_F(LayerAlignmentTest, WhatDoesNotFitIsRefused) {
  using absl::StatusCode;
  EXPECT_EQ(Align("x", "nothing").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Align("x", "permuted").status().code(), StatusCode::kFailedPrecondition);
  Upload("dead", Matrix::Ones(kRows, 3));
  const absl::Status dead = Align("x", "dead").status();
  EXPECT_EQ(dead.code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(HasReason(dead, "LAYER_CONSTANT"));
  EXPECT_THAT(dead.message(), HasSubstr("layer b"));
  Upload("few", x_.topRows(20), "few");
  EXPECT_THAT(Align("x", "rotated", "few").status().message(), HasSubstr("must have 240 rows"));
  EXPECT_TRUE(Align("x", "rotated", "", "few").ok());
  EXPECT_THAT(Align("x", "rotated", "", "dead").status().message(),
              HasSubstr("any rows and 8 features"));
  EXPECT_THAT(Align("x", "rotated", "", "", "few").status().message(), HasSubstr("no points"));
  EXPECT_THAT(Align("x", "rotated", "", "few", "x").status().message(),
              HasSubstr("must have 20 rows"));
}

TEST_F(LayerAlignmentTest, OptionsAreCheckedAtTheirLimits) {
  for (const int64_t functions : {2, 501}) {
    options_.functions = functions;
    ExpectRefused("must be from 3 to 500");
  }
  options_.functions = 500;
  EXPECT_TRUE(Align("x", "rotated").ok());
  options_.functions = 12;
  options_.refinement = 11;
  ExpectRefused("must be from 0 to 10");
  options_.refinement = 10;
  EXPECT_TRUE(Align("x", "rotated").ok());
  options_.a_anchors = {1};
  ExpectRefused("anchors of the layers are 1 and 0");
  options_.b_anchors = {kRows};
  ExpectRefused("anchor 240 of layer b is none of its 240 inputs");
  options_.b_anchors = {-1};
  ExpectRefused("anchor -1 of layer b");
  options_.a_anchors = {5, 5};
  options_.b_anchors = {5, 6};
  ExpectRefused("anchor 5 of layer a is given twice");
  options_.a_anchors.assign(kMaxAnchors + 1, 0);
  options_.b_anchors.assign(kMaxAnchors + 1, 0);
  ExpectRefused("at most 2000");
  options_.a_anchors = {5, 50, 100};
  options_.b_anchors = {5, 50, 100};
  options_.a_labels = {1, 2};
  ExpectRefused("layer a has 2 labels for 240 inputs");
  options_.a_labels.clear();
  options_.descriptors = {DescriptorKind::kLabels};
  ExpectRefused("need a label for each of 240 inputs");
  options_.descriptors.clear();
  options_.weights.laplacian = -1.0;
  ExpectRefused("weight of the laplacian term is -1");
  options_.weights.laplacian = std::nan("");
  ExpectRefused("weight of the laplacian term");
}

TEST_F(LayerAlignmentTest, AStopEndsIt) {
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(
      engine_->AlignLayers({Key("x"), Key("rotated"), {}, {}, {}}, options_, source.get_token())
          .status()
          .code(),
      absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace gramian
