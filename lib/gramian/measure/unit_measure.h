// A measure that matches the single features of two layers: a family says how a pair is scored, the
// rest is here.
#ifndef GRAMIAN_MEASURE_UNIT_MEASURE_H_
#define GRAMIAN_MEASURE_UNIT_MEASURE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "gramian/measure/measure.h"
#include "gramian/measure/operand.h"
#include "gramian/measure/units.h"

namespace gramian {

// What one measure is. With traits.best_with_itself a layer has exactly the best score with itself:
// 0 of a distance, range_max of a similarity.
struct UnitMeasure {
  std::string name;
  MeasureTraits traits;
  // The score of two layers neither of which is constant. What rounding leaves beyond the range of
  // the traits is cut.
  std::function<absl::StatusOr<double>(const ComputeContext& context, const Operand& a,
                                       const Operand& b, const UnitMoments& a_units,
                                       const UnitMoments& b_units)>
      value;
};

// Scores pairs of layers, in feature space only; fused networks and other forms are
// INVALID_ARGUMENT. Fewer than traits.min_inputs inputs are kTooFewInputs, a layer without a live
// feature kConstant. Cost: O(n d) per layer, and that of `value`.
std::shared_ptr<const SimilarityMeasure> MakeUnitMeasure(UnitMeasure measure);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_UNIT_MEASURE_H_
