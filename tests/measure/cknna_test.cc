#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive.h"
#include "tests/measure/naive_neighbors.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::Contains;
using testing::CosineSimilarities;
using testing::NaiveLists;
using testing::RandomActivations;
using testing::RandomNormal;
using testing::RandomRelated;

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr double kBound = 4096.0 * kEps;

class CknnaTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  const Matrix x_ = RandomActivations(80, 6, 1);
  const Matrix y_ = RandomRelated(x_, 9, 0.7, 2);
};

// HSIC_1 of masked similarities, with n x n matrices.
double NaiveMaskedHsic(const Matrix& k, const Matrix& l, const std::vector<std::vector<Index>>& a,
                       const std::vector<std::vector<Index>>& b) {
  Matrix mask = Matrix::Zero(k.rows(), k.rows());
  for (Index i = 0; i < k.rows(); ++i) {
    for (const Index j : a[static_cast<size_t>(i)]) {
      if (Contains(b[static_cast<size_t>(i)], j)) mask(i, j) = 1.0;
    }
  }
  return testing::NaiveSong(mask.cwiseProduct(k), mask.cwiseProduct(l));
}

TEST_F(CknnaTest, CknnaIsTheMaskedHsicNormalized) {
  for (const bool is_dot : {false, true}) {
    const Matrix k = is_dot ? Matrix(x_ * x_.transpose()) : CosineSimilarities(x_);
    const Matrix l = is_dot ? Matrix(y_ * y_.transpose()) : CosineSimilarities(y_);
    const auto a = NaiveLists(k, 8);
    const auto b = NaiveLists(l, 8);
    const double self = std::sqrt(NaiveMaskedHsic(k, k, a, a) * NaiveMaskedHsic(l, l, b, b));
    const double cross = NaiveMaskedHsic(k, l, a, b);
    const std::string name = is_dot ? "cknna-neighbors=dot-k=8" : "cknna-k=8";
    EXPECT_NEAR(Compare(name, x_, y_).value, cross / self, kBound) << name;
    EXPECT_NEAR(Compare(name + "-epsilon=0.5", x_, y_).value, cross / (self + 0.5 * 80.0 * 77.0),
                kBound)
        << name;
    EXPECT_EQ(Compare(name, x_, x_).value, 1.0);
  }
}

TEST_F(CknnaTest, CknnaWithoutSimilarNeighborsHasNoScore) {
  // Every two rows are orthogonal.
  const Score score = Compare("cknna-k=2", Matrix::Identity(12, 12), RandomNormal(12, 3, 5));
  EXPECT_EQ(score.status, ScoreStatus::kNonpositiveSelfTerm);
}

}  // namespace
}  // namespace gramian
