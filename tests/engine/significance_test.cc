// Goal: p, threshold, z, intervals and halves are what a naive computation gives, whichever path
// the scores of permutations come from; they are calibrated; they do not depend on threads.
// Method: scores of matrices that are permuted, resampled and halved in the test; independent
// Gaussians.
#include "gramian/engine/significance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gramian/base/blas.h"
#include "gramian/engine/resampling.h"
#include "gramian/engine/result_store.h"
#include "gramian/measure/measure_registry.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"

namespace gramian {
namespace {

using testing::AsFloat32;
using testing::AsFloat64;
using ::testing::HasSubstr;
using testing::RandomActivations;
using testing::RandomNormal;
using testing::RandomRelated;

constexpr double kEps = std::numeric_limits<double>::epsilon();
// Scores of two forms of one measure, as in the property tests of measures.
constexpr double kTolerance = 65536.0 * kEps;

// One measure of each kind: indexed products of every estimator and of powers, distances, overlaps,
// units, tiles.
const std::vector<std::string> kMeasures = {"cka",
                                            "cka-hsic=song",
                                            "cka-hsic=lange-distance=angular",
                                            "hsic-kernel=rbf",
                                            "distcorr",
                                            "ms-cka-t=3",
                                            "cca",
                                            "procrustes",
                                            "bures-kernel=rbf",
                                            "linear-regression",
                                            "stress"};

std::shared_ptr<const SimilarityMeasure> Parse(const std::string& name) {
  return MeasureRegistry::Parse(name).value();
}

Matrix Chosen(const Matrix& x, const InputChoice& inputs) { return x(*inputs, Eigen::all); }

class SignificanceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  OperandSource Source(const Matrix& x) { return OperandSource(Operand(AsFloat64(x), &cache_)); }
  absl::StatusOr<Significance> TryAssess(const std::string& measure, const Matrix& x,
                                         const Matrix& y, const SignificanceOptions& options,
                                         const ComputeContext& context = {}) {
    const std::unique_ptr<ResultStore> results = NewMemoryResultStore(100);
    Scorer scorer(results.get());
    return AssessSignificance(context, scorer, *Parse(measure), Source(x), Source(y), options);
  }
  Significance Assess(const std::string& measure, const Matrix& x, const Matrix& y,
                      const SignificanceOptions& options, const ComputeContext& context = {}) {
    return TryAssess(measure, x, y, options, context).value();
  }

