// Procrustes distances against the SVD of x' y, whitening against its definition, closed forms.
#include <cmath>
#include <limits>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive_shape.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::Dense;
using testing::NaiveCenter;
using testing::NaiveNuclear;
using testing::RandomActivations;
using testing::RandomNormal;
using testing::RandomOrthogonal;
using testing::RandomRelated;

constexpr double kTolerance = 4096.0 * std::numeric_limits<double>::epsilon();

// x V diag(alpha + (1 - alpha) sqrt(unit / l)) V' with x' x = V diag(l) V', dead directions left
// out.
Dense NaiveWhiten(const Dense& x, double alpha, double unit) {
  const Eigen::SelfAdjointEigenSolver<Dense> eigen(x.transpose() * x);
  const Eigen::ArrayXd l = eigen.eigenvalues().array();
  const Eigen::ArrayXd z =
      (l > 1.0e-10 * l.maxCoeff()).select(alpha + (1.0 - alpha) * (unit / l).sqrt(), 0.0);
  return x * eigen.eigenvectors() * z.matrix().asDiagonal() * eigen.eigenvectors().transpose();
}

class ProcrustesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  static double Value(const std::string& name, const Matrix& x, const Matrix& y) {
    const Score score = Compare(name, x, y);
    EXPECT_EQ(score.status, ScoreStatus::kOk);
    return score.value;
  }

  const Matrix x_ = RandomActivations(60, 9, 1);
  const Matrix y_ = RandomRelated(x_, 6, 0.5, 2);
  const Dense a_ = NaiveCenter(x_);
  const Dense b_ = NaiveCenter(y_);
};

TEST_F(ProcrustesTest, MeetsTheNuclearNorm) {
  const double xy = NaiveNuclear(a_.transpose() * b_);
  const double squared = a_.squaredNorm() + b_.squaredNorm() - 2.0 * xy;
  const double cosine = xy / (a_.norm() * b_.norm());
  EXPECT_NEAR(Value("procrustes", x_, y_), std::sqrt(squared), a_.norm() * kTolerance);
  EXPECT_NEAR(Value("procrustes-form=normalized", x_, y_), std::sqrt(2.0 - 2.0 * cosine),
              kTolerance);
  EXPECT_NEAR(Value("procrustes-form=angular", x_, y_), std::acos(cosine), kTolerance);
}

// No rotation does better than the distance says, and the best one attains it.
TEST_F(ProcrustesTest, IsTheLeastOverRotations) {
  const Dense y = testing::NaivePad(b_, 9);
  const Eigen::JacobiSVD<Dense> svd(a_.transpose() * y, Eigen::ComputeFullU | Eigen::ComputeFullV);
  const double best = (a_ - y * svd.matrixV() * svd.matrixU().transpose()).norm();
  EXPECT_NEAR(Value("procrustes", x_, y_), best, a_.norm() * kTolerance);
  for (uint64_t seed = 0; seed < 5; ++seed) {
    EXPECT_GT((a_ - y * RandomOrthogonal(9, seed)).norm(), best);
  }
}

TEST_F(ProcrustesTest, PartialWhiteningIsAsDefined) {
  for (const double alpha : {0.0, 0.3, 0.75}) {
    for (const std::string name : {"williams", "repsim"}) {
      const double unit = name == "repsim" ? 60.0 : 1.0;
      const Dense x = NaiveWhiten(a_, alpha, unit);
      const Dense y = NaiveWhiten(b_, alpha, unit);
      const double xy = NaiveNuclear(x.transpose() * y);
      const std::string suffix = "-alpha=" + std::to_string(alpha) + "-whitening=" + name;
      EXPECT_NEAR(Value("procrustes-form=distance" + suffix, x_, y_),
                  std::sqrt(x.squaredNorm() + y.squaredNorm() - 2.0 * xy),
                  (x.norm() + y.norm()) * kTolerance);
      EXPECT_NEAR(Value("procrustes-form=angular" + suffix, x_, y_),
                  std::acos(xy / (x.norm() * y.norm())), kTolerance);
    }
  }
}

