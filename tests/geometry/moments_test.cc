#include "gramian/geometry/moments.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/geometry/moments_reference.h"
#include "tests/geometry/reference.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat32;
using testing::AsFloat64;
using testing::Bound;
using testing::Centered;
using testing::Error;
using testing::kEpsilon;
using testing::Long;
using testing::LongMatrix;
using testing::NaiveCross;
using testing::RandomActivations;
using testing::RandomNormal;
using testing::Rounded;
using testing::SameBits;

constexpr Arithmetic kBoth[] = {Arithmetic::kFloat32, Arithmetic::kFloat64};

CenteredFeatures Features(const Matrix& x) { return {AsFloat32(x), false}; }

std::shared_ptr<const Moments> MomentsOf(const Matrix& x, Arithmetic arithmetic) {
  return Moments::Compute({}, Features(x), arithmetic).value();
}

// Rows x, -x, x, -x ... of whole numbers: every block's mean is exactly 0 and every product exact.
Matrix RandomIntegers(Index n, Index d, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<int> integer(-20, 20);
  Matrix x(n, d);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < d; ++j) x(i, j) = i % 2 == 0 ? integer(random) : -x(i - 1, j);
  }
  return x;
}

TEST(ChooseArithmeticTest, IsFloat64UpToTheLimitAndNotOneProductMore) {
  EXPECT_EQ(ChooseArithmetic(0.0), Arithmetic::kFloat64);
  EXPECT_EQ(ChooseArithmetic(0x1p28), Arithmetic::kFloat64);
  EXPECT_EQ(ChooseArithmetic(0x1p28 + 1.0), Arithmetic::kFloat32);
}

TEST(MomentsTest, MeansFarAboveTheStandardDeviationCostNoDigits) {
  for (const Index n : {2, 255, 257, 3000}) {
    for (const double mean : {0.0, 1.0e2, 1.0e4, 1.0e6}) {
      const Matrix x =
          Rounded((RandomActivations(n, 11, static_cast<uint64_t>(n)).array() + mean).matrix());
      const LongMatrix expected = NaiveCross(x, x);
      for (const Arithmetic arithmetic : kBoth) {
        const auto moments = MomentsOf(x, arithmetic);
        EXPECT_LE(Error(moments->covariance(), expected), Bound(arithmetic, x, x))
            << n << " rows, mean " << mean;
        EXPECT_EQ(moments->arithmetic(), arithmetic);
        EXPECT_FALSE(moments->is_constant());
        EXPECT_EQ(moments->covariance(), moments->covariance().transpose());
        EXPECT_EQ(moments->norm(), moments->covariance().norm());
        const LongMatrix mean_error =
            moments->mean().cast<Long>() - x.cast<Long>().colwise().mean().transpose();
        EXPECT_LE(static_cast<double>(mean_error.cwiseAbs().maxCoeff()),
                  16.0 * kEpsilon * x.cwiseAbs().maxCoeff());
      }
    }
  }
}

TEST(MomentsTest, WideLayersOfWholeNumbersAreExact) {
  // 600: two and a half panels of 256 columns; 1030: more entries than go into one lane.
  for (const Index d : {255, 256, 257, 513, 600, 1030}) {
    const Matrix x = RandomIntegers(600, d, static_cast<uint64_t>(d));
    const Matrix expected = x.transpose() * x;
    for (const Arithmetic arithmetic : kBoth) {
      EXPECT_EQ(MomentsOf(x, arithmetic)->covariance(), expected) << d;
    }
  }
}

TEST(MomentsTest, HugeAndTinyActivationsNeitherOverflowNorVanish) {
  for (const double size : {1.0e30, 1.0e18, 1.0e-18, 1.0e-30}) {
    const Matrix x = Rounded(RandomActivations(500, 7, 1) * size);
    for (const Arithmetic arithmetic : kBoth) {
      const auto moments = MomentsOf(x, arithmetic);
      ASSERT_TRUE(moments->covariance().allFinite());
      EXPECT_LE(Error(moments->covariance(), NaiveCross(x, x)), Bound(arithmetic, x, x)) << size;
      EXPECT_FALSE(moments->is_constant());
    }
  }
}

