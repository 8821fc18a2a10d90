#include "server/significance_answer.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/measure_registry.h"
#include "server/convert.h"

namespace gramian {
namespace {

using Measures = std::vector<std::shared_ptr<const SimilarityMeasure>>;

SignificanceOptions ToOptions(const v1::AssessSimilarityRequest& request) {
  SignificanceOptions options;
  options.permutations = request.permutation_count();
  if (request.level() != 0.0) options.level = request.level();
  options.resamples = request.resample_count();
  if (request.confidence() != 0.0) options.confidence = request.confidence();
  options.splits = request.split_count();
  options.seed = request.seed();
  return options;
}

absl::StatusOr<Measures> ToMeasures(const v1::AssessSimilarityRequest& request, int64_t limit) {
  if (request.measures().empty() || request.measures_size() > limit) {
    return absl::InvalidArgumentError(absl::StrCat(
        request.measures_size(), " measures are asked for, must be from 1 to ", limit));
  }
  Measures measures;
  for (const std::string& name : request.measures()) {
    GRAMIAN_ASSIGN_OR_RETURN(measures.emplace_back(), MeasureRegistry::Parse(name));
  }
  return measures;
}

void Fill(const PermutationTest& test, v1::PermutationTest& result) {
  result.set_status(ToProto(test.status));
  if (test.status != ScoreStatus::kOk) return;
  result.set_p(test.p);
  result.set_threshold(test.threshold);
  result.set_mean(test.mean);
  result.set_standard_deviation(test.deviation);
  if (test.z.has_value()) result.set_z(*test.z);
}

void Fill(const BootstrapInterval& interval, v1::BootstrapInterval& result) {
  result.set_status(ToProto(interval.status));
  if (interval.status != ScoreStatus::kOk) return;
  result.set_lower(interval.lower);
  result.set_upper(interval.upper);
  result.set_standard_error(interval.standard_error);
  result.set_bias(interval.bias);
  result.set_valid_count(interval.valid);
}

void Fill(const SplitHalves& halves, v1::SplitHalves& result) {
  result.set_status(ToProto(halves.status));
  if (halves.status != ScoreStatus::kOk) return;
  result.set_mean(halves.mean);
  result.set_difference(halves.difference);
  result.set_valid_count(halves.valid);
}

absl::StatusOr<v1::Assessment> ToProto(const Significance& significance,
                                       const SimilarityMeasure& measure) {
  v1::Assessment result;
  *result.mutable_score() = ToProto(significance.comparison, measure);
  if (!significance.debiased_measure.empty()) {
    GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const SimilarityMeasure> debiased,
                             MeasureRegistry::Parse(significance.debiased_measure));
    *result.mutable_debiased_score() = ToProto(significance.debiased, *debiased);
  }
  result.set_has_few_inputs(significance.has_few_inputs);
  if (significance.permutation_test.has_value()) {
    Fill(*significance.permutation_test, *result.mutable_permutation_test());
  }
  if (significance.bootstrap.has_value()) {
    Fill(*significance.bootstrap, *result.mutable_bootstrap());
  }
  if (significance.halves.has_value()) Fill(*significance.halves, *result.mutable_halves());
  return result;
}

}  // namespace

absl::Status AnswerAssessment(ServerState& state, const v1::AssessSimilarityRequest& request,
                              v1::AssessSimilarityResponse& response, std::stop_token stop) {
  const auto start = std::chrono::steady_clock::now();
  const ActivationStore& store = state.engine.store();
  GRAMIAN_ASSIGN_OR_RETURN(const LayerKey a, ToLayerKey(request.layer_a(), store, state.options));
  GRAMIAN_ASSIGN_OR_RETURN(const LayerKey b, ToLayerKey(request.layer_b(), store, state.options));
  GRAMIAN_ASSIGN_OR_RETURN(const Measures measures,
                           ToMeasures(request, state.options.max_measures));
  const SignificanceOptions options = ToOptions(request);
  for (const auto& measure : measures) {
    GRAMIAN_ASSIGN_OR_RETURN(const Significance significance,
                             state.engine.AssessSimilarity(a, b, measure->name(), options, stop));
    GRAMIAN_ASSIGN_OR_RETURN(*response.add_assessments(), ToProto(significance, *measure));
  }
  response.set_elapsed_seconds(SecondsSince(start));
  return absl::OkStatus();
}

}  // namespace gramian
