// Shape metrics over rotations: how far two layers are when one is rotated onto the other, after
// partial whitening.
//
//   d = min_Q |phi(x) - phi(y) Q| = sqrt(|phi(x)|^2 + |phi(y)|^2 - 2 |phi(x)' phi(y)|_*)
//
// phi(x) = x Z is centred with singular values s_i from sigma_i of x:
//   alpha = 1: s = sigma (Procrustes); alpha = 0: full whitening, a distance of CCA type
//   williams   s = alpha sigma + 1 - alpha
//   netrep     the same, rescaled so that |phi(x)| = |x|; every feature without variance, those
//   that
//              pad the narrower layer included, counts as an eigenvalue of 1e-7, as in that library
//   repsim     s = sigma (alpha + (1 - alpha) sqrt(n) / sigma): variances are divided by n
// Layers of different width are padded with zeros. Sources: Williams et al. 2021 (arXiv
// 2110.14739); ahwillia/netrep; wrongu/repsim.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/overlap_measure.h"
#include "gramian/measure/shape_geometry.h"
#include "gramian/measure/shape_score.h"

namespace gramian {
namespace {

enum class Whitening { kWilliams, kNetrep, kRepsim };

// Singular values of phi(x) from the eigenvalues of x x'; `width` features after padding, n inputs.
Vector Whiten(const Vector& eigenvalues, double alpha, Whitening whitening, int64_t width,
              int64_t n) {
  constexpr double kNetrepEigenvalue = 1.0e-7;
  const Vector sigma = eigenvalues.cwiseSqrt();
  if (alpha == 1.0) return sigma;
  const double unit = whitening == Whitening::kRepsim ? std::sqrt(static_cast<double>(n)) : 1.0;
  Vector whitened = (alpha * sigma).array() + (1.0 - alpha) * unit;
  if (whitening == Whitening::kNetrep) {
    const auto flat = static_cast<double>(std::max<int64_t>(width - eigenvalues.size(), 0));
    const double of_flat = alpha * std::sqrt(kNetrepEigenvalue) + 1.0 - alpha;
    whitened *= std::sqrt((eigenvalues.sum() + flat * kNetrepEigenvalue) /
                          (whitened.squaredNorm() + flat * of_flat * of_flat));
  }
  return whitened;
}

// The layers as points of shape space: singular values of phi(x), and phi(x_i)' phi(x_j).
absl::StatusOr<std::unique_ptr<const PathGeometry>> Place(const ComputeContext& context,
                                                          absl::Span<const Operand> layers,
                                                          absl::Span<const Score> scores,
                                                          bool angular, double alpha,
                                                          Whitening whitening) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<LayerOverlap> overlaps,
                           ComputeOverlaps(context, layers, {}));
  std::vector<Vector> values(layers.size());
  int64_t total = 0;
  for (size_t i = 0; i < layers.size(); ++i) {
    const LayerOverlap& own = overlaps[i * layers.size() + i];
    if (own.status != ScoreStatus::kOk) continue;
    values[i] = Whiten(own.a_values, alpha, whitening, own.a_cols, own.rows);
    if (angular) values[i].normalize();
    total += values[i].size();
  }
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(
      4 * total * total * static_cast<int64_t>(sizeof(double)), "products of shapes"));
  std::vector<Matrix> cross(overlaps.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    for (size_t j = i + 1; j < layers.size(); ++j) {
      if (values[i].size() == 0 || values[j].size() == 0) continue;
      const Matrix& w = overlaps[i * layers.size() + j].w;
      cross[i * layers.size() + j] = values[i].asDiagonal() * w * values[j].asDiagonal();
    }
  }
  return std::make_unique<const ShapeGeometry>(context, angular, std::move(values),
                                               std::move(cross), scores);
}

