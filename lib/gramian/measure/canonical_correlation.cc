// Canonical correlation analysis of two layers, of all directions (CCA) or of the leading principal
// components (SVCCA).
//
//   rho_i = singular values of W = U_x' U_y;  mean rho = sum rho_i / k,  R^2 = sum rho_i^2 / k
//
// Rank-aware: dead units and other dependent features count in no denominator unless a name says
// so. Constant (1) once a side spans all n - 1 directions. Sources: Hotelling 1936; Raghu et al.
// 2017 (SVCCA, arXiv 1706.05806); Kornblith et al. 2019 (arXiv 1905.00414), table 1.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/overlap_measure.h"

namespace gramian {
namespace {

// The denominator of CCA.
struct Denominator {
  enum class Kind { kRank, kWidth, kLeading };
  Kind kind = Kind::kRank;
  double share = 1.0;  // of the sum of rho that the leading ones reach

  std::string ToString() const {
    if (kind == Kind::kRank) return "rank";
    return kind == Kind::kWidth ? "width" : absl::StrCat("leading:", FormatNumber(share));
  }
};

absl::StatusOr<Denominator> ParseDenominator(const std::string& text) {
  if (text == "rank") return Denominator{};
  if (text == "width") return Denominator{Denominator::Kind::kWidth};
  absl::string_view share = text;
  if (!absl::ConsumePrefix(&share, "leading:")) {
    return absl::InvalidArgumentError(
        absl::StrCat("over is rank, width or leading:SHARE, not '", text, "'"));
  }
  Denominator result{Denominator::Kind::kLeading};
  GRAMIAN_ASSIGN_OR_RETURN(result.share, ParseNumber(share, "the share of over=leading"));
  if (result.share > 0.0 && result.share <= 1.0) return result;
  return absl::InvalidArgumentError(
      absl::StrCat("the share of over=leading is > 0 and at most 1, not ", share));
}

// How many of the leading values, all >= 0, reach `share` of their sum; 1 at least.
Index CountReaching(const Vector& values, double share) {
  const double enough = share * values.sum();
  double sum = 0.0;
  for (Index i = 0; i < values.size(); ++i) {
    sum += values[i];
    if (sum >= enough) return i + 1;
  }
  return values.size();
}

// sum rho_i or sum rho_i^2 of `rho`.
double Sum(const Vector& rho, bool squared) { return squared ? rho.squaredNorm() : rho.sum(); }

double Average(const LayerOverlap& overlap, const Vector& rho, bool squared,
               const Denominator& over) {
  switch (over.kind) {
    case Denominator::Kind::kRank:
      return Sum(rho, squared) / static_cast<double>(rho.size());
    case Denominator::Kind::kWidth:
      return Sum(rho, squared) / static_cast<double>(std::min(overlap.a_cols, overlap.b_cols));
    case Denominator::Kind::kLeading:
      break;
  }
  const Index count = CountReaching(rho, over.share);
  return Sum(rho.head(count), squared) / static_cast<double>(count);
}

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> MakeCca(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::string form,
                           parameters.TakeChoice("form", {"rho", "rsquared"}));
  GRAMIAN_ASSIGN_OR_RETURN(const Denominator over,
                           ParseDenominator(parameters.Take("over", "rank")));
  GRAMIAN_ASSIGN_OR_RETURN(const std::string center,
                           parameters.TakeChoice("center", {"columns", "none"}));
  OverlapMeasure cca;
  cca.name = absl::StrCat("cca-form=", form, "-over=", over.ToString(),
                          center == "none" ? "-center=none" : "");
  cca.centering = center == "none" ? Centering::kNone : Centering::kColumns;
  cca.traits.invariant_to_orthogonal = true;
  cca.traits.invariant_to_permutation = true;
  cca.traits.invariant_to_isotropic_scaling = true;
  cca.traits.invariant_to_invertible_linear = true;
  cca.traits.invariant_to_translation = center == "columns";
  cca.traits.invariant_to_affine = center == "columns";
  cca.traits.invariant_to_dead_units = over.kind != Denominator::Kind::kWidth;
  cca.traits.best_with_itself = cca.traits.invariant_to_dead_units;
  cca.value = [squared = form == "rsquared", over, centering = cca.centering](
                  const ComputeContext&, const Operand&, const Operand&,
                  const LayerOverlap& overlap) -> absl::StatusOr<double> {
    GRAMIAN_ASSIGN_OR_RETURN(const Vector rho, CanonicalCorrelations(overlap, centering));
    return Average(overlap, rho, squared, over);
  };
  return MakeOverlapMeasure(std::move(cca));
}

// Which principal components SVCCA keeps.
struct Kept {
  double variance = 0.99;  // the fewest that hold this share of the variance
  Index rank = 0;          // or this many, if > 0