TEST_F(ProcrustesTest, FullWhiteningIsCca) {
  const double rho = testing::NaiveCorrelations(a_, b_).sum();
  EXPECT_NEAR(Value("procrustes-form=angular-alpha=0", x_, y_), std::acos(rho / std::sqrt(54.0)),
              kTolerance);
  EXPECT_NEAR(Value("procrustes-form=distance-alpha=0", x_, y_), std::sqrt(15.0 - 2.0 * rho),
              kTolerance);
}

// netrep keeps the norm of a layer, which its own flat directions share.
TEST_F(ProcrustesTest, NetrepKeepsTheNormAndCountsFlatDirections) {
  const Matrix z = RandomRelated(x_, 9, 0.5, 3);
  const Dense c = NaiveCenter(z);
  Dense x = NaiveWhiten(a_, 0.5, 1.0);
  Dense y = NaiveWhiten(c, 0.5, 1.0);
  x *= a_.norm() / x.norm();
  y *= c.norm() / y.norm();
  EXPECT_NEAR(Value("procrustes-alpha=0.5-whitening=netrep", x_, z),
              std::sqrt(x.squaredNorm() + y.squaredNorm() - 2.0 * NaiveNuclear(x.transpose() * y)),
              x.norm() * kTolerance);
  // Angles do not see the scale.
  EXPECT_NEAR(Value("procrustes-form=angular-alpha=0.5-whitening=netrep", x_, y_),
              Value("procrustes-form=angular-alpha=0.5-whitening=williams", x_, y_), kTolerance);
}

// Two inputs on a line, 2 and 2 c apart: |x| = sqrt 2, |y| = c sqrt 2, angle 0.
TEST_F(ProcrustesTest, SegmentsDifferByTheirLengths) {
  Matrix x(2, 1);
  x << -1.0, 1.0;
  const Matrix y = 5.0 * (3.0 * x.array() + 7.0).matrix() * RandomOrthogonal(4, 4).topRows(1);
  EXPECT_NEAR(Value("procrustes", x, y), 14.0 * std::sqrt(2.0), 32.0 * kTolerance);
  EXPECT_NEAR(Value("procrustes-form=angular", x, y), 0.0, std::sqrt(kTolerance));
}

// Orthogonal layers: distance of the legs of a right triangle, angle pi / 2.
TEST_F(ProcrustesTest, UnrelatedLayersAreARightAngleApart) {
  const Matrix basis = testing::NaiveBasis(NaiveCenter(RandomNormal(30, 4, 5)));
  const Matrix x = 3.0 * basis.leftCols(1);
  const Matrix y = 4.0 * basis.col(2);
  EXPECT_NEAR(Value("procrustes", x, y), 5.0, 8.0 * kTolerance);
  EXPECT_NEAR(Value("procrustes-form=normalized", x, y), std::sqrt(2.0), kTolerance);
  EXPECT_NEAR(Value("procrustes-form=angular", x, y), std::acos(0.0), kTolerance);
}

TEST_F(ProcrustesTest, ARotatedCopyIsTheSameShape) {
  const Matrix rotated = x_ * RandomOrthogonal(9, 6);
  EXPECT_LE(Value("procrustes", x_, rotated), a_.norm() * std::sqrt(kTolerance));
}

TEST_F(ProcrustesTest, WhiteningBelongsToAlphaBelowOne) {
  EXPECT_FALSE(MeasureRegistry::Parse("procrustes-whitening=netrep").ok());
  EXPECT_FALSE(MeasureRegistry::Parse("procrustes-alpha=1.5").ok());
  EXPECT_EQ(MeasureRegistry::Parse("procrustes").value()->name(),
            "procrustes-form=distance-alpha=1");
}

}  // namespace
}  // namespace gramian
