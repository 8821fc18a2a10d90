// RSA against literal n x n references.
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive_rdm.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::NaiveRdm;
using testing::NaiveTriangle;
using testing::RandomActivations;
using testing::RandomNormal;
using testing::RandomRelated;

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr double kBound = 4096.0 * kEps;

class RsaTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

double Cosine(const Vector& a, const Vector& b) { return a.dot(b) / (a.norm() * b.norm()); }

double Pearson(const Vector& a, const Vector& b) {
  return Cosine((a.array() - a.mean()).matrix(), (b.array() - b.mean()).matrix());
}

// Rank 1 + values below + half of the other equal ones.
Vector AverageRanks(const Vector& values) {
  Vector ranks(values.size());
  for (Index i = 0; i < values.size(); ++i) {
    const double below = (values.array() < values[i]).cast<double>().sum();
    const double equal = (values.array() == values[i]).cast<double>().sum();
    ranks[i] = below + 0.5 * (equal + 1.0);
  }
  return ranks;
}

double Kendall(const Vector& a, const Vector& b, bool with_ties) {
  double agreement = 0.0;
  double a_untied = 0.0;
  double b_untied = 0.0;
  const auto sign = [](double value) { return (value > 0.0) - (value < 0.0); };
  for (Index i = 0; i < a.size(); ++i) {
    for (Index j = i + 1; j < a.size(); ++j) {
      const int a_sign = sign(a[i] - a[j]);
      const int b_sign = sign(b[i] - b[j]);
      agreement += a_sign * b_sign;
      a_untied += a_sign != 0;
      b_untied += b_sign != 0;
    }
  }
  const auto m = static_cast<double>(a.size());
  return agreement / (with_ties ? std::sqrt(a_untied * b_untied) : m * (m - 1.0) / 2.0);
}

// d_a' V^-1 d_b, V the covariance of squared distances of n patterns of independent unit noise.
double Whitened(const Vector& a, const Vector& b, Index n) {
  Matrix contrasts = Matrix::Zero(a.size(), n);
  Index row = 0;
  for (Index i = 0; i < n; ++i) {
    for (Index j = i + 1; j < n; ++j, ++row) {
      contrasts(row, i) = 1.0;
      contrasts(row, j) = -1.0;
    }
  }
  const Matrix covariance = (contrasts * contrasts.transpose()).cwiseAbs2();
  const Eigen::PartialPivLU<Matrix> lu(covariance);
  const Vector white_a = lu.solve(a);
  const Vector white_b = lu.solve(b);
  return a.dot(white_b) / std::sqrt(a.dot(white_a) * b.dot(white_b));
}

double NaiveRsa(const std::string& comparison, const Vector& a, const Vector& b, Index n) {
  const auto m = static_cast<double>(a.size());
  if (comparison == "pearson") return Pearson(a, b);
  if (comparison == "cosine") return Cosine(a, b);
  if (comparison == "spearman") return Pearson(AverageRanks(a), AverageRanks(b));
  if (comparison == "tau-a" || comparison == "tau-b") return Kendall(a, b, comparison == "tau-b");
  if (comparison == "whitened-cosine") return Whitened(a, b, n);
  if (comparison == "whitened-pearson") {
    return Whitened((a.array() - a.mean()).matrix(), (b.array() - b.mean()).matrix(), n);
  }
  const double mean = 0.5 * (m + 1.0);
  const Vector a_ranks = (AverageRanks(a).array() - mean).matrix();
  const Vector b_ranks = (AverageRanks(b).array() - mean).matrix();
  return 12.0 * a_ranks.dot(b_ranks) / (m * m * m - m);
}

const char* const kRdms[] = {"euclidean", "sqeuclidean", "correlation", "cosine"};
const char* const kComparisons[] = {"pearson", "spearman", "rho-a",           "tau-a",
                                    "tau-b",   "cosine",   "whitened-cosine", "whitened-pearson"};

void ExpectNaive(const Matrix& x, const Matrix& y) {
  for (const char* rdm : kRdms) {
    const Vector a = NaiveTriangle(NaiveRdm(x, rdm));
    const Vector b = NaiveTriangle(NaiveRdm(y, rdm));
    for (const char* comparison : kComparisons) {
      const std::string name = absl::StrCat("rsa-rdm=", rdm, "-compare=", comparison);
      const Score score = Compare(name, x, y);
      ASSERT_EQ(score.status, ScoreStatus::kOk) << name;
      EXPECT_NEAR(score.value, NaiveRsa(comparison, a, b, x.rows()), kBound) << name;
    }
  }
}

TEST_F(RsaTest, EveryRdmIsComparedAsDefined) {
  for (const Index rows : {4, 25}) {
    const Matrix x = RandomActivations(rows, 6, 1);
    ExpectNaive(x, RandomRelated(x, 40, 0.5, 2));
  }
}

