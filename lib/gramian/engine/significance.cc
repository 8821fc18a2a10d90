#include "gramian/engine/significance.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/engine/operator_cache.h"
#include "gramian/engine/resampling.h"
#include "gramian/measure/measure_registry.h"
#include "gramian/measure/operand.h"

namespace gramian {
namespace {

// Relative difference of two scores that may be rounding: float32 products are that good.
constexpr double kRounding = 1.0e-6;
// What the objects of one replicate may take of the scratch.
constexpr int64_t kCacheShare = 4;

absl::Status CheckCount(int64_t count, int64_t limit, const char* what) {
  if (count >= 0 && count <= limit) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " is ", count, ", must be from 0 to ", limit));
}

// A pair of layers and the measure that compares them.
struct Pair {
  const SimilarityMeasure& measure;
  Operand a;
  Operand b;

  int64_t rows() const { return a.rows(); }
  // 1 if larger scores are more similar, else -1.
  double direction() const { return measure.traits().larger_is_more_similar ? 1.0 : -1.0; }
};

struct Spread {
  double mean = 0.0;
  double deviation = 0.0;
};

Spread MomentsOf(const std::vector<double>& values) {
  Spread result;
  for (const double value : values) result.mean += value / static_cast<double>(values.size());
  if (values.size() < 2) return result;
  double squares = 0.0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  result.deviation = std::sqrt(squares / static_cast<double>(values.size() - 1));
  return result;
}

// Linear between the sorted values around it.
double Quantile(const std::vector<double>& sorted, double fraction) {
  const double at = fraction * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const double share = at - static_cast<double>(below);
  return (1.0 - share) * sorted[below] + share * sorted[above];
}

// The score of chosen inputs, the same of both sides.
absl::StatusOr<Score> ScoreOf(const ComputeContext& context, const Pair& pair,
                              const InputChoice& inputs) {
  OperatorCache cache(context.scratch_limit_bytes / kCacheShare);
  return pair.measure.Compare(context, pair.a.SelectRows(inputs, &cache),
                              pair.b.SelectRows(inputs, &cache), Form::kAuto);
}

absl::StatusOr<std::vector<Score>> ScorePermutations(const ComputeContext& context,
                                                     const Pair& pair,
                                                     const SignificanceOptions& options) {
  std::vector<Score> scores(static_cast<size_t>(options.permutations));
  GRAMIAN_ASSIGN_OR_RETURN(const std::unique_ptr<const PermutedScores> prepared,
                           pair.measure.PreparePermutations(context, pair.a, pair.b));
  if (prepared != nullptr) {
    GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, options.permutations, [&](int64_t i) {
      scores[static_cast<size_t>(i)] = prepared->At(*PermuteInputs(pair.rows(), options.seed, i));
      return absl::OkStatus();
    }));
    return scores;
  }
  for (int64_t i = 0; i < options.permutations; ++i) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    OperatorCache cache(context.scratch_limit_bytes / kCacheShare);
    const Operand permuted = pair.b.Permuted(PermuteInputs(pair.rows(), options.seed, i), &cache);
    GRAMIAN_ASSIGN_OR_RETURN(scores[static_cast<size_t>(i)],
                             pair.measure.Compare(context, pair.a, permuted, Form::kAuto));
  }
  return scores;
}

PermutationTest Judge(const std::vector<Score>& scores, double score, double direction,
                      double level) {
  std::vector<double> values;
  for (const Score& permuted : scores) {
    if (permuted.status == ScoreStatus::kOk) values.push_back(permuted.value);
  }
  PermutationTest test;
  const size_t without = scores.size() - values.size();
  size_t count = without;
  for (const double value : values) {
    const double rounding = kRounding * std::max(std::abs(value), std::abs(score));
    if (direction * (value - score) >= -rounding) ++count;
  }
  test.p = static_cast<double>(1 + count) / static_cast<double>(1 + scores.size());
  const Spread moments = MomentsOf(values);
  test.mean = moments.mean;
  test.deviation = moments.deviation;
  if (moments.deviation > kRounding * std::max(std::abs(moments.mean), std::abs(score))) {
    test.z = direction * (score - moments.mean) / moments.deviation;
  }
  // The most similar first; those without a score come before.
  std::sort(values.begin(), values.end(),
            [&](double x, double y) { return direction * x > direction * y; });
  const auto allowed =
      static_cast<size_t>(level * static_cast<double>(1 + scores.size()) * (1.0 + kRounding));
  if (!values.empty()) {
    const size_t place = allowed > without ? allowed - without - 1 : 0;
    test.threshold = values[std::min(place, values.size() - 1)];
  }
  return test;
}

absl::StatusOr<BootstrapInterval> Bootstrap(const ComputeContext& context, const Pair& pair,
                                            double score, const SignificanceOptions& options) {
  BootstrapInterval interval;
  std::vector<double> values;
  for (int64_t i = 0; i < options.resamples; ++i) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    GRAMIAN_ASSIGN_OR_RETURN(const Score resampled,
                             ScoreOf(context, pair, ResampleInputs(pair.rows(), options.seed, i)));
    if (resampled.status == ScoreStatus::kOk) {
      values.push_back(resampled.value);
    } else if (values.empty()) {
      interval.status = resampled.status;
    }
  }
  if (values.empty()) return interval;
  interval.status = ScoreStatus::kOk;
  interval.valid = static_cast<int64_t>(values.size());
  const Spread moments = MomentsOf(values);
  interval.standard_error = moments.deviation;
  interval.bias = moments.mean - score;
  std::sort(values.begin(), values.end());
  const MeasureTraits& traits = pair.measure.traits();
  const auto bound = [&](double fraction) {
    return std::clamp(Quantile(values, fraction) - interval.bias, traits.range_min,
                      traits.range_max);
  };
  interval.lower = bound(0.5 - 0.5 * options.confidence);
  interval.upper = bound(0.5 + 0.5 * options.confidence);
  return interval;
}

