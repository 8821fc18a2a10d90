// A measure that is a function of the overlap of two layers: a family says the function, the rest
// is here.
#ifndef GRAMIAN_MEASURE_OVERLAP_MEASURE_H_
#define GRAMIAN_MEASURE_OVERLAP_MEASURE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "gramian/geometry/kernel.h"
#include "gramian/measure/measure.h"
#include "gramian/measure/overlap.h"

namespace gramian {

// What one measure is. With traits.best_with_itself a layer has exactly the best score with itself:
// 0 of a distance, range_max of a similarity.
struct OverlapMeasure {
  std::string name;
  MeasureTraits traits;
  KernelSpec kernel = {};
  Centering centering = Centering::kColumns;
  // The score of a pair whose overlap has status kOk. What rounding leaves beyond the range of the
  // traits is cut.
  std::function<absl::StatusOr<double>(const ComputeContext& context, const Operand& a,
                                       const Operand& b, const LayerOverlap& overlap)>
      value;
  // Whether `value` reads eigenvectors of inputs, which factored layers do not hold.
  bool needs_explicit_eigenvectors = false;
  // Of a measure whose traits().space has a geometry of its own: SimilarityMeasure::PlacePoints.
  std::function<absl::StatusOr<std::unique_ptr<const PathGeometry>>(
      const ComputeContext& context, absl::Span<const Operand> layers,
      absl::Span<const Score> scores)>
      place = nullptr;
};

// Scores pairs of layers; fused networks are INVALID_ARGUMENT. Fewer than traits.min_inputs inputs
// are kTooFewInputs, a constant side kConstant. Cost: that of ComputeOverlap and of `value`.
std::shared_ptr<const SimilarityMeasure> MakeOverlapMeasure(OverlapMeasure measure);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_OVERLAP_MEASURE_H_