TEST(MomentsTest, OneHugeFeatureBesideOrdinaryOnesIsHandled) {
  Matrix x = RandomActivations(500, 4, 2);
  x.col(2) *= 1.0e25;
  x = Rounded(x);
  for (const Arithmetic arithmetic : kBoth) {
    const auto moments = MomentsOf(x, arithmetic);
    EXPECT_LE(Error(moments->covariance(), NaiveCross(x, x)), Bound(arithmetic, x, x));
  }
}

TEST(MomentsTest, FindsLayersWhoseRowsAreEqual) {
  for (const Index n : {1, 2, 3, 100, 1000, 5000}) {
    for (const double value : {0.0, 0.1, -7.3, 1.0e6 / 3.0, 1.0e30, 1.0e-30}) {
      Matrix x = Matrix::Constant(n, 5, value);
      x.col(3) *= 0.7;
      for (const Arithmetic arithmetic : kBoth) {
        for (const bool unit_rows : {false, true}) {
          const std::string where = absl::StrCat(n, " ", value, " ", unit_rows);
          EXPECT_TRUE(
              Moments::Compute({}, {AsFloat32(x), unit_rows}, arithmetic).value()->is_constant())
              << where;
          EXPECT_TRUE(
              Moments::Compute({}, {AsFloat64(x), unit_rows}, arithmetic).value()->is_constant())
              << where;
        }
      }
    }
  }
}

TEST(MomentsTest, OneUnitInTheLastPlaceOfAFloat32IsADifference) {
  for (const Index n : {2, 1000, 5000}) {
    MatrixF x = MatrixF::Constant(n, 64, 1.0e6F);
    x(n / 2, 17) = std::nextafter(1.0e6F, 2.0e6F);
    const auto layer = Representation::FromMatrix(x).value();
    for (const Arithmetic arithmetic : kBoth) {
      EXPECT_FALSE(Moments::Compute({}, {layer, false}, arithmetic).value()->is_constant()) << n;
    }
  }
}

TEST(MomentsTest, ThreadsDoNotChangeABit) {
  ComputeArena arena(4);
  ComputeContext threads;
  threads.arena = &arena;
  for (const Index d : {16, 700, 800}) {
    const CenteredFeatures features = Features(RandomNormal(3000, d, 3));
    for (const Arithmetic arithmetic : kBoth) {
      EXPECT_TRUE(SameBits(Moments::Compute({}, features, arithmetic).value()->covariance(),
                           Moments::Compute(threads, features, arithmetic).value()->covariance()));
    }
  }
}

