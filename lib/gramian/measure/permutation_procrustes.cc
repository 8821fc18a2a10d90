// Shape metric over permutations: how far two layers are when their features are put in the best
// order.
//
//   d = min_P |x - y P| = sqrt(|x|^2 + |y|^2 - 2 max_P <x, y P>)
//
// P permutes features (the narrower layer is padded with zeros); the best one is an assignment
// problem on x' y. A distance among layers of equal width; between others what is padded matters,
// because a feature may then be left without a partner that it would be opposed to. Sources:
// Williams et al. 2021 (arXiv 2110.14739), centred; Klabunde et al. 2024 (ReSi), not centred.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/assignment.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/shape_score.h"
#include "gramian/measure/unit_measure.h"

namespace gramian {
namespace {

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::string form_name,
                           parameters.TakeChoice("form", {"distance", "normalized", "angular"}));
  GRAMIAN_ASSIGN_OR_RETURN(const std::string center,
                           parameters.TakeChoice("center", {"columns", "none"}));
  const ShapeForm form = ParseShapeForm(form_name);
  const Centering centering = center == "none" ? Centering::kNone : Centering::kColumns;
  UnitMeasure procrustes;
  procrustes.name = absl::StrCat("permutation-procrustes-form=", form_name, "-center=", center);
  procrustes.traits = ShapeTraits(form, /*has_negative_cosine=*/true);
  procrustes.traits.is_metric = false;
  procrustes.traits.invariant_to_dead_units = false;
  procrustes.traits.invariant_to_permutation = true;
  procrustes.traits.invariant_to_translation = centering == Centering::kColumns;
  procrustes.value = [form, centering](const ComputeContext& context, const Operand& a,
                                       const Operand& b, const UnitMoments& a_units,
                                       const UnitMoments& b_units) -> absl::StatusOr<double> {
    GRAMIAN_ASSIGN_OR_RETURN(const Matrix products, UnitProducts(context, a, b, centering));
    GRAMIAN_ASSIGN_OR_RETURN(const std::vector<Index> columns,
                             MaximizeAssignment(context, products));
    return ShapeScore(form, a_units.SquaredNorm(centering, a.rows()),
                      b_units.SquaredNorm(centering, b.rows()), AssignedGain(products, columns));
  };
  return MakeUnitMeasure(std::move(procrustes));
}

}  // namespace

MeasureEntry PermutationProcrustesEntry() {
  MeasureFamily family;
  family.name = "permutation-procrustes";
  family.description =
      "Shape metric over permutations of features: min_P |x - y P| (Hungarian). Per layer O(n d), "
      "per pair O(n d^2 + d^3).";
  family.source = "Williams et al. 2021, arXiv 2110.14739";
  family.parameters = {{"form", "distance|normalized|angular", "distance",
                        "Euclidean, the same at unit norm, or the angle"},
                       {"center", "columns|none", "columns", "whether means are taken off"}};
  family.examples = {"permutation-procrustes-form=distance-center=columns",
                     "permutation-procrustes-form=normalized-center=columns",
                     "permutation-procrustes-form=angular-center=columns",
                     "permutation-procrustes-form=distance-center=none",
                     "permutation-procrustes-form=angular-center=none"};
  return {std::move(family), &Make};
}

}  // namespace gramian
