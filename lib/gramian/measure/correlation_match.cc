// Features of two layers matched by their correlation r_ij over the inputs.
//
//   onetoone   mean r over the best one-to-one assignment (Hungarian), min(d_x, d_y) pairs
//   soft       mean of: for each feature of x its largest r, the mean; and the same for y
//
// Sources: Li et al. 2016 (arXiv 1511.07543); Klabunde et al. 2024 (ReSi), where dead features
// count as matches of correlation 0 (over=width).
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/assignment.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/unit_measure.h"

namespace gramian {
namespace {

// Pearson correlations; 0 where a feature is dead.
absl::StatusOr<Matrix> Correlations(const ComputeContext& context, const Operand& a,
                                    const Operand& b, const UnitMoments& a_units,
                                    const UnitMoments& b_units) {
  GRAMIAN_ASSIGN_OR_RETURN(Matrix products, UnitProducts(context, a, b, Centering::kColumns));
  const auto inverse = [](const UnitMoments& units) -> Eigen::ArrayXd {
    return (units.squared.array() > 0.0).select(units.squared.array().rsqrt(), 0.0);
  };
  products.array().colwise() *= inverse(a_units);
  products.array().rowwise() *= inverse(b_units).transpose();
  return products;
}

// The rows and columns of live features.
Matrix LiveOnly(const Matrix& correlations, const UnitMoments& a_units,
                const UnitMoments& b_units) {
  Matrix live(a_units.live(), b_units.live());
  Index row = 0;
  for (Index i = 0; i < correlations.rows(); ++i) {
    if (a_units.squared[i] == 0.0) continue;
    Index col = 0;
    for (Index j = 0; j < correlations.cols(); ++j) {
      if (b_units.squared[j] > 0.0) live(row, col++) = correlations(i, j);
    }
    ++row;
  }
  return live;
}

absl::StatusOr<double> MatchOneToOne(const ComputeContext& context, const Matrix& correlations) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<Index> columns,
                           MaximizeAssignment(context, correlations));
  return AssignedGain(correlations, columns) /
         static_cast<double>(std::min(correlations.rows(), correlations.cols()));
}

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::string form,
                           parameters.TakeChoice("form", {"onetoone", "soft"}));
  GRAMIAN_ASSIGN_OR_RETURN(const std::string over,
                           parameters.TakeChoice("over", {"live", "width"}));
  UnitMeasure match;
  match.name = absl::StrCat("correlation-match-form=", form, "-over=", over);
  match.traits.range_min = -1.0;
  match.traits.invariant_to_permutation = true;
  match.traits.invariant_to_translation = true;
  match.traits.invariant_to_dead_units = over == "live";
  match.traits.best_with_itself = over == "live";
  match.value = [one_to_one = form == "onetoone", live_only = over == "live"](
                    const ComputeContext& context, const Operand& a, const Operand& b,
                    const UnitMoments& a_units,
                    const UnitMoments& b_units) -> absl::StatusOr<double> {
    GRAMIAN_ASSIGN_OR_RETURN(Matrix correlations, Correlations(context, a, b, a_units, b_units));
    if (live_only) correlations = LiveOnly(correlations, a_units, b_units);
    if (one_to_one) return MatchOneToOne(context, correlations);
    return 0.5 *
           (correlations.rowwise().maxCoeff().mean() + correlations.colwise().maxCoeff().mean());
  };
  return MakeUnitMeasure(std::move(match));
}

}  // namespace

MeasureEntry CorrelationMatchEntry() {
  MeasureFamily family;
  family.name = "correlation-match";
  family.description =
      "Mean correlation of matched features, one to one (Hungarian) or each with its best. "
      "Invariant to positive scaling of every feature. Per layer O(n d), per pair O(n d^2), one to "
      "one + O(d^3).";
  family.source = "Li et al. 2016, arXiv 1511.07543";
  family.parameters = {
      {"form", "onetoone|soft", "onetoone", "one-to-one assignment, or the best match of each"},
      {"over", "live|width", "live", "mean over features that vary, or over all"}};
  family.examples = {
      "correlation-match-form=onetoone-over=live", "correlation-match-form=soft-over=live",
      "correlation-match-form=onetoone-over=width", "correlation-match-form=soft-over=width"};
  return {std::move(family), &Make};
}

}  // namespace gramian
