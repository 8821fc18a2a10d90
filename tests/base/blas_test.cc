#include "gramian/base/blas.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "gramian/base/flop_count.h"
#include "gtest/gtest.h"
#include "tests/engine/threads.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::RandomNormal;
using testing::RandomOrthogonal;

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
// Around the edges of the blocks that OpenBLAS works in.
constexpr Index kSizes[] = {1, 2, 7, 64, 127, 128, 129};

// Whole numbers in [-8, 8]: sums of fewer than 2^18 products of them are exact also in float.
template <typename Scalar>
MatrixOf<Scalar> RandomIntegers(Index rows, Index cols, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<int> integer(-8, 8);
  MatrixOf<Scalar> matrix(rows, cols);
  for (Index i = 0; i < matrix.size(); ++i) {
    matrix.data()[i] = static_cast<Scalar>(integer(random));
  }
  return matrix;
}

template <typename Scalar>
MatrixOf<Scalar> Apply(Transpose op, const MatrixOf<Scalar>& matrix) {
  if (op == Transpose::kNo) return matrix;
  return matrix.transpose();
}

template <typename Scalar>
MatrixOf<Scalar> NaiveProduct(const MatrixOf<Scalar>& a, const MatrixOf<Scalar>& b) {
  MatrixOf<Scalar> c = MatrixOf<Scalar>::Zero(a.rows(), b.cols());
  for (Index i = 0; i < a.rows(); ++i) {
    for (Index k = 0; k < a.cols(); ++k) {
      for (Index j = 0; j < b.cols(); ++j) c(i, j) += a(i, k) * b(k, j);
    }
  }
  return c;
}

template <typename Scalar>
class BlasTest : public ::testing::Test {};
using Scalars = ::testing::Types<float, double>;
TYPED_TEST_SUITE(BlasTest, Scalars);

TYPED_TEST(BlasTest, GemmOfWholeNumbersIsExactForEveryShapeAndTransposition) {
  using M = MatrixOf<TypeParam>;
  for (const Index m : kSizes) {
    for (const Index n : kSizes) {
      for (const Index k : kSizes) {
        const M a = RandomIntegers<TypeParam>(m, k, 1);
        const M b = RandomIntegers<TypeParam>(k, n, 2);
        const M expected = NaiveProduct(a, b);
        for (const Transpose a_op : {Transpose::kNo, Transpose::kYes}) {
          for (const Transpose b_op : {Transpose::kNo, Transpose::kYes}) {
            const M stored_a = Apply(a_op, a);
            const M stored_b = Apply(b_op, b);
            M c = M::Constant(m, n, TypeParam{99});
            Gemm(a_op, b_op, m, n, k, TypeParam{1}, stored_a.data(), stored_a.cols(),
                 stored_b.data(), stored_b.cols(), TypeParam{0}, c.data(), n);
            ASSERT_EQ(c, expected) << m << " x " << n << " x " << k;
          }
        }
      }
    }
  }
}

TYPED_TEST(BlasTest, GemmScalesAndAddsAndLeavesWhatLiesBetweenRows) {
  using M = MatrixOf<TypeParam>;
  const Index m = 5;
  const Index n = 6;
  const Index k = 7;
  const M a = RandomIntegers<TypeParam>(m, k + 3, 3);
  const M b = RandomIntegers<TypeParam>(k, n + 2, 4);
  const M before = RandomIntegers<TypeParam>(m, n + 4, 5);
  M c = before;
  Gemm(Transpose::kNo, Transpose::kNo, m, n, k, TypeParam{2}, a.data(), k + 3, b.data(), n + 2,
       TypeParam{-3}, c.data(), n + 4);
  const M product = NaiveProduct<TypeParam>(a.leftCols(k), b.leftCols(n));
  EXPECT_EQ(c.leftCols(n), TypeParam{2} * product - TypeParam{3} * before.leftCols(n));
  EXPECT_EQ(c.rightCols(4), before.rightCols(4));
}

TYPED_TEST(BlasTest, SyrkFillsTheUpperTriangleAndNothingElse) {
  using M = MatrixOf<TypeParam>;
  for (const Index n : kSizes) {
    for (const Index d : kSizes) {
      const M a = RandomIntegers<TypeParam>(n, d + 2, 6);
      const M before = RandomIntegers<TypeParam>(d, d + 1, 7);
      M c = before;
      SyrkUpper(n, d, a.data(), d + 2, TypeParam{2}, c.data(), d + 1);
      const M left = a.leftCols(d);
      const M product = NaiveProduct<TypeParam>(left.transpose(), left);
      for (Index i = 0; i < d; ++i) {
        for (Index j = 0; j < d + 1; ++j) {
          const bool written = j >= i && j < d;
          const TypeParam expected =
              written ? product(i, j) + TypeParam{2} * before(i, j) : before(i, j);
          ASSERT_EQ(c(i, j), expected) << n << " x " << d << " at " << i << ", " << j;
        }
      }
    }
  }
}

