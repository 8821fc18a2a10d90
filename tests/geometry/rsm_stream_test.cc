#include "gramian/geometry/rsm_stream.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/geometry/reference.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat32;
using testing::AsFloat64;
using testing::Long;
using testing::LongMatrix;
using testing::NaiveCentered;
using testing::NaiveRsm;
using testing::NaiveUCentered;
using testing::RandomActivations;
using testing::RandomNormal;
using testing::RandomRelated;
using testing::Rounded;
using testing::SameBits;

constexpr double kSigma = 2.0;
constexpr KernelKind kKinds[] = {KernelKind::kLinear, KernelKind::kCosine, KernelKind::kRbf,
                                 KernelKind::kLaplacian, KernelKind::kDistance};

template <typename Scalar>
RsmTiles<Scalar> TilesOf(const Matrix& x, KernelKind kind, bool centered) {
  return RsmTiles<Scalar>::Create({}, *AsFloat64(x), {kind}, kSigma, centered).value();
}

// Norm of the entries relative to their mean: the size of what is summed.
double Spread(const LongMatrix& rsm) {
  return static_cast<double>((rsm.array() - rsm.mean()).matrix().norm());
}

template <typename Scalar>
class RsmStreamTest : public ::testing::Test {
 protected:
  static constexpr double kEpsilon = std::numeric_limits<Scalar>::epsilon();
};
using Scalars = ::testing::Types<float, double>;
TYPED_TEST_SUITE(RsmStreamTest, Scalars);

TYPED_TEST(RsmStreamTest, TilesAreBlocksOfTheRsm) {
  constexpr Index kFeatures = 6;
  const Matrix x = Rounded(RandomNormal(300, kFeatures, 1));
  const double largest = x.rowwise().squaredNorm().maxCoeff();
  for (const KernelKind kind : kKinds) {
    const LongMatrix expected = NaiveRsm(x, {kind}, kSigma);
    const RsmTiles<TypeParam> tiles = TilesOf<TypeParam>(x, kind, false);
    ASSERT_EQ(tiles.rows(), 300);
    MatrixOf<TypeParam> tile;
    for (const auto& [row, rows, col, cols] : {std::array<int64_t, 4>{0, 256, 0, 256},
                                               {0, 256, 256, 44},
                                               {256, 44, 256, 44},
                                               {17, 1, 200, 3},
                                               {299, 1, 0, 1},
                                               {40, 100, 50, 200}}) {
      tiles.Tile(row, rows, col, cols, tile);
      LongMatrix wide = tile.template cast<Long>();
      LongMatrix block = expected.block(row, col, rows, cols);
      // Distances are compared squared: that is what is computed.
      if (kind == KernelKind::kDistance) {
        wide = wide.cwiseAbs2().eval();
        block = block.cwiseAbs2().eval();
      }
      EXPECT_LE(static_cast<double>((wide - block).cwiseAbs().maxCoeff()),
                8.0 * kFeatures * TestFixture::kEpsilon * largest)
          << KernelSpec{kind}.ToString();
    }
  }
}

TYPED_TEST(RsmStreamTest, CoincidingInputsHaveDistanceZero) {
  for (const double mean : {0.0, 1.0e5}) {
    Matrix x = Rounded((RandomNormal(40, 9, 2).array() + mean).matrix());
    x.row(31) = x.row(7);
    const RsmTiles<TypeParam> tiles = TilesOf<TypeParam>(x, KernelKind::kDistance, true);
    MatrixOf<TypeParam> tile;
    tiles.SquaredDistances(0, 40, 0, 40, tile);
    EXPECT_EQ(tile(31, 7), TypeParam{0});
    EXPECT_EQ(tile(7, 31), TypeParam{0});
    EXPECT_EQ(tile.diagonal().cwiseAbs().maxCoeff(), TypeParam{0});
    EXPECT_GT(tile(7, 8), TypeParam{0});
    EXPECT_GE(tile.minCoeff(), TypeParam{0});
  }
}

