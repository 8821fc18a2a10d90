// Bures geometry of centred RSMs: distances and fidelity of covariance-like matrices.
//
//   F(K, L) = tr (K^1/2 L K^1/2)^1/2 = |diag(sqrt lambda) W diag(sqrt mu)|_*
//   NBS = F / sqrt(tr K tr L);  d^2 = tr K + tr L - 2 F
//
// With the linear kernel F = |x' y|_*, so that the distance is the Procrustes distance; other
// kernels, Euclidean distances among them, give the same geometry of their centred RSMs. Sources:
// Bures 1969; Tang et al. 2020 (NBS, arXiv 2003.11498).
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/alignment.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/overlap_measure.h"
#include "gramian/measure/shape_score.h"

namespace gramian {
namespace {

MeasureTraits TraitsOf(const std::string& form, const KernelSpec& kernel) {
  MeasureTraits traits = KernelTraits(kernel);
  if (form == "similarity") return traits;
  const MeasureTraits shape = ShapeTraits(
      form == "angle" ? ShapeForm::kAngular : ShapeForm::kDistance, /*has_negative_cosine=*/false);
  traits.range_max = shape.range_max;
  traits.larger_is_more_similar = form == "fidelity";
  traits.is_metric = form == "angle" || form == "distance";
  if (form != "angle") {
    traits.invariant_to_isotropic_scaling =
        kernel.kind == KernelKind::kCosine ||
        (kernel.has_bandwidth() && kernel.rule != BandwidthRule::kFixed);
  }
  return traits;
}

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(
      const std::string form,
      parameters.TakeChoice("form", {"similarity", "fidelity", "angle", "distance", "squared"}));
  GRAMIAN_ASSIGN_OR_RETURN(const KernelSpec kernel, parameters.TakeKernel(true));
  OverlapMeasure bures;
  bures.name = absl::StrCat("bures-form=", form, "-kernel=", kernel.ToString());
  bures.traits = TraitsOf(form, kernel);
  bures.kernel = kernel;
  bures.traits.best_with_itself = form != "fidelity";
  bures.value = [form](const ComputeContext&, const Operand&, const Operand&,
                       const LayerOverlap& overlap) -> absl::StatusOr<double> {
    const double xx = overlap.a_values.sum();
    const double yy = overlap.b_values.sum();
    GRAMIAN_ASSIGN_OR_RETURN(
        const double fidelity,
        WeightedNuclearNorm(overlap.a_values.cwiseSqrt(), overlap.w, overlap.b_values.cwiseSqrt()));
    if (form == "fidelity") return fidelity;
    if (form == "similarity") return fidelity / (std::sqrt(xx) * std::sqrt(yy));
    if (form == "squared") return xx + yy - 2.0 * fidelity;
    return ShapeScore(form == "angle" ? ShapeForm::kAngular : ShapeForm::kDistance, xx, yy,
                      fidelity);
  };
  return MakeOverlapMeasure(std::move(bures));
}

}  // namespace

MeasureEntry BuresEntry() {
  MeasureFamily family;
  family.name = "bures";
  family.description =
      "Bures geometry of centred RSMs: fidelity F = tr (K^1/2 L K^1/2)^1/2, F / sqrt(tr K tr L) "
      "(NBS), and the distances from it. Per layer O(n d^2 + d^3) for linear and cosine kernels "
      "with d <= n, else O(n^3); per pair O(n r^2 + r^3).";
  family.source = "Bures 1969; Tang et al. 2020, arXiv 2003.11498";
  family.parameters = {
      {"form", "similarity|fidelity|angle|distance|squared", "similarity",
       "normalised (NBS), F itself, arccos of NBS, the distance, or its square"},
      {"kernel", "linear|cosine|rbf|laplacian|distance", "linear", "the RSM that is compared"},
      {"bandwidth", "fixed:S|median:F|kornblith:F|lowermedian:F", "median:1",
       "sigma of the rbf and laplacian kernels"}};
  family.examples = {"bures-form=similarity-kernel=linear",
                     "bures-form=fidelity-kernel=linear",
                     "bures-form=angle-kernel=linear",
                     "bures-form=distance-kernel=linear",
                     "bures-form=squared-kernel=linear",
                     "bures-form=similarity-kernel=cosine",
                     "bures-form=similarity-kernel=distance",
                     "bures-form=similarity-kernel=rbf-bandwidth=median:1"};
  return {std::move(family), &Make};
}

}  // namespace gramian