TEST(MomentsTest, RefusesMoreScratchThanAllowedAndStopsWhenAsked) {
  const CenteredFeatures features = Features(RandomNormal(100, 20, 4));
  ComputeContext context;
  context.scratch_limit_bytes = 20 * 20 * 8 - 1;
  EXPECT_EQ(Moments::Compute(context, features, Arithmetic::kFloat64).status().code(),
            absl::StatusCode::kResourceExhausted);
  std::stop_source source;
  source.request_stop();
  context = {};
  context.stop = source.get_token();
  EXPECT_EQ(Moments::Compute(context, features, Arithmetic::kFloat64).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(CrossCovariance(context, features, features, Arithmetic::kFloat64).status().code(),
            absl::StatusCode::kCancelled);
}

TEST(MomentsTest, CountsItsBytes) {
  EXPECT_EQ(MomentsOf(RandomNormal(30, 6, 5), Arithmetic::kFloat64)->size_bytes(), 8 * (36 + 6));
}

TEST(CrossCovarianceTest, IsTheProductOfCenteredFeatures) {
  for (const double mean : {0.0, 1.0e5}) {
    const Matrix x = Rounded((RandomActivations(700, 9, 6).array() + mean).matrix());
    const Matrix y = Rounded((RandomActivations(700, 4, 7).array() - mean).matrix());
    for (const Arithmetic arithmetic : kBoth) {
      const Matrix cross = CrossCovariance({}, Features(x), Features(y), arithmetic).value();
      EXPECT_LE(Error(cross, NaiveCross(x, y)), Bound(arithmetic, x, y)) << mean;
    }
  }
}

TEST(CrossCovarianceTest, WideLayersOfWholeNumbersAreExact) {
  const Matrix x = RandomIntegers(600, 1030, 8);
  const Matrix y = RandomIntegers(600, 520, 9);
  const Matrix expected = x.transpose() * y;
  for (const Arithmetic arithmetic : kBoth) {
    EXPECT_EQ(CrossCovariance({}, Features(x), Features(y), arithmetic).value(), expected);
    EXPECT_EQ(CrossCovariance({}, Features(y), Features(x), arithmetic).value(),
              expected.transpose());
  }
}

TEST(CrossCovarianceTest, OfALayerWithItselfIsItsCovariance) {
  const CenteredFeatures features = Features(RandomActivations(900, 13, 10));
  const Matrix cross = CrossCovariance({}, features, features, Arithmetic::kFloat64).value();
  const auto moments = Moments::Compute({}, features, Arithmetic::kFloat64).value();
  EXPECT_LE((cross - moments->covariance()).norm(), 8.0 * kEpsilon * moments->norm());
}

TEST(CrossAccumulatorTest, PartsMergeToTheWhole) {
  const Matrix x = (RandomActivations(400, 5, 11).array() + 50.0).matrix();
  const Matrix y = RandomActivations(400, 3, 12);
  CrossAccumulator whole(5, 3, false);
  for (const auto& [first, rows] :
       std::vector<std::pair<Index, Index>>{{0, 1}, {1, 199}, {200, 200}}) {
    Matrix x_block = x.middleRows(first, rows);
    Matrix y_block = y.middleRows(first, rows);
    const Vector x_mean = CenterBlock(x_block.data(), rows, 5);
    const Vector y_mean = CenterBlock(y_block.data(), rows, 3);
    CrossAccumulator part(5, 3, false);
    ASSERT_TRUE(
        part.AddBlock<double>({}, rows, x_block.data(), x_mean, y_block.data(), y_mean).ok());
    whole.Merge(part);
    whole.Merge(CrossAccumulator(5, 3, false));
  }
  EXPECT_EQ(whole.rows(), 400);
  EXPECT_LE((whole.mean_x() - x.colwise().mean().transpose()).norm(), 64.0 * kEpsilon * 50.0);
  EXPECT_LE(Error(std::move(whole).TakeCross(), NaiveCross(x, y)),
            Bound(Arithmetic::kFloat64, x, y));
}

TEST(CenterBlockTest, TakesTheMeansOffAndReturnsThem) {
  MatrixF block(4, 2);
  block << 1.0F, 10.0F, 2.0F, 20.0F, 3.0F, 30.0F, 6.0F, 60.0F;
  const Vector mean = CenterBlock(block.data(), 4, 2);
  MatrixF expected(4, 2);
  expected << -2.0F, -20.0F, -1.0F, -10.0F, 0.0F, 0.0F, 3.0F, 30.0F;
  EXPECT_EQ(mean, Vector(Eigen::Vector2d(3.0, 30.0)));
  EXPECT_EQ(block, expected);
}

TEST(ColumnMeansTest, AreTheMeansInDouble) {
  for (const Index n : {1, 255, 256, 257, 1000}) {
    const Matrix x = (RandomActivations(n, 7, 20).array() + 100.0).matrix();
    const Vector mean = ColumnMeans({}, {AsFloat64(x), false}).value();
    const LongMatrix expected = x.cast<Long>().colwise().mean().transpose();
    EXPECT_LE(Error(mean, expected), 16.0 * kEpsilon * static_cast<double>(expected.norm()));
  }
}

TEST(RowNormsTest, AreTheSquaredDistancesToTheMean) {
  for (const Index n : {1, 256, 257}) {
    const Matrix x = (RandomActivations(n, 7, 21).array() + 10.0).matrix();
    const auto norms = RowNorms::Compute({}, {AsFloat64(x), false}).value();
    const LongMatrix expected = Centered(x).rowwise().squaredNorm();
    EXPECT_EQ(norms->size_bytes(), 8 * n);
    EXPECT_LE(Error(norms->squared(), expected),
              64.0 * kEpsilon * 10.0 * static_cast<double>(Centered(x).norm() + 1));
  }
}

}  // namespace
}  // namespace gramian