TYPED_TEST(RsmStreamTest, SumsGiveTheInnerProductsOfDoublyCenteredRsms) {
  for (const Index n : {2, 3, 4, 255, 256, 257, 513}) {
    const Matrix x = Rounded(RandomNormal(n, 8, static_cast<uint64_t>(n)));
    const Matrix y = Rounded(RandomRelated(x, 6, 0.5, 3));
    for (const KernelKind kind : kKinds) {
      const KernelKind other = kind == KernelKind::kRbf ? KernelKind::kDistance : kind;
      const LongMatrix a = NaiveRsm(x, {kind}, kSigma);
      const LongMatrix b = NaiveRsm(y, {other}, kSigma);
      const RsmPairSums sums = SumRsmPair<TypeParam>({}, TilesOf<TypeParam>(x, kind, false),
                                                     TilesOf<TypeParam>(y, other, false))
                                   .value();
      ASSERT_EQ(sums.rows, n);
      const double unit = 64.0 * TestFixture::kEpsilon;
      const double a_size = Spread(a);
      const double b_size = Spread(b);
      const auto expect = [&](const AlignmentSums& got, const LongMatrix& a_centered,
                              const LongMatrix& b_centered) {
        const auto inner = [](const LongMatrix& p, const LongMatrix& q) {
          return static_cast<double>(p.cwiseProduct(q).sum());
        };
        const std::string where = absl::StrCat(n, " ", KernelSpec{kind}.ToString());
        EXPECT_LE(std::abs(got.ab - inner(a_centered, b_centered)), unit * a_size * b_size)
            << where;
        EXPECT_LE(std::abs(got.aa - inner(a_centered, a_centered)), unit * a_size * a_size)
            << where;
        EXPECT_LE(std::abs(got.bb - inner(b_centered, b_centered)), unit * b_size * b_size)
            << where;
      };
      expect(BiasedSums(sums), NaiveCentered(a), NaiveCentered(b));
      if (n >= 4) expect(DebiasedSums(sums), NaiveUCentered(a), NaiveUCentered(b));
    }
  }
}

TYPED_TEST(RsmStreamTest, CenteredFeaturesKeepTheDigitsThatLargeMeansCost) {
  const Index n = 120;
  const Matrix x = Rounded((RandomActivations(n, 8, 4).array() + 1.0e5).matrix());
  const Matrix y = Rounded((RandomRelated(x, 6, 0.3, 5).array() - 1.0e5).matrix());
  const LongMatrix a = testing::NaiveCenteredGram(x);
  const LongMatrix b = testing::NaiveCenteredGram(y);
  const RsmPairSums sums =
      SumRsmPair<TypeParam>({}, TilesOf<TypeParam>(x, KernelKind::kLinear, true),
                            TilesOf<TypeParam>(y, KernelKind::kLinear, true))
          .value();
  const AlignmentSums biased = BiasedSums(sums);
  const auto expected = static_cast<double>(a.cwiseProduct(b).sum());
  EXPECT_LE(std::abs(biased.ab - expected),
            64.0 * TestFixture::kEpsilon * static_cast<double>(a.norm() * b.norm()));
  EXPECT_LE(std::abs(biased.aa - static_cast<double>(a.squaredNorm())),
            64.0 * TestFixture::kEpsilon * static_cast<double>(a.squaredNorm()));
}

TYPED_TEST(RsmStreamTest, EqualRowsLeaveNothingBeyondNoise) {
  for (const Index n : {4, 100, 700}) {
    for (const double value : {0.0, 0.1, 1.0e6 / 3.0}) {
      const Matrix constant = Matrix::Constant(n, 5, value);
      const Matrix y = RandomNormal(n, 3, 6);
      for (const KernelKind kind : kKinds) {
        const RsmPairSums sums = SumRsmPair<TypeParam>({}, TilesOf<TypeParam>(constant, kind, true),
                                                       TilesOf<TypeParam>(y, kind, true))
                                     .value();
        for (const AlignmentSums& got : {BiasedSums(sums), DebiasedSums(sums)}) {
          EXPECT_LE(got.aa, got.a_noise) << n << " " << value << " " << KernelSpec{kind}.ToString();
          EXPECT_GT(got.bb, got.b_noise);
        }
      }
    }
  }
}

TYPED_TEST(RsmStreamTest, ThreadsDoNotChangeABit) {
  ComputeArena arena(4);
  ComputeContext threads;
  threads.arena = &arena;
  const Matrix x = RandomNormal(1500, 8, 7);
  const Matrix y = RandomRelated(x, 5, 0.5, 8);
  for (const KernelKind kind : {KernelKind::kLinear, KernelKind::kDistance}) {
    const RsmTiles<TypeParam> a = TilesOf<TypeParam>(x, kind, true);
    const RsmTiles<TypeParam> b = TilesOf<TypeParam>(y, kind, true);
    const RsmPairSums serial = SumRsmPair<TypeParam>({}, a, b).value();
    const RsmPairSums parallel = SumRsmPair<TypeParam>(threads, a, b).value();
    EXPECT_EQ(serial.ab, parallel.ab);
    EXPECT_EQ(serial.aa, parallel.aa);
    EXPECT_EQ(serial.bb, parallel.bb);
    EXPECT_TRUE(SameBits(serial.a_rows, parallel.a_rows));
    EXPECT_TRUE(SameBits(serial.b_rows, parallel.b_rows));
    EXPECT_TRUE(SameBits(serial.a_diagonal, parallel.a_diagonal));
  }
}