// Tiles beyond the first: only what is quick to do literally.
TEST_F(RsaTest, SeveralTilesAreAddedUp) {
  const Matrix x = RandomActivations(300, 7, 3);
  const Matrix y = RandomRelated(x, 5, 0.5, 4);
  for (const char* rdm : kRdms) {
    const Vector a = NaiveTriangle(NaiveRdm(x, rdm));
    const Vector b = NaiveTriangle(NaiveRdm(y, rdm));
    for (const char* comparison : {"pearson", "cosine"}) {
      const std::string name = absl::StrCat("rsa-rdm=", rdm, "-compare=", comparison);
      EXPECT_NEAR(Compare(name, x, y).value, NaiveRsa(comparison, a, b, 300), kBound) << name;
    }
  }
}

// Small integers: squared distances are exact and most of them tied.
TEST_F(RsaTest, TiesHaveAverageRanks) {
  const Matrix x = (2.0 * RandomNormal(24, 2, 5)).array().round().matrix();
  const Matrix y = (x + RandomNormal(24, 2, 6)).array().round().matrix();
  const Vector a = NaiveTriangle(NaiveRdm(x, "sqeuclidean"));
  const Vector b = NaiveTriangle(NaiveRdm(y, "sqeuclidean"));
  for (const char* comparison : {"spearman", "rho-a", "tau-a", "tau-b"}) {
    EXPECT_NEAR(Compare(absl::StrCat("rsa-rdm=sqeuclidean-compare=", comparison), x, y).value,
                NaiveRsa(comparison, a, b, 24), kBound)
        << comparison;
  }
}

// One-hot rows of three classes: all correlations are 1 or -1/2, which rounding must not order.
TEST_F(RsaTest, EqualDissimilaritiesAreTiesInSpiteOfRounding) {
  Matrix labels = Matrix::Zero(30, 3);
  for (Index i = 0; i < 30; ++i) labels(i, i * i % 3) = 1.0;
  const Matrix y = RandomActivations(30, 6, 7);
  const Vector same =
      NaiveTriangle((NaiveRdm(labels, "euclidean").array() > 0.0).cast<double>().matrix());
  const Vector b = NaiveTriangle(NaiveRdm(y, "correlation"));
  EXPECT_NEAR(Compare("rsa", labels, y).value, NaiveRsa("spearman", same, b, 30), kBound);
  EXPECT_NEAR(Compare("rsa-compare=tau-b", labels, y).value, NaiveRsa("tau-b", same, b, 30),
              kBound);
}

TEST_F(RsaTest, WhitenedCosineOfSquaredDistancesIsLinearCka) {
  const Matrix x = RandomActivations(40, 6, 8);
  const Matrix y = RandomRelated(x, 9, 0.5, 9);
  EXPECT_NEAR(Compare("rsa-rdm=sqeuclidean-compare=whitened-cosine", x, y).value,
              Compare("cka", x, y).value, kBound);
}

TEST_F(RsaTest, DissimilaritiesThatAreAllEqualHaveNoCorrelation) {
  // Corners of a simplex, and a layer whose rows have no direction.
  const Matrix simplex = Matrix::Identity(12, 12);
  const Matrix y = RandomActivations(12, 4, 10);
  for (const char* comparison : {"pearson", "spearman", "tau-b", "whitened-pearson"}) {
    const std::string name = absl::StrCat("rsa-rdm=euclidean-compare=", comparison);
    EXPECT_EQ(Compare(name, simplex, y).status, ScoreStatus::kConstant) << name;
  }
  EXPECT_EQ(Compare("rsa-rdm=euclidean-compare=cosine", simplex, y).status, ScoreStatus::kOk);
  const Matrix flat = Vector::LinSpaced(12, 1.0, 2.0) * Matrix::Ones(1, 5);
  EXPECT_EQ(Compare("rsa", flat, y).status, ScoreStatus::kConstant);
}

TEST_F(RsaTest, ARowOfZerosIsUnlikeAllOthers) {
  Matrix x = RandomActivations(20, 5, 11);
  x.row(3).setZero();
  x.row(8).setZero();
  const Matrix y = RandomActivations(20, 5, 12);
  Matrix rdm = NaiveRdm(x, "cosine");
  rdm(3, 8) = rdm(8, 3) = 1.0;
  EXPECT_NEAR(Compare("rsa-rdm=cosine-compare=pearson", x, y).value,
              Pearson(NaiveTriangle(rdm), NaiveTriangle(NaiveRdm(y, "cosine"))), kBound);
}

TEST_F(RsaTest, MemoryIsAskedForBeforeTheWork) {
  NoCache cache;
  const Operand a(testing::AsFloat64(RandomActivations(500, 4, 15)), &cache);
  const Operand b(testing::AsFloat64(RandomActivations(500, 4, 16)), &cache);
  ComputeContext context;
  context.scratch_limit_bytes = 8 * 500 * 4;
  const auto status = [&](const char* measure) {
    return testing::TryCompare(measure, a, b, Form::kAuto, context).status().code();
  };
  EXPECT_EQ(status("rsa-compare=pearson"), absl::StatusCode::kOk);
  for (const char* measure : {"rsa", "rsa-compare=tau-a"}) {
    EXPECT_EQ(status(measure), absl::StatusCode::kResourceExhausted) << measure;
  }
}

}  // namespace
}  // namespace gramian