MeasureTraits TraitsOf(ShapeForm form, double alpha, Whitening whitening) {
  const bool has_scale = form == ShapeForm::kDistance;
  const bool is_netrep_distance = has_scale && whitening == Whitening::kNetrep;
  MeasureTraits traits = ShapeTraits(form, /*has_negative_cosine=*/false);
  traits.invariant_to_orthogonal = true;
  traits.invariant_to_permutation = true;
  traits.invariant_to_translation = true;
  traits.invariant_to_isotropic_scaling =
      alpha == 1.0 ? !has_scale : alpha == 0.0 && !is_netrep_distance;
  traits.invariant_to_invertible_linear = alpha == 0.0 && !is_netrep_distance;
  traits.invariant_to_affine = traits.invariant_to_invertible_linear;
  // Its scale depends on the other side through the padding.
  traits.invariant_to_dead_units = alpha == 1.0 || !is_netrep_distance;
  traits.is_metric = traits.invariant_to_dead_units;
  // The whitening of netrep depends on the other side.
  if (alpha == 1.0 || whitening != Whitening::kNetrep) {
    if (form == ShapeForm::kDistance) traits.space = ScoreSpace::kShape;
    if (form == ShapeForm::kAngular) traits.space = ScoreSpace::kAngularShape;
  }
  return traits;
}

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::string form_name,
                           parameters.TakeChoice("form", {"distance", "normalized", "angular"}));
  GRAMIAN_ASSIGN_OR_RETURN(const double alpha, parameters.TakeNumber("alpha", 1.0, 0.0, 1.0));
  std::string name = absl::StrCat("procrustes-form=", form_name, "-alpha=", FormatNumber(alpha));
  Whitening whitening = Whitening::kWilliams;
  if (alpha < 1.0) {
    GRAMIAN_ASSIGN_OR_RETURN(const std::string whitening_name,
                             parameters.TakeChoice("whitening", {"williams", "netrep", "repsim"}));
    if (whitening_name == "netrep") whitening = Whitening::kNetrep;
    if (whitening_name == "repsim") whitening = Whitening::kRepsim;
    absl::StrAppend(&name, "-whitening=", whitening_name);
  }
  const ShapeForm form = ParseShapeForm(form_name);
  OverlapMeasure procrustes;
  procrustes.name = std::move(name);
  procrustes.traits = TraitsOf(form, alpha, whitening);
  procrustes.value = [form, alpha, whitening](
                         const ComputeContext&, const Operand&, const Operand&,
                         const LayerOverlap& overlap) -> absl::StatusOr<double> {
    const int64_t width = std::max(overlap.a_cols, overlap.b_cols);
    const Vector x = Whiten(overlap.a_values, alpha, whitening, width, overlap.rows);
    const Vector y = Whiten(overlap.b_values, alpha, whitening, width, overlap.rows);
    GRAMIAN_ASSIGN_OR_RETURN(const double xy, WeightedNuclearNorm(x, overlap.w, y));
    return ShapeScore(form, x.squaredNorm(), y.squaredNorm(), xy);
  };
  if (procrustes.traits.space != ScoreSpace::kNone) {
    procrustes.place = [form, alpha, whitening](const ComputeContext& context,
                                                absl::Span<const Operand> layers,
                                                absl::Span<const Score> scores) {
      return Place(context, layers, scores, form == ShapeForm::kAngular, alpha, whitening);
    };
  }
  return MakeOverlapMeasure(std::move(procrustes));
}

}  // namespace

MeasureEntry ProcrustesEntry() {
  MeasureFamily family;
  family.name = "procrustes";
  family.description =
      "Shape metric over rotations: min_Q |phi(x) - phi(y) Q|, phi centring and partial whitening "
      "(alpha = 1 none, 0 full). Per layer O(n d^2 + d^3), per pair O(n r^2 + r^3).";
  family.source = "Williams et al. 2021, arXiv 2110.14739; Schonemann 1966";
  family.parameters = {{"form", "distance|normalized|angular", "distance",
                        "Euclidean (size and shape), the same at unit norm, or the angle"},
                       {"alpha", "0 to 1", "1", "how much of the covariance is kept"},
                       {"whitening", "williams|netrep|repsim", "williams",
                        "for alpha < 1: as published, or with the scale of a library"}};
  family.examples = {"procrustes-form=distance-alpha=1",
                     "procrustes-form=normalized-alpha=1",
                     "procrustes-form=angular-alpha=1",
                     "procrustes-form=distance-alpha=0.5-whitening=williams",
                     "procrustes-form=angular-alpha=0-whitening=williams",
                     "procrustes-form=distance-alpha=0.5-whitening=netrep",
                     "procrustes-form=angular-alpha=0.5-whitening=netrep",
                     "procrustes-form=angular-alpha=0.5-whitening=repsim",
                     "procrustes-form=distance-alpha=0-whitening=repsim"};
  return {std::move(family), &Make};
}

}  // namespace gramian