  OperatorCache cache_{int64_t{64} << 20};
};

struct Naive {
  double mean = 0.0;
  double deviation = 0.0;
};

Naive MomentsOf(const std::vector<double>& values) {
  Naive result;
  for (const double value : values) result.mean += value;
  result.mean /= static_cast<double>(values.size());
  for (const double value : values) result.deviation += std::pow(value - result.mean, 2);
  result.deviation = std::sqrt(result.deviation / static_cast<double>(values.size() - 1));
  return result;
}

TEST_F(SignificanceTest, PermutationsAreThoseOfPermutedActivations) {
  SignificanceOptions options;
  options.permutations = 39;
  options.seed = 5;
  const Matrix x = RandomActivations(30, 6, 1);
  const Matrix y = RandomRelated(x, 9, 0.2, 2);
  for (const std::string& name : kMeasures) {
    SCOPED_TRACE(name);
    const Significance result = Assess(name, x, y, options);
    const double score = testing::Compare(name, x, y).value;
    EXPECT_NEAR(result.comparison.score.value, score, kTolerance * std::max(1.0, score));
    // A symmetric measure is given the layers in the order of their keys.
    const bool swapped = Parse(name)->traits().is_symmetric && Source(y).key() < Source(x).key();
    const Matrix& first = swapped ? y : x;
    const Matrix& second = swapped ? x : y;
    const double direction = Parse(name)->traits().larger_is_more_similar ? 1.0 : -1.0;
    std::vector<double> values;
    int count = 0;
    for (int64_t i = 0; i < options.permutations; ++i) {
      const InputChoice order = PermuteInputs(30, options.seed, i);
      values.push_back(testing::Compare(name, first, Chosen(second, order)).value);
      if (direction * (values.back() - score) >= 0.0) ++count;
    }
    ASSERT_TRUE(result.permutation_test.has_value());
    const PermutationTest& test = *result.permutation_test;
    EXPECT_EQ(test.p, (1.0 + count) / 40.0);
    const Naive moments = MomentsOf(values);
    const double tolerance = kTolerance * std::max(1.0, std::abs(moments.mean));
    EXPECT_NEAR(test.mean, moments.mean, tolerance);
    EXPECT_NEAR(test.deviation, moments.deviation, tolerance);
    ASSERT_TRUE(test.z.has_value());
    EXPECT_NEAR(*test.z, direction * (score - moments.mean) / moments.deviation,
                tolerance / moments.deviation * (1.0 + std::abs(*test.z)));
    // 0.05 * 40 = 2: the score must beat the second most similar.
    std::sort(values.begin(), values.end());
    EXPECT_NEAR(test.threshold, direction > 0.0 ? values[37] : values[1], tolerance);
  }
}

TEST_F(SignificanceTest, TheBootstrapIsThatOfResampledActivations) {
  SignificanceOptions options;
  options.resamples = 21;
  options.confidence = 0.9;
  options.seed = 8;
  const Matrix x = RandomActivations(40, 6, 3);
  const Matrix y = RandomRelated(x, 5, 0.8, 4);
  for (const std::string& name : kMeasures) {
    SCOPED_TRACE(name);
    std::vector<double> values;
    for (int64_t i = 0; i < options.resamples; ++i) {
      const InputChoice inputs = ResampleInputs(40, options.seed, i);
      values.push_back(testing::Compare(name, Chosen(x, inputs), Chosen(y, inputs)).value);
    }
    const Significance result = Assess(name, x, y, options);
    ASSERT_TRUE(result.bootstrap.has_value());
    const BootstrapInterval& interval = *result.bootstrap;
    const double score = result.comparison.score.value;
    const Naive moments = MomentsOf(values);
    const double tolerance = kTolerance * std::max(1.0, std::abs(moments.mean));
    EXPECT_EQ(interval.status, ScoreStatus::kOk);
    EXPECT_EQ(interval.valid, 21);
    EXPECT_NEAR(interval.standard_error, moments.deviation, tolerance);
    EXPECT_NEAR(interval.bias, moments.mean - score, tolerance);
    // 5 % and 95 % of 21 sorted values are the second from either end.
    std::sort(values.begin(), values.end());
    const MeasureTraits& traits = Parse(name)->traits();
    const double bias = moments.mean - score;
    EXPECT_NEAR(interval.lower, std::max(values[1] - bias, traits.range_min), 2.0 * tolerance);
    EXPECT_NEAR(interval.upper, std::min(values[19] - bias, traits.range_max), 2.0 * tolerance);
    EXPECT_LE(interval.lower, score);
    EXPECT_GE(interval.upper, score);
  }
}

TEST_F(SignificanceTest, HalvesAreThoseOfTheActivations) {
  SignificanceOptions options;
  options.splits = 5;
  options.seed = 9;
  const Matrix x = RandomActivations(41, 6, 5);
  const Matrix y = RandomRelated(x, 5, 0.8, 6);
  for (const std::string& name : kMeasures) {
    SCOPED_TRACE(name);
    double sum = 0.0;
    double squares = 0.0;
    for (int64_t i = 0; i < options.splits; ++i) {
      const auto [first, second] = HalveInputs(41, options.seed, i);
      const double one = testing::Compare(name, Chosen(x, first), Chosen(y, first)).value;
      const double two = testing::Compare(name, Chosen(x, second), Chosen(y, second)).value;
      sum += one + two;
      squares += (one - two) * (one - two);
    }
    const Significance result = Assess(name, x, y, options);
    ASSERT_TRUE(result.halves.has_value());
    EXPECT_EQ(result.halves->status, ScoreStatus::kOk);
    EXPECT_EQ(result.halves->valid, 5);
    const double tolerance = kTolerance * std::max(1.0, std::abs(sum) / 10.0);
    EXPECT_NEAR(result.halves->mean, sum / 10.0, tolerance);
    EXPECT_NEAR(result.halves->difference, std::sqrt(squares / 5.0), tolerance);
  }
}

TEST_F(SignificanceTest, UnrelatedWideLayersLookAlikeAndAreNotSignificant) {
  const Matrix x = RandomNormal(50, 100, 71);
  const Matrix y = RandomNormal(50, 120, 72);
  SignificanceOptions options;
  options.permutations = 999;
  options.seed = 1;
  const Significance result = Assess("cka", x, y, options);
  EXPECT_GT(result.comparison.score.value, 0.6);
  EXPECT_GT(result.permutation_test->p, 0.05);
  EXPECT_GT(result.permutation_test->threshold, result.comparison.score.value);
  EXPECT_TRUE(result.has_few_inputs);
  EXPECT_EQ(result.debiased_measure, "cka-kernel=linear-hsic=song-score");
  EXPECT_NEAR(result.debiased.score.value, 0.0, 0.05);
}

TEST_F(SignificanceTest, RelatedLayersAreSignificantInEitherDirection) {
  const Matrix x = RandomNormal(80, 10, 1);
  const Matrix y = RandomRelated(x, 12, 0.8, 2);
  SignificanceOptions options;
  options.permutations = 99;
  for (const char* name : {"cka", "procrustes", "distcorr-form=unbiased", "bures-form=angle"}) {
    const PermutationTest test = *Assess(name, x, y, options).permutation_test;
    EXPECT_EQ(test.p, 0.01) << name;
    EXPECT_GT(test.z.value(), 4.0) << name;
  }
}

// Of p from unrelated layers: their largest distance from the uniform distribution.
double DistanceFromUniform(std::vector<double> p) {
  std::sort(p.begin(), p.end());
  double largest = 0.0;
  for (size_t i = 0; i < p.size(); ++i) {
    largest = std::max(largest,
                       std::abs(p[i] - static_cast<double>(i + 1) / static_cast<double>(p.size())));
  }
  return largest;
}

TEST_F(SignificanceTest, PIsUniformForUnrelatedLayers) {
  SignificanceOptions options;
  options.permutations = 99;
  for (const auto& [name, pairs] : {std::pair("cka", 300), std::pair("procrustes", 100)}) {
    std::vector<double> p;
    for (int i = 0; i < pairs; ++i) {
      options.seed = static_cast<uint64_t>(i);
      p.push_back(Assess(name, RandomNormal(16, 5, 2 * options.seed),
                         RandomNormal(16, 4, 2 * options.seed + 1), options)
                      .permutation_test->p);
    }
    // Kolmogorov's distance exceeds 1.95 / sqrt(pairs) with probability 0.001; p has steps of 0.01.
    EXPECT_LT(DistanceFromUniform(p), 1.95 / std::sqrt(pairs) + 0.01) << name;
  }
}

void ExpectSameBits(const Significance& a, const Significance& b) {
  EXPECT_EQ(a.comparison.score.value, b.comparison.score.value);
  EXPECT_EQ(a.permutation_test->p, b.permutation_test->p);
  EXPECT_EQ(a.permutation_test->threshold, b.permutation_test->threshold);
  EXPECT_EQ(a.permutation_test->mean, b.permutation_test->mean);
  EXPECT_EQ(a.permutation_test->z, b.permutation_test->z);
  EXPECT_EQ(a.bootstrap->lower, b.bootstrap->lower);
  EXPECT_EQ(a.bootstrap->upper, b.bootstrap->upper);
  EXPECT_EQ(a.bootstrap->bias, b.bootstrap->bias);
  EXPECT_EQ(a.halves->mean, b.halves->mean);
  EXPECT_EQ(a.halves->difference, b.halves->difference);
}

TEST_F(SignificanceTest, BitsDependOnNeitherThreadsNorTheOrderOfTheLayers) {
  SignificanceOptions options;
  options.permutations = 30;
  options.resamples = 6;
  options.splits = 3;
  const Matrix x = RandomActivations(300, 40, 1);
  const Matrix y = RandomRelated(x, 30, 0.5, 2);
  ComputeArena arena(4);
  ComputeContext parallel;
  parallel.arena = &arena;
  for (const char* name :
       {"cka", "cka-kernel=rbf-hsic=song", "ms-cka-t=3", "procrustes", "stress"}) {
    SCOPED_TRACE(name);
    const Significance serial = Assess(name, x, y, options);
    ExpectSameBits(Assess(name, x, y, options, parallel), serial);
    ExpectSameBits(Assess(name, y, x, options, parallel), serial);
  }
}

TEST_F(SignificanceTest, APairWithoutScoreHasNothingElse) {
  SignificanceOptions options;
  options.permutations = 19;
  options.resamples = 2;
  options.splits = 1;
  const Significance result =
      Assess("cka", RandomNormal(20, 3, 1), Matrix::Constant(20, 4, 1.5), options);
  EXPECT_EQ(result.permutation_test->status, ScoreStatus::kConstant);
  EXPECT_EQ(result.bootstrap->status, ScoreStatus::kConstant);
  EXPECT_EQ(result.halves->status, ScoreStatus::kConstant);
}

TEST_F(SignificanceTest, HalvesNeedEnoughInputs) {
  SignificanceOptions options;
  options.splits = 2;
  const auto status = [&](Index rows) {
    return Assess("cka-hsic=song", RandomNormal(rows, 2, 1), RandomNormal(rows, 2, 2), options)
        .halves->status;
  };
  EXPECT_EQ(status(7), ScoreStatus::kTooFewInputs);
  EXPECT_NE(status(8), ScoreStatus::kTooFewInputs);
}

// With at least as many features as inputs canonical correlations are all 1, whatever the layers.
TEST_F(SignificanceTest, WhatPermutationsDoNotChangeIsNotSignificant) {
  SignificanceOptions options;
  options.permutations = 19;
  const PermutationTest test =
      *Assess("cca", RandomNormal(12, 20, 1), RandomNormal(12, 15, 2), options).permutation_test;
  EXPECT_EQ(test.p, 1.0);
  EXPECT_FALSE(test.z.has_value());
}

TEST_F(SignificanceTest, FewInputsAreFewerThanTwiceTheWiderSide) {
  EXPECT_TRUE(Assess("cka", RandomNormal(19, 3, 1), RandomNormal(19, 10, 2), {}).has_few_inputs);
  EXPECT_FALSE(Assess("cka", RandomNormal(20, 3, 1), RandomNormal(20, 10, 2), {}).has_few_inputs);
}

TEST_F(SignificanceTest, OptionsHaveLimits) {
  const auto check = [](auto change) {
    SignificanceOptions options;
    change(options);
    return Validate(options);
  };
  const auto permutations = [&](int64_t count, double level) {
    return check([&](SignificanceOptions& options) {
      options.permutations = count;
      options.level = level;
    });
  };
  EXPECT_TRUE(permutations(kMaxPermutations, 0.05).ok());
  EXPECT_THAT(permutations(kMaxPermutations + 1, 0.05).message(), HasSubstr("100001"));
  EXPECT_TRUE(permutations(19, 0.05).ok());
  EXPECT_THAT(permutations(18, 0.05).message(), HasSubstr("at least 19"));
  EXPECT_TRUE(permutations(1, 0.5).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(permutations(0, 0.51)));
  EXPECT_TRUE(absl::IsInvalidArgument(permutations(0, 0.0)));
  EXPECT_TRUE(absl::IsInvalidArgument(permutations(-1, 0.05)));
  const auto resamples = [&](int64_t count, double confidence) {
    return check([&](SignificanceOptions& options) {
      options.resamples = count;
      options.confidence = confidence;
    });
  };
  EXPECT_TRUE(resamples(kMaxResamples, 0.5).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(resamples(kMaxResamples + 1, 0.95)));
  EXPECT_TRUE(absl::IsInvalidArgument(resamples(1, 1.0)));
  EXPECT_TRUE(absl::IsInvalidArgument(resamples(1, 0.49)));
  const auto splits = [&](int64_t count) {
    return check([&](SignificanceOptions& options) { options.splits = count; });
  };
  EXPECT_TRUE(splits(kMaxSplits).ok());
  EXPECT_THAT(splits(kMaxSplits + 1).message(), HasSubstr("100000"));
}

TEST_F(SignificanceTest, StopsAndStaysWithinItsScratch) {
  SignificanceOptions options;
  options.permutations = 19;
  options.resamples = 19;
  const Matrix x = RandomNormal(100, 4, 1);
  const Matrix y = RandomNormal(100, 5, 2);
  std::stop_source stopped;
  stopped.request_stop();
  ComputeContext context;
  context.stop = stopped.get_token();
  EXPECT_TRUE(absl::IsCancelled(TryAssess("cka", x, y, options, context).status()));
  ComputeContext small;
  small.scratch_limit_bytes = 4 * 8 * 100 * 100;
  EXPECT_TRUE(TryAssess("cka", x, y, options, small).ok());
  small.scratch_limit_bytes -= 1;
  EXPECT_THAT(TryAssess("cka", x, y, options, small).status().message(),
              HasSubstr("two n x n RSMs"));
}

}  // namespace
}  // namespace gramian
