#include "gramian/geometry/centered_features.h"

#include <cmath>

#include "gtest/gtest.h"
#include "tests/geometry/reference.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat32;
using testing::AsFloat64;
using testing::kEpsilon;
using testing::kEpsilonF;
using testing::RandomNormal;

Matrix ReadAll(const CenteredFeatures& features) {
  Matrix all(features.rows(), features.cols());
  features.ReadRows(0, features.rows(), all.data());
  return all;
}

TEST(CenteredFeaturesTest, OfALayerAreItsActivationsNotCentered) {
  const Matrix x = RandomNormal(20, 6, 1);
  const CenteredFeatures features(AsFloat64(x), false);
  EXPECT_EQ(features.rows(), 20);
  EXPECT_EQ(features.cols(), 6);
  EXPECT_FALSE(features.is_explicit());
  EXPECT_EQ(features.size_bytes(), 0);
  EXPECT_EQ(ReadAll(features), x);
  MatrixF part(7, 6);
  features.ReadRows(11, 7, part.data());
  EXPECT_EQ(part, x.middleRows(11, 7).cast<float>());
}

TEST(CenteredFeaturesTest, OfModesAreTheirColumns) {
  const Matrix modes = RandomNormal(3, 10, 2);
  const CenteredFeatures features(modes);
  EXPECT_EQ(features.rows(), 10);
  EXPECT_EQ(features.cols(), 3);
  EXPECT_TRUE(features.is_explicit());
  EXPECT_EQ(features.modes(), modes);
  EXPECT_EQ(features.size_bytes(), 30 * 8);
  EXPECT_EQ(ReadAll(features), modes.transpose());
  MatrixF part(4, 3);
  features.ReadRows(6, 4, part.data());
  EXPECT_EQ(part, modes.middleCols(6, 4).transpose().cast<float>());
}

TEST(CenteredFeaturesTest, UnitRowsHaveLengthOneAndKeepTheirDirection) {
  const Matrix x = RandomNormal(50, 9, 3);
  const Matrix unit = ReadAll(CenteredFeatures(AsFloat64(x), true));
  for (Index i = 0; i < x.rows(); ++i) {
    EXPECT_LE(std::abs(unit.row(i).norm() - 1.0), 9.0 * kEpsilon);
    EXPECT_LE((unit.row(i) * x.row(i).norm() - x.row(i)).norm(), 9.0 * kEpsilon * x.row(i).norm());
  }
}

TEST(CenteredFeaturesTest, RowsOfThreeAndFourAreExact) {
  Matrix x(2, 2);
  x << 3.0, 4.0, -6.0, 8.0;
  Matrix expected(2, 2);
  expected << 0.6, 0.8, -0.6, 0.8;
  EXPECT_EQ(ReadAll(CenteredFeatures(AsFloat32(x), true)), expected);
}

TEST(CenteredFeaturesTest, AZeroRowStaysZero) {
  Matrix x = RandomNormal(4, 3, 4);
  x.row(2).setZero();
  const Matrix unit = ReadAll(CenteredFeatures(AsFloat32(x), true));
  EXPECT_EQ(unit.row(2), Eigen::RowVector3d::Zero());
  EXPECT_GT(unit.row(1).norm(), 0.5);
}

TEST(CenteredFeaturesTest, RowsOfAnySizeAreBroughtToUnitLength) {
  const Matrix x = RandomNormal(30, 8, 5);
  // Smaller sizes than float32 knows can only come as float64.
  for (const double size : {1.0e37, 1.0e-37, 1.0e-150, 1.0e-160, 1.0e-200, 1.0e-290}) {
    const CenteredFeatures features(AsFloat64(x * size), true);
    const Matrix unit = ReadAll(features);
    MatrixF narrow(30, 8);
    features.ReadRows(0, 30, narrow.data());
    for (Index i = 0; i < x.rows(); ++i) {
      EXPECT_LE((unit.row(i) - x.row(i) / x.row(i).norm()).norm(), 8.0 * kEpsilon) << size;
      EXPECT_LE((narrow.row(i).cast<double>() - unit.row(i)).norm(), kEpsilonF) << size;
    }
  }
}

TEST(CenteredFeaturesTest, KeepTheirLayerAlive) {
  auto layer = AsFloat32(Matrix::Constant(3, 2, 5.0));
  const CenteredFeatures features(layer, false);
  layer.reset();
  EXPECT_EQ(ReadAll(features), Matrix(Matrix::Constant(3, 2, 5.0)));
}

}  // namespace
}  // namespace gramian