  Index Of(const Vector& eigenvalues) const {
    return rank > 0 ? std::min(rank, eigenvalues.size()) : CountReaching(eigenvalues, variance);
  }
};

absl::StatusOr<Kept> TakeKept(MeasureParameters& parameters) {
  Kept kept;
  const std::string rank = parameters.Take("rank", "");
  if (rank.empty()) {
    GRAMIAN_ASSIGN_OR_RETURN(kept.variance, parameters.TakeNumber("variance", 0.99, 0.0, 1.0));
    return kept;
  }
  if (parameters.left().contains("variance")) {
    return absl::InvalidArgumentError("svcca takes a variance or a rank, not both");
  }
  GRAMIAN_ASSIGN_OR_RETURN(const double number, ParseNumber(rank, "rank"));
  if (number < 1.0 || number > 1.0e9 || number != std::floor(number)) {
    return absl::InvalidArgumentError(absl::StrCat("rank is a whole number >= 1, not ", rank));
  }
  kept.rank = static_cast<Index>(number);
  return kept;
}

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> MakeSvcca(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const Kept kept, TakeKept(parameters));
  GRAMIAN_ASSIGN_OR_RETURN(const std::string form,
                           parameters.TakeChoice("form", {"rho", "rsquared"}));
  OverlapMeasure svcca;
  svcca.name = absl::StrCat("svcca-",
                            kept.rank > 0 ? absl::StrCat("rank=", kept.rank)
                                          : absl::StrCat("variance=", FormatNumber(kept.variance)),
                            "-form=", form);
  svcca.traits.invariant_to_orthogonal = true;
  svcca.traits.invariant_to_permutation = true;
  svcca.traits.invariant_to_isotropic_scaling = true;
  svcca.traits.invariant_to_translation = true;
  svcca.value = [squared = form == "rsquared", kept](
                    const ComputeContext&, const Operand&, const Operand&,
                    const LayerOverlap& overlap) -> absl::StatusOr<double> {
    const Index a_kept = kept.Of(overlap.a_values);
    const Index b_kept = kept.Of(overlap.b_values);
    GRAMIAN_ASSIGN_OR_RETURN(const Vector rho,
                             SingularValuesOf(overlap.w.topLeftCorner(a_kept, b_kept)));
    return Sum(rho.cwiseMin(1.0), squared) / static_cast<double>(rho.size());
  };
  return MakeOverlapMeasure(std::move(svcca));
}

const MeasureParameter kForm = {"form", "rho|rsquared", "rho",
                                "mean canonical correlation, or mean of its square"};

}  // namespace

MeasureEntry CcaEntry() {
  MeasureFamily family;
  family.name = "cca";
  family.description =
      "Canonical correlations rho_i of two layers, their mean or the mean of rho_i^2. Per layer "
      "O(n d^2 + d^3), per pair O(n r^2 + r^3).";
  family.source = "Hotelling 1936; Kornblith et al. 2019, arXiv 1905.00414, table 1";
  family.parameters = {
      kForm,
      {"over", "rank|width|leading:SHARE", "rank",
       "mean over the smaller rank, over the smaller number of features, or of the leading ones "
       "that hold this share of the sum"},
      {"center", "columns|none", "columns", "whether means of features are taken off"}};
  family.examples = {"cca-form=rho-over=rank", "cca-form=rsquared-over=rank",
                     "cca-form=rho-over=width", "cca-form=rho-over=leading:0.98",
                     "cca-form=rsquared-over=rank-center=none"};
  return {std::move(family), &MakeCca};
}

MeasureEntry SvccaEntry() {
  MeasureFamily family;
  family.name = "svcca";
  family.description =
      "CCA of the leading principal components of each layer, averaged over the smaller number "
      "kept. Per layer O(n d^2 + d^3), per pair O(n r^2 + r^3).";
  family.source = "Raghu et al. 2017, arXiv 1706.05806";
  family.parameters = {
      {"variance", "0 to 1", "0.99", "keeps the fewest components with this share of variance"},
      {"rank", "whole number >= 1", "", "keeps this many components instead"},
      kForm};
  family.examples = {"svcca-variance=0.99-form=rho", "svcca-variance=0.9-form=rsquared",
                     "svcca-rank=4-form=rho"};
  return {std::move(family), &MakeSvcca};
}

}  // namespace gramian
