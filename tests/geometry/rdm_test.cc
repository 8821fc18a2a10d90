#include "gramian/geometry/rdm.h"

#include <limits>
#include <vector>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/naive_rdm.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::NaiveRdm;
using testing::RandomActivations;

constexpr double kBound = 1024.0 * std::numeric_limits<double>::epsilon();
constexpr Dissimilarity kKinds[] = {Dissimilarity::kEuclidean, Dissimilarity::kSquaredEuclidean,
                                    Dissimilarity::kCorrelation, Dissimilarity::kCosine};

class RdmTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

TEST_F(RdmTest, NamesAreReadBack) {
  for (const Dissimilarity kind : kKinds) {
    EXPECT_EQ(ParseDissimilarity(ToString(kind)).value(), kind);
  }
  EXPECT_EQ(ParseDissimilarity("l1").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(RdmTest, EntriesAreThoseOfTheDefinition) {
  // 300 rows: more than a tile.
  for (const Index rows : {1, 2, 40, 300}) {
    const Matrix x = RandomActivations(rows, 6, 1);
    for (const Dissimilarity kind : kKinds) {
      const RdmTiles tiles = RdmTiles::Create({}, *AsFloat64(x), kind).value();
      const Matrix expected = NaiveRdm(x, ToString(kind));
      const Vector triangle = testing::NaiveTriangle(expected);
      const std::vector<double> ours = Triangle({}, tiles).value();
      ASSERT_EQ(static_cast<Index>(ours.size()), triangle.size());
      const double allowed = kBound * std::max(1.0, x.rowwise().squaredNorm().maxCoeff());
      for (Index i = 0; i < triangle.size(); ++i) {
        EXPECT_NEAR(ours[static_cast<size_t>(i)], triangle[i], allowed) << ToString(kind);
      }
      Matrix tile;
      tiles.Tile(0, std::min<Index>(rows, 7), 0, std::min<Index>(rows, 5), tile);
      EXPECT_LE((tile - expected.topLeftCorner(tile.rows(), tile.cols())).cwiseAbs().maxCoeff(),
                allowed);
    }
  }
}

TEST_F(RdmTest, RowsWithoutDirectionAreUnlikeAllOthers) {
  Matrix x = RandomActivations(10, 4, 2);
  x.row(2).setConstant(1.0e6 + 0.1);
  x.row(7).setZero();
  Matrix tile;
  RdmTiles::Create({}, *AsFloat64(x), Dissimilarity::kCorrelation).value().Tile(0, 10, 0, 10, tile);
  for (Index j = 0; j < 10; ++j) {
    EXPECT_NEAR(tile(2, j), j == 2 ? 0.0 : 1.0, kBound);
    EXPECT_NEAR(tile(j, 7), j == 7 ? 0.0 : 1.0, kBound);
  }
}

TEST_F(RdmTest, ALayerIsConstantIfNoTwoInputsDiffer) {
  const auto is_constant = [](const Matrix& x, Dissimilarity kind) {
    return RdmTiles::Create({}, *AsFloat64(x), kind).value().is_constant();
  };
  const Matrix rays = Vector::LinSpaced(10, 0.1, 3.0) * RandomActivations(1, 6, 3);
  const Matrix moved = rays.colwise() + Vector::LinSpaced(10, -5.0, 5.0);
  for (const Dissimilarity kind : kKinds) {
    EXPECT_TRUE(is_constant(Matrix::Constant(10, 3, 0.1), kind));
    EXPECT_FALSE(is_constant(RandomActivations(10, 6, 4), kind));
    EXPECT_EQ(is_constant(rays, kind),
              kind == Dissimilarity::kCosine || kind == Dissimilarity::kCorrelation);
  }
  EXPECT_FALSE(is_constant(moved, Dissimilarity::kCosine));
}

}  // namespace
}  // namespace gramian
