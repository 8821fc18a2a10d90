#ifndef GRAMIAN_CLIENT_SIGNIFICANCE_TYPES_H_
#define GRAMIAN_CLIENT_SIGNIFICANCE_TYPES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gramian/client/types.h"

namespace gramian::client {

// What to ask about the scores of a pair of layers; a count of 0 leaves its part out.
struct AssessmentQuery {
  std::string layer_a;  // resource names
  std::string layer_b;
  std::vector<std::string> measures = {"cka"};
  int64_t permutation_count = 0;  // of the inputs of one layer; at least 1 / level - 1
  double level = 0.05;            // of the threshold
  int64_t resample_count = 0;     // bootstrap samples of the inputs
  double confidence = 0.95;       // of the bootstrap interval
  int64_t split_count = 0;        // into halves
  uint64_t seed = 0;              // the same seed gives the same answer
};

// The score among those of the same layers with the inputs of one permuted.
struct PermutationTest {
  ScoreStatus status = ScoreStatus::kOk;  // the rest means something for kOk
  double p = 1;          // (1 + permutations at least as similar) / (1 + permutations)
  double threshold = 0;  // to be more similar than, so that p is at most the level
  double mean = 0;       // of the permutations
  double standard_deviation = 0;
  std::optional<double> z;  // > 0 means more similar than chance; absent if they do not differ
};

// Where other inputs of the same kind would place the score.
struct BootstrapInterval {
  ScoreStatus status = ScoreStatus::kOk;  // the rest means something for kOk
  double lower = 0;
  double upper = 0;
  double standard_error = 0;
  double bias = 0;          // mean of the samples less the score, which the ends are corrected by
  int64_t valid_count = 0;  // samples that have a score
};

// How well two halves of the inputs agree.
struct SplitHalves {
  ScoreStatus status = ScoreStatus::kOk;  // the rest means something for kOk
  double mean = 0;                        // score of all halves
  double difference = 0;                  // root mean square, of two halves
  int64_t valid_count = 0;                // splits of which both halves have a score
};

// A score with what there is to say about it.
struct Assessment {
  Score score;
  std::optional<Score> debiased_score;  // if the measure has a debiased estimator
  bool has_few_inputs = false;          // n < 2 d of the wider layer
  std::optional<PermutationTest> permutation_test;
  std::optional<BootstrapInterval> bootstrap;
  std::optional<SplitHalves> halves;
};

}  // namespace gramian::client

#endif  // GRAMIAN_CLIENT_SIGNIFICANCE_TYPES_H_
