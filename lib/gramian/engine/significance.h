// What a score is worth: against chance, against other inputs, against its own bias.
#ifndef GRAMIAN_ENGINE_SIGNIFICANCE_H_
#define GRAMIAN_ENGINE_SIGNIFICANCE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/engine/operand_source.h"
#include "gramian/engine/score_matrix.h"
#include "gramian/measure/measure.h"

namespace gramian {

// Limits of SignificanceOptions.
inline constexpr int64_t kMaxPermutations = 100'000;
inline constexpr int64_t kMaxResamples = 100'000;
inline constexpr int64_t kMaxSplits = 100'000;

// What is asked; a count of 0 leaves its part out.
struct SignificanceOptions {
  int64_t permutations = 0;  // of the inputs of one layer
  double level = 0.05;       // of the threshold, in (0, 0.5]; permutations >= 1 / level - 1
  int64_t resamples = 0;     // bootstrap
  double confidence = 0.95;  // of the bootstrap interval, in [0.5, 1)
  int64_t splits = 0;        // into halves
  uint64_t seed = 0;
};

// INVALID_ARGUMENT if an option is out of its range.
absl::Status Validate(const SignificanceOptions& options);

// The score among those of the same layers with the inputs of one permuted, which destroys the
// correspondence and leaves the rest.
struct PermutationTest {
  // Other than kOk: the pair has no score, and nothing below holds.
  ScoreStatus status = ScoreStatus::kOk;
  // (1 + count) / (1 + permutations), count being the permutations at least as similar. Those
  // within 1e-6 of the score count, which is rounding, and so do those without a score.
  double p = 1.0;
  // What a score has to be more similar than so that p <= level.
  double threshold = 0.0;
  // Mean and standard deviation of the scores of the permutations.
  double mean = 0.0;
  double deviation = 0.0;
  // (score - mean) / deviation, above 0 for more similar than chance whatever the direction of the
  // measure; nothing if the permutations do not differ.
  std::optional<double> z;
};

// Where the score would be with other inputs of the same kind: a bootstrap over inputs.
struct BootstrapInterval {
  // Other than kOk: neither the pair nor any resample has a score, and nothing below holds.
  ScoreStatus status = ScoreStatus::kOk;
  // Percentiles of the resampled scores moved by -bias, so that they lie around the score, cut to
  // the range of the measure.
  double lower = 0.0;
  double upper = 0.0;
  // Standard deviation of the resampled scores.
  double standard_error = 0.0;
  // Their mean minus the score: inputs that are drawn twice make layers look alike.
  double bias = 0.0;
  int64_t valid = 0;  // resamples that have a score
};

// How well two disjoint halves of the inputs agree on the score.
struct SplitHalves {
  // kTooFewInputs if a half has fewer inputs than the measure needs. Other than kOk: nothing below
  // holds.
  ScoreStatus status = ScoreStatus::kOk;
  double mean = 0.0;        // of the scores of all halves
  double difference = 0.0;  // root mean square of first - second; half of it estimates the
                            // standard error of the score of all inputs
  int64_t valid = 0;        // splits of which both halves have a score
};

// A score with what there is to say about it.
struct Significance {
  Comparison comparison;
  // n < 2 d for the wider side: unrelated layers have biased scores far from 0.
  bool has_few_inputs = false;
  // The estimator without bias and its score; empty if there is none.
  std::string debiased_measure;
  Comparison debiased;
  // What was asked for.
  std::optional<PermutationTest> permutation_test;
  std::optional<BootstrapInterval> bootstrap;
  std::optional<SplitHalves> halves;
};

// Of the layers a and b (not fused networks), over the same n inputs (the caller has checked).
//
// A permutation costs n^2 where the measure is a product of two RSMs (PreparePermutations), else a
// comparison with the operators that are there already, only indexed; a resample or a half costs a
// comparison with all operators of its inputs. Views of the activations are read, nothing is
// copied. Every bit depends on contents, measure and options alone, for a symmetric measure also
// not on which layer comes first. Errors: INVALID_ARGUMENT (options, measure); RESOURCE_EXHAUSTED;
// CANCELLED, asked between replicates and in them; errors of loading.
//
// Sources: Phipson and Smyth 2010 (p is never 0); Efron 1979 (bootstrap).
absl::StatusOr<Significance> AssessSignificance(const ComputeContext& context, Scorer& scorer,
                                                const SimilarityMeasure& measure,
                                                const OperandSource& a, const OperandSource& b,
                                                const SignificanceOptions& options);

}  // namespace gramian

#endif  // GRAMIAN_ENGINE_SIGNIFICANCE_H_
