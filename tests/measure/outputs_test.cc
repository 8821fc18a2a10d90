#include <cmath>
#include <limits>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::RandomNormal;

constexpr double kBound = 1024.0 * std::numeric_limits<double>::epsilon();

class OutputsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

TEST_F(OutputsTest, DivergenceOfOutputsIsInBits) {
  // Certain of different classes: one bit; of the same: none.
  Matrix a(2, 2);
  a << 1.0e4, 0.0, 0.0, 1.0e4;
  Matrix b = a;
  b.row(1) << 1.0e4, 0.0;
  EXPECT_EQ(Compare("jsd", a, b).value, 0.5);
  EXPECT_EQ(Compare("jsd", a, a).value, 0.0);
  // p = (1/2, 1/2), q = (1/4, 3/4).
  const Matrix even = Matrix::Zero(1, 2);
  Matrix odd(1, 2);
  odd << 0.0, std::log(3.0);
  const double expected = 0.5 * (0.5 * std::log2(0.5 / 0.375) + 0.5 * std::log2(0.5 / 0.625) +
                                 0.25 * std::log2(0.25 / 0.375) + 0.75 * std::log2(0.75 / 0.625));
  EXPECT_NEAR(Compare("jsd", even, odd).value, expected, kBound);
}

TEST_F(OutputsTest, DisagreementCountsDifferentClasses) {
  Matrix a(4, 3);
  a << 1, 0, 0, 0, 1, 0, 0, 0, 1, 2, 2, 2;
  Matrix b(4, 3);
  b << 5, 4, 4, 1, 0, 0, 0, 0, 1, 0, 1, 1;
  // The first of equal logits counts.
  EXPECT_EQ(Compare("disagreement", a, b).value, 0.5);
}

// What docs/measures.md says of accuracies: one-hot labels as a layer.
TEST_F(OutputsTest, DisagreementWithLabelsIsTheShareOfErrors) {
  Matrix logits(5, 3);
  logits << 3, 1, 2, 0, 1, 0, 0, 4, 9, 5, 4, 4, 1, 2, 0;
  Matrix labels(5, 3);
  labels << 1, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0;
  EXPECT_EQ(Compare("disagreement", logits, labels).value, 1.0 / 5.0);
}

TEST_F(OutputsTest, OutputsOfDifferentClassesHaveNoScore) {
  for (const char* measure : {"jsd", "disagreement"}) {
    EXPECT_EQ(Compare(measure, RandomNormal(9, 3, 1), RandomNormal(9, 4, 2)).status,
              ScoreStatus::kDifferentWidths)
        << measure;
  }
}

}  // namespace
}  // namespace gramian
