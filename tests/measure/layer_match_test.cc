// Goal: rows find the columns that each method promises. Method: all choices of small matrices.
#include "gramian/measure/layer_match.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using ::testing::ElementsAre;
using testing::RandomNormal;

constexpr double kEps = std::numeric_limits<double>::epsilon();

std::vector<Score> Scores(const Matrix& values) {
  std::vector<Score> scores;
  for (Index i = 0; i < values.rows(); ++i) {
    for (Index j = 0; j < values.cols(); ++j) {
      scores.push_back({ScoreStatus::kOk, values(i, j), Form::kAuto});
    }
  }
  return scores;
}

std::vector<Index> Match(const Matrix& values, MatchMethod method, bool larger = true) {
  return MatchRows({}, Scores(values), values.rows(), values.cols(), larger, method).value();
}

double Total(const Matrix& values, const std::vector<Index>& columns) {
  double total = 0.0;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] >= 0) total += values(static_cast<Index>(i), columns[i]);
  }
  return total;
}

// The largest total over all columns that `allowed` lets through.
template <typename Allowed>
double Best(const Matrix& values, const Allowed& allowed) {
  std::vector<Index> columns(static_cast<size_t>(values.rows()), 0);
  double best = -std::numeric_limits<double>::infinity();
  while (true) {
    if (allowed(columns)) best = std::max(best, Total(values, columns));
    size_t i = 0;
    while (i < columns.size() && ++columns[i] == values.cols()) columns[i++] = 0;
    if (i == columns.size()) return best;
  }
}

TEST(LayerMatchTest, ArgmaxTakesTheFirstOfTheMostSimilar) {
  Matrix values(3, 3);
  values << 0.9, 0.2, 0.9, 0.1, 0.3, 0.2, 0.95, 0.9, 0.1;
  EXPECT_THAT(Match(values, MatchMethod::kArgmax), ElementsAre(0, 1, 0));
  EXPECT_THAT(Match(values, MatchMethod::kArgmax, /*larger=*/false), ElementsAre(1, 0, 2));
}

TEST(LayerMatchTest, OneToOneHasTheLargestTotal) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Matrix values = RandomNormal(4, 5, seed);
    const std::vector<Index> columns = Match(values, MatchMethod::kHungarian);
    const auto is_one_to_one = [](std::vector<Index> chosen) {
      std::sort(chosen.begin(), chosen.end());
      return std::adjacent_find(chosen.begin(), chosen.end()) == chosen.end();
    };
    EXPECT_TRUE(is_one_to_one(columns));
    EXPECT_NEAR(Total(values, columns), Best(values, is_one_to_one), 32.0 * kEps * values.norm());
  }
}

TEST(LayerMatchTest, MonotoneHasTheLargestTotalOfThoseThatDoNotGoBack) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Matrix values = RandomNormal(5, 4, seed);
    const std::vector<Index> columns = Match(values, MatchMethod::kMonotone);
    const auto goes_on = [](const std::vector<Index>& chosen) {
      return std::is_sorted(chosen.begin(), chosen.end());
    };
    EXPECT_TRUE(goes_on(columns));
    EXPECT_NEAR(Total(values, columns), Best(values, goes_on), 32.0 * kEps * values.norm());
    // Distances are matched like their negatives.
    EXPECT_EQ(Match(-values, MatchMethod::kMonotone, /*larger=*/false), columns);
  }
}

TEST(LayerMatchTest, MoreRowsThanColumnsLeaveSomeWithoutOne) {
  Matrix values(3, 1);
  values << 0.5, 0.7, 0.6;
  EXPECT_THAT(Match(values, MatchMethod::kHungarian), ElementsAre(-1, 0, -1));
  EXPECT_THAT(Match(values, MatchMethod::kArgmax), ElementsAre(0, 0, 0));
}

TEST(LayerMatchTest, NobodyIsMatchedWithoutAScore) {
  Matrix values(2, 2);
  values << 0.1, 0.2, 0.3, 0.4;
  std::vector<Score> scores = Scores(values);
  scores[1] = {ScoreStatus::kConstant, 0.0, Form::kAuto};
  scores[2] = {ScoreStatus::kConstant, 0.0, Form::kAuto};
  scores[3] = {ScoreStatus::kConstant, 0.0, Form::kAuto};
  for (const MatchMethod method :
       {MatchMethod::kArgmax, MatchMethod::kHungarian, MatchMethod::kMonotone}) {
    EXPECT_THAT(MatchRows({}, scores, 2, 2, true, method).value(), ElementsAre(0, -1))
        << ToString(method);
  }
}

TEST(LayerMatchTest, DirectionsAreAveraged) {
  const Matrix forth = RandomNormal(2, 3, 1);
  const Matrix back = RandomNormal(3, 2, 2);
  std::vector<Score> back_scores = Scores(back);
  back_scores[1] = {ScoreStatus::kConstant, 0.0, Form::kAuto};  // of row 1, column 0
  const std::vector<Score> mean = AverageDirections(Scores(forth), back_scores, 2, 3);
  EXPECT_EQ(mean[0].value, 0.5 * (forth(0, 0) + back(0, 0)));
  EXPECT_EQ(mean[5].value, 0.5 * (forth(1, 2) + back(2, 1)));
  EXPECT_EQ(mean[3].status, ScoreStatus::kConstant);
}

}  // namespace
}  // namespace gramian
