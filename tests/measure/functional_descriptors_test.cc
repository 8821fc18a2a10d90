// Goal: descriptors are their formulas. Method: the formulas, written plainly, and values of an
// independent NumPy implementation.
#include "gramian/measure/functional_descriptors.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/waves.h"

namespace gramian {
namespace {

using ::testing::HasSubstr;

constexpr double kEps = std::numeric_limits<double>::epsilon();

class FunctionalDescriptorsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  void SetUp() override {
    x_ = testing::WaveActivations(90);
    layer_ = testing::AsFloat64(x_);
    graph_ = NeighborGraph::Compute({}, *layer_, {GraphMetric::kAngular, EdgeWeight::kGaussian, 10})
                 .value();
    basis_ = LaplacianEigenbasis::Compute({}, *graph_, 15).value();
    for (int64_t i = 0; i < 90; ++i) labels_.push_back(i % 3);
  }

  absl::StatusOr<Matrix> Describe(const std::vector<DescriptorKind>& kinds) const {
    return DescribeLayer({}, {layer_.get(), graph_.get(), basis_.get(), anchors_, labels_}, kinds,
                         std::vector<int64_t>{0, 1, 2});
  }

  Matrix x_;
  std::shared_ptr<const Representation> layer_;
  std::shared_ptr<const NeighborGraph> graph_;
  std::shared_ptr<const LaplacianEigenbasis> basis_;
  std::vector<int64_t> anchors_ = {3, 20, 41, 77};
  std::vector<int64_t> labels_;
};

TEST_F(FunctionalDescriptorsTest, TheyAreThoseOfAnotherImplementation) {
  const Matrix geodesic = Describe({DescriptorKind::kGeodesic}).value();
  ASSERT_EQ(geodesic.rows(), 4);
  ASSERT_EQ(geodesic.cols(), 90);
  const double expected[4] = {0.00195756, 0.02015007, 0.18531416, 0.2034381};
  for (Index q = 0; q < 4; ++q) EXPECT_NEAR(geodesic(q, 10), expected[q], 5.0e-9);
  const Matrix heat = Describe({DescriptorKind::kHeat}).value();
  EXPECT_NEAR(heat(0, 7), 0.011688575923768776, 1.0e-14);
  EXPECT_NEAR(heat(9, 7), 0.011079764156569602, 1.0e-14);
  const Matrix anchored = Describe({DescriptorKind::kAnchoredHeat}).value();
  ASSERT_EQ(anchored.rows(), 40);
  EXPECT_NEAR(anchored(0, 7), 0.00022243953321885061, 1.0e-14);
  EXPECT_NEAR(anchored(39, 7), 0.013895432240775517, 1.0e-14);
  const Matrix wave = Describe({DescriptorKind::kWave}).value();
  EXPECT_NEAR(wave(0, 7), 0.011576748178964058, 1.0e-14);
  EXPECT_NEAR(wave(9, 7), 0.010704801176179361, 1.0e-14);
  const Matrix labels = Describe({DescriptorKind::kLabels}).value();
  ASSERT_EQ(labels.rows(), 3);
  EXPECT_NEAR(labels(0, 7), -0.44809386, 5.0e-9);
  EXPECT_NEAR(labels(1, 7), 0.78196345, 5.0e-9);
  EXPECT_NEAR(labels(2, 7), -0.21888179, 5.0e-9);
}

TEST_F(FunctionalDescriptorsTest, CosinesAreTheDefinition) {
  const Matrix cosines = Describe({DescriptorKind::kCosine}).value();
  for (Index q = 0; q < 4; ++q) {
    const auto anchor = x_.row(anchors_[static_cast<size_t>(q)]);
    for (Index i = 0; i < 90; ++i) {
      const double cosine = x_.row(i).dot(anchor) / (x_.row(i).norm() * anchor.norm());
      EXPECT_NEAR(cosines(q, i), 1.0 - cosine, 16.0 * kEps);
    }
  }
}

// Scale is of no matter to geodesics of a Euclidean graph.
TEST_F(FunctionalDescriptorsTest, GeodesicsOfAEuclideanGraphAreRelative) {
  Matrix described[2];
  for (int i = 0; i < 2; ++i) {
    const auto layer = testing::AsFloat64(i == 0 ? x_ : Matrix(1000.0 * x_));
    const auto graph =
        NeighborGraph::Compute({}, *layer, {GraphMetric::kEuclidean, EdgeWeight::kGaussian, 10})
            .value();
    described[i] = DescribeLayer({}, {layer.get(), graph.get(), basis_.get(), anchors_, {}},
                                 std::vector<DescriptorKind>{DescriptorKind::kGeodesic}, {})
                       .value();
  }
  EXPECT_LE((described[0] - described[1]).cwiseAbs().maxCoeff(), 64.0 * kEps);
  EXPECT_EQ(described[0](1, 20), 1.0);
}

TEST_F(FunctionalDescriptorsTest, KindsFollowEachOther) {
  const Matrix both = Describe({DescriptorKind::kLabels, DescriptorKind::kCosine}).value();
  ASSERT_EQ(both.rows(), 7);
  EXPECT_EQ(both.topRows(3), Describe({DescriptorKind::kLabels}).value());
  EXPECT_EQ(both.bottomRows(4), Describe({DescriptorKind::kCosine}).value());
}

TEST_F(FunctionalDescriptorsTest, WhatIsMissingIsNamed) {
  anchors_.clear();
  for (const DescriptorKind kind :
       {DescriptorKind::kGeodesic, DescriptorKind::kCosine, DescriptorKind::kAnchoredHeat}) {
    const absl::Status status = Describe({kind}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("need anchors"));
  }
  labels_.resize(5);
  EXPECT_THAT(Describe({DescriptorKind::kLabels}).status().message(),
              HasSubstr("each of 90 inputs, not 5"));
  const auto smooth = LaplacianEigenbasis::Compute({}, *graph_, 1).value();
  EXPECT_EQ(DescribeLayer({}, {layer_.get(), graph_.get(), smooth.get(), {}, {}},
                          std::vector<DescriptorKind>{DescriptorKind::kWave}, {})
                .status()
                .code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ParseDescriptorKind("landmark").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ParseDescriptorKind("anchored-heat").value(), DescriptorKind::kAnchoredHeat);
}

}  // namespace
}  // namespace gramian
