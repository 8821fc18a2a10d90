#include <limits>

#include "absl/strings/str_cat.h"
#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive_rdm.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::NaiveRdm;
using testing::RandomActivations;
using testing::RandomRelated;

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr double kBound = 4096.0 * kEps;

class RsmDifferenceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

const char* const kRdms[] = {"euclidean", "sqeuclidean", "correlation", "cosine"};

TEST_F(RsmDifferenceTest, DifferencesHaveTheNormOfTheirName) {
  const Matrix x = RandomActivations(270, 6, 13);
  const Matrix y = RandomRelated(x, 9, 0.5, 14);
  for (const char* rdm : kRdms) {
    const Matrix difference = NaiveRdm(x, rdm) - NaiveRdm(y, rdm);
    const double frobenius = difference.norm();
    EXPECT_NEAR(Compare(absl::StrCat("rsm-difference-rdm=", rdm), x, y).value, frobenius,
                kBound * frobenius);
    EXPECT_NEAR(Compare(absl::StrCat("rsm-difference-norm=spectral-rdm=", rdm), x, y).value,
                EigenDecompose(difference).value().values.cwiseAbs().maxCoeff(),
                4.0 * kBound * frobenius);
  }
}

TEST_F(RsmDifferenceTest, OnlyTheSpectralNormHoldsTheMatrix) {
  NoCache cache;
  const Operand a(testing::AsFloat64(RandomActivations(500, 4, 15)), &cache);
  const Operand b(testing::AsFloat64(RandomActivations(500, 4, 16)), &cache);
  ComputeContext context;
  context.scratch_limit_bytes = 8 * 500 * 4;
  EXPECT_TRUE(testing::TryCompare("rsm-difference", a, b, Form::kAuto, context).ok());
  EXPECT_EQ(testing::TryCompare("rsm-difference-norm=spectral", a, b, Form::kAuto, context)
                .status()
                .code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace gramian
