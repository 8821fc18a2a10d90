// GULP: how differently two layers predict, over all targets, by ridge regression; and its limit of
// heavy regularisation, the difference of unit-trace RSMs.
//
//   d^2 = |f(K) - f(L)|_F^2 = sum f_i^2 + sum g_j^2 - 2 f' (W o W) g
//   GULP            f = lambda / (lambda + ridge), lambda normalised to sum 1
//   gram-distance   f = lambda, then d^2 / 2, from 0 to 1
//
// Rank-aware: ridge = 0 counts no dead unit, and r_x + r_y - 2 sum rho_i^2 remains. Sources:
// Boix-Adsera et al. 2022 (GULP, arXiv 2210.06545).
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/alignment.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/overlap_measure.h"

namespace gramian {
namespace {

// |f(K) - f(L)|_F^2 of RSMs with trace 1.
double SquaredDifference(const LayerOverlap& overlap,
                         const std::function<Vector(const Vector&)>& spectral) {
  const Vector f = spectral(overlap.a_values / overlap.a_values.sum());
  const Vector g = spectral(overlap.b_values / overlap.b_values.sum());
  const double cross = f.dot(overlap.w.cwiseAbs2() * g);
  return std::max(f.squaredNorm() + g.squaredNorm() - 2.0 * cross, 0.0);
}

absl::StatusOr<OverlapMeasure> TakeCommon(MeasureParameters& parameters) {
  OverlapMeasure measure;
  GRAMIAN_ASSIGN_OR_RETURN(measure.kernel, parameters.TakeKernel(true));
  measure.traits = KernelTraits(measure.kernel);
  measure.traits.larger_is_more_similar = false;
  return measure;
}

std::string KernelSuffix(const KernelSpec& kernel) {
  return kernel.kind == KernelKind::kLinear ? "" : absl::StrCat("-kernel=", kernel.ToString());
}

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> MakeGulp(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const double ridge, parameters.TakeNumber("ridge", 0.0, 0.0, 1.0e60));
  GRAMIAN_ASSIGN_OR_RETURN(const std::string form,
                           parameters.TakeChoice("form", {"root", "squared"}));
  GRAMIAN_ASSIGN_OR_RETURN(OverlapMeasure gulp, TakeCommon(parameters));
  const bool is_root = form == "root";
  gulp.name =
      absl::StrCat("gulp-ridge=", FormatNumber(ridge), "-form=", form, KernelSuffix(gulp.kernel));
  gulp.traits.range_max = std::numeric_limits<double>::infinity();
  gulp.traits.is_metric = is_root;
  if (ridge == 0.0 && gulp.kernel.kind == KernelKind::kLinear) {
    gulp.traits.invariant_to_invertible_linear = true;
    gulp.traits.invariant_to_affine = true;
  }
  gulp.value = [ridge, is_root](const ComputeContext&, const Operand&, const Operand&,
                                const LayerOverlap& overlap) -> absl::StatusOr<double> {
    const double squared = SquaredDifference(overlap, [ridge](const Vector& lambda) -> Vector {
      return lambda.array() / (lambda.array() + ridge);
    });
    return is_root ? std::sqrt(squared) : squared;
  };
  return MakeOverlapMeasure(std::move(gulp));
}

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> MakeGramDistance(
    MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::string form,
                           parameters.TakeChoice("form", {"root", "squared"}));
  GRAMIAN_ASSIGN_OR_RETURN(OverlapMeasure distance, TakeCommon(parameters));
  const bool is_root = form == "root";
  distance.name = absl::StrCat("gram-distance-form=", form, KernelSuffix(distance.kernel));
  distance.traits.is_metric = is_root;
  distance.value = [is_root](const ComputeContext&, const Operand&, const Operand&,
                             const LayerOverlap& overlap) -> absl::StatusOr<double> {
    const double half =
        0.5 * SquaredDifference(overlap, [](const Vector& lambda) { return lambda; });
    return is_root ? std::sqrt(half) : half;
  };
  return MakeOverlapMeasure(std::move(distance));
}

const MeasureParameter kForm = {"form", "root|squared", "root",
                                "the distance, or its square as in the authors' code"};
const MeasureParameter kKernel = {"kernel", "linear|cosine|rbf|laplacian|distance", "linear",
                                  "the RSM that is compared"};
const MeasureParameter kBandwidth = {"bandwidth", "fixed:S|median:F|kornblith:F|lowermedian:F",
                                     "median:1", "sigma of the rbf and laplacian kernels"};

}  // namespace

MeasureEntry GulpEntry() {
  MeasureFamily family;
  family.name = "gulp";
  family.description =
      "Largest difference of ridge predictions from two layers: |f(K) - f(L)|, f = lambda / "
      "(lambda + ridge), lambda with sum 1. Per layer O(n d^2 + d^3), per pair O(n r^2).";
  family.source = "Boix-Adsera et al. 2022, arXiv 2210.06545";
  family.parameters = {
      {"ridge", "number >= 0", "0", "regularisation, relative to the total variance"},
      kForm,
      kKernel,
      kBandwidth};
  family.examples = {"gulp-ridge=0-form=root", "gulp-ridge=0.01-form=root",
                     "gulp-ridge=0.01-form=squared", "gulp-ridge=0.1-form=root-kernel=distance"};
  return {std::move(family), &MakeGulp};
}

MeasureEntry GramDistanceEntry() {
  MeasureFamily family;
  family.name = "gram-distance";
  family.description =
      "Difference of centred RSMs of unit trace: sqrt(|K - L|_F^2 / 2), the limit of GULP for a "
      "large ridge. Per layer O(n d^2 + d^3), per pair O(n r^2).";
  family.source = "Boix-Adsera et al. 2022, arXiv 2210.06545 (CKA' of the authors' code, squared)";
  family.parameters = {kForm, kKernel, kBandwidth};
  family.examples = {"gram-distance-form=root", "gram-distance-form=squared",
                     "gram-distance-form=root-kernel=distance"};
  return {std::move(family), &MakeGramDistance};
}

}  // namespace gramian