absl::StatusOr<SplitHalves> CompareHalves(const ComputeContext& context, const Pair& pair,
                                          const SignificanceOptions& options) {
  SplitHalves halves;
  halves.status = ScoreStatus::kTooFewInputs;
  if (pair.rows() / 2 < std::max<int64_t>(pair.measure.traits().min_inputs, 1)) return halves;
  double sum = 0.0;
  double squares = 0.0;
  for (int64_t i = 0; i < options.splits; ++i) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    const auto [first, second] = HalveInputs(pair.rows(), options.seed, i);
    GRAMIAN_ASSIGN_OR_RETURN(const Score x, ScoreOf(context, pair, first));
    GRAMIAN_ASSIGN_OR_RETURN(const Score y, ScoreOf(context, pair, second));
    if (x.status == ScoreStatus::kOk && y.status == ScoreStatus::kOk) {
      ++halves.valid;
      sum += x.value + y.value;
      squares += (x.value - y.value) * (x.value - y.value);
    } else if (halves.valid == 0) {
      halves.status = x.status == ScoreStatus::kOk ? y.status : x.status;
    }
  }
  if (halves.valid == 0) return halves;
  halves.status = ScoreStatus::kOk;
  halves.mean = sum / static_cast<double>(2 * halves.valid);
  halves.difference = std::sqrt(squares / static_cast<double>(halves.valid));
  return halves;
}

// What was asked of a pair without a score.
void WithoutScore(ScoreStatus status, const SignificanceOptions& options, Significance& result) {
  if (options.permutations > 0) result.permutation_test.emplace().status = status;
  if (options.resamples > 0) result.bootstrap.emplace().status = status;
  if (options.splits > 0) result.halves.emplace().status = status;
}

}  // namespace

absl::Status Validate(const SignificanceOptions& options) {
  GRAMIAN_RETURN_IF_ERROR(CheckCount(options.permutations, kMaxPermutations, "permutations"));
  GRAMIAN_RETURN_IF_ERROR(CheckCount(options.resamples, kMaxResamples, "bootstrap resamples"));
  GRAMIAN_RETURN_IF_ERROR(CheckCount(options.splits, kMaxSplits, "splits into halves"));
  if (!(options.level > 0.0 && options.level <= 0.5)) {
    return absl::InvalidArgumentError(
        absl::StrCat("level is ", options.level, ", must be above 0 and at most 0.5"));
  }
  if (!(options.confidence >= 0.5 && options.confidence < 1.0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("confidence is ", options.confidence, ", must be at least 0.5 and below 1"));
  }
  const auto needed = static_cast<int64_t>(std::ceil((1.0 - kRounding) / options.level)) - 1;
  if (options.permutations > 0 && options.permutations < needed) {
    return absl::InvalidArgumentError(absl::StrCat("permutations is ", options.permutations,
                                                   ", level ", options.level, " needs at least ",
                                                   needed));
  }
  return absl::OkStatus();
}

absl::StatusOr<Significance> AssessSignificance(const ComputeContext& context, Scorer& scorer,
                                                const SimilarityMeasure& measure,
                                                const OperandSource& a, const OperandSource& b,
                                                const SignificanceOptions& options) {
  GRAMIAN_RETURN_IF_ERROR(Validate(options));
  Significance result;
  GRAMIAN_ASSIGN_OR_RETURN(result.comparison, scorer.Compare(context, measure, a, b, Form::kAuto));
  result.has_few_inputs = a.rows() < 2 * std::max(a.cols(), b.cols());
  result.debiased_measure = measure.traits().debiased;
  if (!result.debiased_measure.empty()) {
    GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const SimilarityMeasure> debiased,
                             MeasureRegistry::Parse(result.debiased_measure));
    GRAMIAN_ASSIGN_OR_RETURN(result.debiased,
                             scorer.Compare(context, *debiased, a, b, Form::kAuto));
  }
  const Score& score = result.comparison.score;
  if (score.status != ScoreStatus::kOk) {
    WithoutScore(score.status, options, result);
    return result;
  }
  if (options.permutations + options.resamples + options.splits == 0) return result;
  const bool swapped = measure.traits().is_symmetric && b.key() < a.key();
  GRAMIAN_ASSIGN_OR_RETURN(const Operand first, (swapped ? b : a).Load());
  GRAMIAN_ASSIGN_OR_RETURN(const Operand second, (swapped ? a : b).Load());
  const Pair pair{measure, first, second};
  if (options.permutations > 0) {
    GRAMIAN_ASSIGN_OR_RETURN(const std::vector<Score> scores,
                             ScorePermutations(context, pair, options));
    result.permutation_test = Judge(scores, score.value, pair.direction(), options.level);
  }
  if (options.resamples > 0) {
    GRAMIAN_ASSIGN_OR_RETURN(result.bootstrap, Bootstrap(context, pair, score.value, options));
  }
  if (options.splits > 0) {
    GRAMIAN_ASSIGN_OR_RETURN(result.halves, CompareHalves(context, pair, options));
  }
  return result;
}

}  // namespace gramian