TEST(ProductTest, TransposesEitherSide) {
  const Matrix a = RandomIntegers<double>(5, 9, 8);
  const Matrix b = RandomIntegers<double>(9, 4, 9);
  const Matrix expected = NaiveProduct(a, b);
  const Matrix a_turned = a.transpose();
  const Matrix b_turned = b.transpose();
  EXPECT_EQ(Product(a, Transpose::kNo, b, Transpose::kNo), expected);
  EXPECT_EQ(Product(a_turned, Transpose::kYes, b, Transpose::kNo), expected);
  EXPECT_EQ(Product(a, Transpose::kNo, b_turned, Transpose::kYes), expected);
  EXPECT_EQ(Product(a_turned, Transpose::kYes, b_turned, Transpose::kYes), expected);
}

TEST(FlopCountTest, ProductsAreCountedAsTheyAreMade) {
  const Matrix a = Matrix::Ones(3, 5);
  const Matrix b = Matrix::Ones(5, 4);
  Matrix c(3, 4);
  const double before = MatrixFlops();
  Gemm(Transpose::kNo, Transpose::kNo, 3, 4, 5, 1.0, a.data(), 5, b.data(), 4, 0.0, c.data(), 4);
  EXPECT_EQ(MatrixFlops() - before, 2 * 3 * 4 * 5);
  Matrix upper = Matrix::Zero(5, 5);
  SyrkUpper(3, 5, a.data(), 5, 0.0, upper.data(), 5);
  EXPECT_EQ(MatrixFlops() - before, 2 * 3 * 4 * 5 + 3 * 5 * 6);
}

TEST(ProductTest, EmptySidesGiveAnEmptyOrZeroProduct) {
  EXPECT_EQ(Product(Matrix(3, 0), Transpose::kNo, Matrix(0, 2), Transpose::kNo),
            Matrix(Matrix::Zero(3, 2)));
  const Matrix none = Product(Matrix(0, 3), Transpose::kNo, Matrix(3, 2), Transpose::kNo);
  EXPECT_EQ(none.rows(), 0);
  EXPECT_EQ(none.cols(), 2);
}

void ExpectOrthonormalRows(const Matrix& rows, double bound) {
  const Matrix gram = rows * rows.transpose();
  EXPECT_LE((gram - Matrix::Identity(rows.rows(), rows.rows())).norm(), bound);
}

TEST(EigenDecomposeTest, FindsTheEigenvaluesAMatrixWasMadeOf) {
  for (const Index n : {1, 2, 3, 31, 128, 129}) {
    const Matrix q = RandomOrthogonal(n, 10);
    Vector values = RandomNormal(n, 1, 11).col(0);
    // A repeated eigenvalue, and zeros.
    if (n > 4) values.head(4) << 2.5, 2.5, 0.0, 0.0;
    const Matrix made = q.transpose() * values.asDiagonal() * q;
    const Matrix symmetric = 0.5 * (made + made.transpose());
    const double bound = 8.0 * static_cast<double>(n) * kEpsilon * symmetric.norm();
    const absl::StatusOr<SymmetricEigen> eigen = EigenDecompose(symmetric);
    ASSERT_TRUE(eigen.ok()) << eigen.status();
    std::sort(values.begin(), values.end(), std::greater<>());
    EXPECT_LE((eigen->values - values).norm(), bound) << n;
    EXPECT_TRUE(std::is_sorted(eigen->values.begin(), eigen->values.end(), std::greater<>()));
    const Matrix residual =
        eigen->vectors * symmetric - Matrix(eigen->values.asDiagonal() * eigen->vectors);
    EXPECT_LE(residual.norm(), bound) << n;
    ExpectOrthonormalRows(eigen->vectors, 8.0 * static_cast<double>(n) * kEpsilon);
  }
}

TEST(EigenDecomposeTest, ReadsTheUpperTriangleOnly) {
  const Matrix half = RandomNormal(20, 20, 12);
  const Matrix symmetric = half + half.transpose();
  Matrix upper = symmetric;
  upper.triangularView<Eigen::StrictlyLower>().setConstant(1.0e6);
  const SymmetricEigen whole = EigenDecompose(symmetric).value();
  const SymmetricEigen from_upper = EigenDecompose(upper).value();
  EXPECT_EQ(whole.values, from_upper.values);
  EXPECT_EQ(whole.vectors, from_upper.vectors);
}

TEST(EigenDecomposeTest, AnEmptyMatrixHasNoEigenvalues) {
  EXPECT_EQ(EigenDecompose(Matrix(0, 0)).value().values.size(), 0);
}

