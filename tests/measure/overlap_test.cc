#include "gramian/measure/overlap.h"

#include <limits>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/naive_shape.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::Dense;
using testing::NaiveCenter;
using testing::RandomActivations;
using testing::RandomNormal;
using testing::RandomRelated;

constexpr double kEps = std::numeric_limits<double>::epsilon();
const KernelSpec kLinear;

class OverlapTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  LayerOverlap Overlap(const Matrix& x, const Matrix& y, Centering centering = Centering::kColumns,
                       Form form = Form::kAuto) {
    return ComputeOverlap(ComputeContext(), Operand(AsFloat64(x), &cache_),
                          Operand(AsFloat64(y), &cache_), kLinear, centering, form)
        .value();
  }

  // x' y has the singular values of diag(sigma) W diag(tau): what every function of an overlap
  // rests on.
  static void ExpectRebuilds(const LayerOverlap& overlap, const Dense& x, const Dense& y) {
    const Vector cross = testing::NaiveSingularValues(x.transpose() * y);
    const Vector ours =
        testing::NaiveSingularValues(overlap.a_values.cwiseSqrt().asDiagonal() * overlap.w *
                                     overlap.b_values.cwiseSqrt().asDiagonal());
    for (Index i = 0; i < std::min(ours.size(), cross.size()); ++i) {
      EXPECT_NEAR(ours[i], cross[i], 256.0 * kEps * cross[0]);
    }
    EXPECT_NEAR(overlap.a_values.sum(), x.squaredNorm(), 256.0 * kEps * x.squaredNorm());
    EXPECT_NEAR(overlap.b_values.sum(), y.squaredNorm(), 256.0 * kEps * y.squaredNorm());
  }

  NoCache cache_;
};

TEST_F(OverlapTest, RebuildsProductsInEveryForm) {
  const Matrix x = RandomActivations(50, 9, 1);
  const Matrix y = RandomRelated(x, 6, 0.5, 2);
  for (const Form form : {Form::kAuto, Form::kFeatureSpace, Form::kSpectral}) {
    ExpectRebuilds(Overlap(x, y, Centering::kColumns, form), NaiveCenter(x), NaiveCenter(y));
    ExpectRebuilds(Overlap(x, y, Centering::kNone, form), x, y);
  }
  const Matrix wide = RandomActivations(20, 45, 3);
  const Matrix other = RandomRelated(wide, 6, 0.5, 4);
  ExpectRebuilds(Overlap(wide, other), NaiveCenter(wide), NaiveCenter(other));
  ExpectRebuilds(Overlap(wide, other, Centering::kNone), wide, other);
}

TEST_F(OverlapTest, TheRankIsThatOfTheLayerAsItIsTaken) {
  const Matrix centred = NaiveCenter(RandomNormal(30, 3, 5));
  Matrix x(30, 5);
  x << centred, Matrix::Constant(30, 1, 2.0), centred.col(0);
  EXPECT_EQ(Overlap(x, centred).w.rows(), 3);
  EXPECT_EQ(Overlap(x, centred, Centering::kNone).w.rows(), 4);
  EXPECT_EQ(Overlap(x, centred, Centering::kNone).w.cols(), 3);
}

TEST_F(OverlapTest, ALayerOverlapsWithItselfExactly) {
  const Matrix x = RandomActivations(40, 7, 6);
  EXPECT_EQ(Overlap(x, x).w, Matrix(Matrix::Identity(7, 7)));
  EXPECT_EQ(Overlap(x, x, Centering::kNone).w, Matrix(Matrix::Identity(7, 7)));
}

TEST_F(OverlapTest, ConstantLayersHaveNone) {
  const Matrix x = RandomNormal(20, 3, 7);
  EXPECT_EQ(Overlap(x, Matrix::Constant(20, 4, 1.5)).status, ScoreStatus::kConstant);
  EXPECT_EQ(Overlap(Matrix::Zero(20, 2), x, Centering::kNone).status, ScoreStatus::kConstant);
}

// Explicit eigenvectors are orthonormal to rounding, whatever the spectrum: two bases of one space
// overlap in an orthogonal matrix.
TEST_F(OverlapTest, SmallEigenvaluesCostExplicitEigenvectorsNoDigits) {
  const Matrix x = RandomNormal(100, 6, 8);
  const Vector decay = (Vector(6) << 1.0, 1.0e-1, 1.0e-2, 1.0e-3, 1.0e-4, 1.0e-5).finished();
  const Matrix steep = x * decay.asDiagonal();
  const LayerOverlap overlap = Overlap(x, steep, Centering::kColumns, Form::kSpectral);
  ASSERT_EQ(overlap.w.cols(), 6);
  EXPECT_LE((overlap.w * overlap.w.transpose() - Matrix::Identity(6, 6)).norm(), 1.0e5 * 16 * kEps);
}

TEST_F(OverlapTest, NuclearNormsAndCorrelationsAreThoseOfTheDefinition) {
  const Matrix x = RandomActivations(50, 5, 9);
  const Matrix y = RandomRelated(x, 8, 0.5, 10);
  const LayerOverlap overlap = Overlap(x, y);
  const Dense a = NaiveCenter(x);
  const Dense b = NaiveCenter(y);
  const double nuclear = testing::NaiveNuclear(a.transpose() * b);
  EXPECT_NEAR(
      WeightedNuclearNorm(overlap.a_values.cwiseSqrt(), overlap.w, overlap.b_values.cwiseSqrt())
          .value(),
      nuclear, 256.0 * kEps * nuclear);
  const Vector rho = CanonicalCorrelations(overlap, Centering::kColumns).value();
  EXPECT_LE((rho - testing::NaiveCorrelations(a, b)).norm(), 4096.0 * kEps);
}

}  // namespace
}  // namespace gramian
