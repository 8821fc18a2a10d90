// Eigenspace overlap score: how much of the column space of one layer lies in that of the other.
//
//   EOS = |U_x' U_y|_F^2 / max(r_x, r_y), U the left singular vectors of the layers as they are
//
// Source: May et al. 2019 (arXiv 1909.01264), eq. 1; there, and in ReSi, over the larger number of
// features, which is the rank unless features are dead or dependent.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/overlap_measure.h"

namespace gramian {
namespace {

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::string over,
                           parameters.TakeChoice("over", {"rank", "width"}));
  const bool over_width = over == "width";
  OverlapMeasure eos;
  eos.name = absl::StrCat("eigenspace-overlap-over=", over);
  eos.centering = Centering::kNone;
  eos.traits.invariant_to_orthogonal = true;
  eos.traits.invariant_to_permutation = true;
  eos.traits.invariant_to_isotropic_scaling = true;
  eos.traits.invariant_to_invertible_linear = true;
  eos.traits.invariant_to_dead_units = !over_width;
  eos.traits.best_with_itself = !over_width;
  eos.value = [over_width](const ComputeContext&, const Operand&, const Operand&,
                           const LayerOverlap& overlap) -> absl::StatusOr<double> {
    const int64_t larger = over_width ? std::max(overlap.a_cols, overlap.b_cols)
                                      : std::max(overlap.w.rows(), overlap.w.cols());
    return overlap.w.squaredNorm() / static_cast<double>(larger);
  };
  return MakeOverlapMeasure(std::move(eos));
}

}  // namespace

MeasureEntry EigenspaceOverlapEntry() {
  MeasureFamily family;
  family.name = "eigenspace-overlap";
  family.description =
      "Overlap of the column spaces of two layers that are not centred: |U_x' U_y|^2 / max(r_x, "
      "r_y). Per layer O(n d^2 + d^3), per pair O(n r^2 + r^3).";
  family.source = "May et al. 2019, arXiv 1909.01264";
  family.parameters = {{"over", "rank|width", "rank",
                        "relative to the larger rank, or to the larger number of features"}};
  family.examples = {"eigenspace-overlap-over=rank", "eigenspace-overlap-over=width"};
  return {std::move(family), &Make};
}

}  // namespace gramian