TYPED_TEST(RsmStreamTest, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  ComputeContext stopped;
  stopped.stop = source.get_token();
  const RsmTiles<TypeParam> tiles =
      TilesOf<TypeParam>(RandomNormal(50, 3, 9), KernelKind::kLinear, true);
  EXPECT_EQ(SumRsmPair<TypeParam>(stopped, tiles, tiles).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(VisitSquaredDistances<TypeParam>(
                stopped, tiles, [](int64_t, const MatrixOf<TypeParam>&, bool) { FAIL(); })
                .code(),
            absl::StatusCode::kCancelled);
}

TYPED_TEST(RsmStreamTest, AsksForItsScratchAndNotOneByteLess) {
  const auto layer = AsFloat32(RandomNormal(50, 3, 10));
  ComputeContext context;
  context.scratch_limit_bytes = 50 * 3 * static_cast<int64_t>(sizeof(TypeParam));
  EXPECT_TRUE(RsmTiles<TypeParam>::Create(context, *layer, {}, 0.0, true).ok());
  --context.scratch_limit_bytes;
  EXPECT_EQ(RsmTiles<TypeParam>::Create(context, *layer, {}, 0.0, true).status().code(),
            absl::StatusCode::kResourceExhausted);
}

// Whole numbers around 0 in one feature, so that sums are exact.
Matrix RandomIntegers(Index n, Index d) {
  std::mt19937_64 random(11);
  std::uniform_int_distribution<int> integer(-30, 30);
  Matrix x = Matrix::Zero(n, d);
  for (Index i = 0; i + 1 < n; i += 2) {
    for (Index j = 0; j < d; ++j) x(i, j) = integer(random);
    x.row(i + 1) = -x.row(i);
  }
  return x;
}

TYPED_TEST(RsmStreamTest, VisitsEveryPairOnce) {
  ComputeArena arena(3);
  ComputeContext threads;
  threads.arena = &arena;
  // 4096 rows are one tile row per lane; from 4097 on lanes have several.
  for (const Index n : {1, 2, 255, 256, 257, 513, 4096, 4097, 4500}) {
    const Matrix x = RandomIntegers(n, 1);
    const RsmTiles<TypeParam> tiles = TilesOf<TypeParam>(x, KernelKind::kDistance, true);
    std::array<double, kLanes> sums{};
    std::array<int64_t, kLanes> pairs{};
    const absl::Status status = VisitSquaredDistances<TypeParam>(
        threads, tiles, [&](int64_t lane, const MatrixOf<TypeParam>& tile, bool is_diagonal) {
          const Matrix wide = tile.template cast<double>();
          const auto at = static_cast<size_t>(lane);
          // A diagonal tile holds each of its pairs twice.
          sums[at] += is_diagonal ? wide.sum() / 2.0 : wide.sum();
          pairs[at] += is_diagonal ? wide.rows() * (wide.rows() - 1) / 2 : wide.size();
        });
    ASSERT_TRUE(status.ok()) << status;
    double sum = 0.0;
    int64_t pair_count = 0;
    for (size_t lane = 0; lane < sums.size(); ++lane) {
      sum += sums[lane];
      pair_count += pairs[lane];
    }
    EXPECT_EQ(pair_count, n * (n - 1) / 2);
    // sum over i < j of (x_i - x_j)^2 = n sum x_i^2 - (sum x_i)^2.
    EXPECT_EQ(sum, static_cast<double>(n) * x.squaredNorm()) << n;
  }
}

TEST(SumRsmPairTest, SumsOfManyTileRowsPerLaneAgreeWithFeatureSpace) {
  const Matrix x = RandomIntegers(4500, 2);
  const RsmTiles<double> tiles = TilesOf<double>(x, KernelKind::kLinear, true);
  // |H X X' H|^2 = |X' X|^2, as X is centred.
  const double expected = (x.transpose() * x).squaredNorm();
  const AlignmentSums sums = BiasedSums(SumRsmPair<double>({}, tiles, tiles).value());
  // Rows are added up one after the other.
  EXPECT_LE(std::abs(sums.aa - expected), 4500.0 * testing::kEpsilon * expected);
  EXPECT_EQ(sums.aa, sums.ab);
  EXPECT_EQ(sums.aa, sums.bb);
}

}  // namespace
}  // namespace gramian