void ExpectDecomposes(const Matrix& a, const SingularValues& svd) {
  const Index r = std::min(a.rows(), a.cols());
  ASSERT_EQ(svd.values.size(), r);
  ASSERT_EQ(svd.left.rows(), r);
  ASSERT_EQ(svd.left.cols(), a.rows());
  ASSERT_EQ(svd.right.rows(), r);
  ASSERT_EQ(svd.right.cols(), a.cols());
  const auto size = static_cast<double>(std::max(a.rows(), a.cols()));
  const Matrix rebuilt = svd.left.transpose() * svd.values.asDiagonal() * svd.right;
  EXPECT_LE((rebuilt - a).norm(), 8.0 * size * kEpsilon * a.norm());
  ExpectOrthonormalRows(svd.left, 8.0 * size * kEpsilon);
  ExpectOrthonormalRows(svd.right, 8.0 * size * kEpsilon);
  EXPECT_TRUE(std::is_sorted(svd.values.begin(), svd.values.end(), std::greater<>()));
  EXPECT_GE(svd.values[r - 1], 0.0);
}

TEST(SvdDecomposeTest, RebuildsTallWideAndSquareMatrices) {
  const std::vector<std::pair<Index, Index>> shapes = {
      {1, 1}, {1, 9}, {9, 1}, {40, 7}, {7, 40}, {33, 33}, {129, 64}, {64, 129}, {128, 1}, {200, 3}};
  for (const auto& [rows, cols] : shapes) {
    const Matrix a = RandomNormal(rows, cols, 13);
    ExpectDecomposes(a, SvdDecompose(a).value());
  }
}

TEST(SvdDecomposeTest, FindsTheSingularValuesAMatrixWasMadeOf) {
  Vector values(4);
  values << 7.0, 3.0, 3.0, 0.0;
  const Matrix left = RandomOrthogonal(30, 14).topRows(4);
  const Matrix right = RandomOrthogonal(12, 15).topRows(4);
  const Matrix a = left.transpose() * values.asDiagonal() * right;
  const SingularValues svd = SvdDecompose(a).value();
  ExpectDecomposes(a, svd);
  const double bound = 8.0 * 30.0 * kEpsilon * a.norm();
  EXPECT_LE((svd.values.head(4) - values).norm(), bound);
  EXPECT_LE(svd.values.tail(8).norm(), bound);
}

TEST(SingularValuesOfTest, AreThoseOfTheDecomposition) {
  const std::vector<std::pair<Index, Index>> shapes = {{40, 7}, {7, 40}, {33, 33}, {1, 5}};
  for (const auto& [rows, cols] : shapes) {
    const Matrix a = RandomNormal(rows, cols, 17);
    const Vector expected = SvdDecompose(a).value().values;
    const Vector values = SingularValuesOf(a).value();
    ASSERT_EQ(values.size(), std::min(rows, cols));
    EXPECT_LE((values - expected).norm(), 64.0 * kEpsilon * expected[0]);
  }
  EXPECT_EQ(SingularValuesOf(Matrix(4, 0)).value().size(), 0);
  EXPECT_EQ(SingularValuesOf(Matrix::Identity(6, 6)).value(), Vector(Vector::Ones(6)));
}

TEST(SvdDecomposeTest, AMatrixWithoutEntriesHasNoSingularValues) {
  EXPECT_EQ(SvdDecompose(Matrix(0, 5)).value().values.size(), 0);
  EXPECT_EQ(SvdDecompose(Matrix::Zero(3, 5)).value().values, Vector(Vector::Zero(3)));
}

TEST(InitializeBlasTest, AcceptsThisBuildOfOpenBlas) {
  EXPECT_TRUE(InitializeBlas().ok()) << InitializeBlas();
  EXPECT_FALSE(BlasCoreName().empty());
}

// The serial build of OpenBLAS gives wrong products here.
TEST(InitializeBlasTest, ProductsOfManyThreadsAtOnceHaveTheBitsOfOne) {
  ASSERT_TRUE(InitializeBlas().ok());
  constexpr int kThreads = 8;
  constexpr int kRounds = 20;
  const Matrix a = RandomNormal(129, 150, 16);
  const Matrix b = RandomNormal(150, 200, 17);
  const Matrix expected = Product(a, Transpose::kNo, b, Transpose::kNo);
  const double bound = 150.0 * kEpsilon * a.norm() * b.norm();
  EXPECT_LE((expected - NaiveProduct(a, b)).norm(), bound);
  std::vector<int> differing(kThreads, 0);
  RunInThreads(kThreads, [&](int thread) {
    for (int round = 0; round < kRounds; ++round) {
      const Matrix product = Product(a, Transpose::kNo, b, Transpose::kNo);
      const size_t bytes = sizeof(double) * static_cast<size_t>(product.size());
      if (std::memcmp(product.data(), expected.data(), bytes) != 0) {
        ++differing[static_cast<size_t>(thread)];
      }
    }
  });
  EXPECT_EQ(differing, std::vector<int>(kThreads, 0));
}

}  // namespace
}  // namespace gramian
