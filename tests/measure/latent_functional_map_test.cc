// Goal: the scores are those of the definition, and the corrected ones tell a true correspondence
// from a shuffled one. Method: values of an independent NumPy implementation, and the control that
// the published form fails.
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/waves.h"

namespace gramian {
namespace {

using testing::Compare;

class LatentFunctionalMapTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

TEST_F(LatentFunctionalMapTest, ItIsThatOfAnotherImplementation) {
  const Matrix x = testing::WaveActivations(90);
  const Matrix y = testing::WaveRelated(x);
  struct Case {
    const char* graph;
    double official;
    double published;
    double corrected;
    double overlap;
  };
  const Case cases[] = {
      {"neighbors=10-basis=15", 0.719492411976, 0.921315493061, 0.733565318089, 0.664229789772},
      {"graph=euclidean-weights=singular-neighbors=10-basis=15", 0.719150134167, 0.921123352861,
       0.746215798456, 0.745549049275},
      {"weights=distance-neighbors=20-basis=12", 0.679164905811, 0.897064842337, 0.683277747249,
       0.457413692622},
      {"weights=symgaussian-neighbors=12-basis=20", 0.674508544684, 0.894055312516, 0.681598870212,
       0.599064267791},
      {"graph=euclidean-weights=uniform-neighbors=12-basis=20", 0.643158833579, 0.872664381948,
       0.643660141835, 0.535162307449}};
  for (const Case& expected : cases) {
    const auto value = [&](const std::string& form) {
      const Score score = Compare("lfm-form=" + form + "-" + expected.graph, x, y);
      EXPECT_EQ(score.status, ScoreStatus::kOk);
      EXPECT_EQ(score.form, Form::kSpectral);
      return score.value;
    };
    // Eigenvectors turn by rounding over their gaps, the least of which is 1e-3.
    EXPECT_NEAR(value("official"), expected.official, 1.0e-11) << expected.graph;
    EXPECT_NEAR(value("published"), expected.published, 1.0e-11) << expected.graph;
    EXPECT_NEAR(value("corrected"), expected.corrected, 1.0e-11) << expected.graph;
    EXPECT_NEAR(value("overlap"), expected.overlap, 1.0e-11) << expected.graph;
  }
}

TEST_F(LatentFunctionalMapTest, TheCorrectedFormsSeeAShuffledCorrespondence) {
  const Matrix x = testing::SurfaceActivations(700, 24, 1);
  const Matrix y = (0.4 * x * testing::RandomNormal(24, 30, 5)).array().tanh().matrix() *
                   testing::RandomNormal(30, 20, 6);
  Matrix shuffled(700, 20);
  for (Index i = 0; i < 700; ++i) shuffled.row(i) = y.row(i * 137 % 700);
  const auto both = [&](const std::string& form) {
    const std::string name = "lfm-neighbors=40-basis=30-form=" + form;
    return std::pair(Compare(name, x, y).value, Compare(name, x, shuffled).value);
  };
  const auto [published, published_shuffled] = both("published");
  EXPECT_GT(published_shuffled, published - 0.05);
  const auto [official, official_shuffled] = both("official");
  EXPECT_GT(official_shuffled, official - 0.1);
  const auto [corrected, corrected_shuffled] = both("corrected");
  EXPECT_GT(corrected, corrected_shuffled + 0.2);
  EXPECT_NEAR(corrected_shuffled, 1.0 - std::sqrt(29.0 / 61.0), 0.05);
  const auto [overlap, overlap_shuffled] = both("overlap");
  EXPECT_GT(overlap, 0.3);
  EXPECT_LT(overlap_shuffled, 0.06);
}

TEST_F(LatentFunctionalMapTest, SmallLayersHaveSmallBases) {
  const Matrix x = testing::RandomNormal(4, 3, 1);
  EXPECT_EQ(Compare("lfm", x, testing::RandomNormal(4, 2, 2)).status, ScoreStatus::kOk);
  EXPECT_EQ(Compare("lfm", x.topRows(3), x.topRows(3)).status, ScoreStatus::kTooFewInputs);
  EXPECT_EQ(Compare("lfm", x, Matrix::Ones(4, 2)).status, ScoreStatus::kConstant);
}

TEST_F(LatentFunctionalMapTest, NamesAreCanonicalAndChecked) {
  EXPECT_EQ(MeasureRegistry::Parse("lfm").value()->name(),
            "lfm-form=corrected-graph=angular-weights=gaussian-neighbors=auto-basis=50");
  EXPECT_EQ(MeasureRegistry::Parse("lfm-basis=3-neighbors=1-form=published").value()->name(),
            "lfm-form=published-graph=angular-weights=gaussian-neighbors=1-basis=3");
  EXPECT_TRUE(MeasureRegistry::Parse("lfm-basis=1000-neighbors=10000").ok());
  for (const char* name : {"lfm-basis=2", "lfm-basis=1001", "lfm-basis=5.5", "lfm-neighbors=0",
                           "lfm-neighbors=10001", "lfm-neighbors=few", "lfm-form=paper",
                           "lfm-graph=cosine", "lfm-weights=inverse", "lfm-k=3"}) {
    EXPECT_EQ(MeasureRegistry::Parse(name).status().code(), absl::StatusCode::kInvalidArgument)
        << name;
  }
  NoCache cache;
  const Operand x(testing::AsFloat64(testing::RandomNormal(10, 3, 3)), &cache);
  EXPECT_EQ(testing::TryCompare("lfm", x, x, Form::kFeatureSpace).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gramian
