// How much of one layer a linear map of the other explains.
//
//   R^2 = |Q_y' x|_F^2 / |x|_F^2 = sum_i lambda_i sum_j W_ij^2 / sum_i lambda_i
//
// for the target x and the design y, both centred; Q_y spans the features of y, whatever their
// rank. 1 once the design spans all n - 1 directions. Source: Kornblith et al. 2019 (arXiv
// 1905.00414), eq. 5.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/overlap_measure.h"

namespace gramian {
namespace {

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::string target,
                           parameters.TakeChoice("target", {"first", "second"}));
  const bool is_first = target == "first";
  OverlapMeasure regression;
  regression.name = absl::StrCat("linear-regression-target=", target);
  regression.traits.is_symmetric = false;
  regression.traits.invariant_to_orthogonal = true;
  regression.traits.invariant_to_permutation = true;
  regression.traits.invariant_to_isotropic_scaling = true;
  regression.traits.invariant_to_translation = true;
  regression.traits.invariant_to_invertible_linear = !is_first;
  regression.traits.invariant_to_affine = !is_first;
  regression.value = [is_first](const ComputeContext&, const Operand&, const Operand&,
                                const LayerOverlap& overlap) -> absl::StatusOr<double> {
    const Vector& lambda = is_first ? overlap.a_values : overlap.b_values;
    const Vector explained = is_first ? Vector(overlap.w.rowwise().squaredNorm())
                                      : Vector(overlap.w.colwise().squaredNorm().transpose());
    return lambda.dot(explained) / lambda.sum();
  };
  return MakeOverlapMeasure(std::move(regression));
}

}  // namespace

MeasureEntry LinearRegressionEntry() {
  MeasureFamily family;
  family.name = "linear-regression";
  family.description =
      "R^2 of predicting one layer from the other by least squares: |Q_y' x|^2 / |x|^2. Per layer "
      "O(n d^2 + d^3), per pair O(n r^2).";
  family.source = "Kornblith et al. 2019, arXiv 1905.00414, eq. 5";
  family.parameters = {
      {"target", "first|second", "first", "the layer that is predicted, from the other one"}};
  family.examples = {"linear-regression-target=first", "linear-regression-target=second"};
  return {std::move(family), &Make};
}

}  // namespace gramian
