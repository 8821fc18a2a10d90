#include "gramian/measure/overlap.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"
#include "gramian/base/symmetric_eigen.h"
#include "gramian/geometry/moments.h"

namespace gramian {
namespace {

// Eigenvectors of a layer with more entries than this (512 MiB) stay factored where they can.
constexpr int64_t kExplicitEntries = int64_t{1} << 26;

bool IsFactorable(const Operand& layer, const KernelSpec& kernel) {
  return kernel.is_feature_map() && layer.cols() <= layer.rows();
}

// The form that kAuto takes for all pairs of `layers` alike: eigenvectors of one layer may differ
// in sign between forms, so that overlaps that belong together are computed in one.
Form PlanOverlap(absl::Span<const Operand> layers, const KernelSpec& kernel) {
  for (const Operand& layer : layers) {
    if (IsFactorable(layer, kernel) && layer.rows() * layer.cols() > kExplicitEntries) {
      return Form::kFeatureSpace;
    }
  }
  return Form::kSpectral;
}

Vector Eigenvalues(const SpectralOperator& op) {
  return std::exp(op.log_scale()) * op.eigenvalues();
}

// U' x m for the eigenvectors U and means m of a layer x; x m is centred, as U is orthogonal to 1.
absl::StatusOr<Vector> ProjectMeans(const ComputeContext& context, const CenteredFeatures& features,
                                    const Vector& mean, const SpectralOperator& centered) {
  if (!centered.features().is_explicit()) {
    return Vector(centered.gram().cwiseSqrt().cwiseProduct(centered.loadings() * mean));
  }
  constexpr int64_t kRows = 256;
  Vector along(features.rows());
  Matrix block(kRows, features.cols());
  for (int64_t first = 0; first < features.rows(); first += kRows) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    const int64_t rows = std::min(kRows, features.rows() - first);
    features.ReadRows(first, rows, block.data());
    along.segment(first, rows) = (block.topRows(rows).rowwise() - mean.transpose()) * mean;
  }
  return Vector(centered.features().modes() * along);
}

absl::StatusOr<std::shared_ptr<const UncenteredModes>> ComputeUncenteredModes(
    const ComputeContext& context, const Operand& layer, const SpectralOperator& centered) {
  const std::shared_ptr<const CenteredFeatures> features = layer.Features(KernelKind::kLinear);
  const auto n = static_cast<double>(layer.rows());
  const int64_t r = centered.rank();
  GRAMIAN_ASSIGN_OR_RETURN(const Vector mean, ColumnMeans(context, *features));
  GRAMIAN_ASSIGN_OR_RETURN(const Vector projected,
                           ProjectMeans(context, *features, mean, centered));
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(4 * 8 * (r + 1) * (r + 1), "uncentred modes"));
  Matrix core = Matrix::Zero(r + 1, r + 1);
  core.diagonal().head(r) = Eigenvalues(centered);
  core.col(r).head(r) = std::sqrt(n) * projected;
  core.row(r).head(r) = core.col(r).head(r).transpose();
  core(r, r) = n * mean.squaredNorm();
  GRAMIAN_ASSIGN_OR_RETURN(SymmetricEigen eigen, EigenDecompose(context, std::move(core)));
  const int64_t rank = NumericalRank(eigen.values, r + 1);
  return std::make_shared<const UncenteredModes>(
      UncenteredModes{eigen.values.head(rank), eigen.vectors.topRows(rank)});
}

// Turns the overlap of centred layers into that of the layers as they are.
absl::Status Uncenter(const ComputeContext& context, const Operand& a, const Operand& b,
                      LayerOverlap& overlap) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const UncenteredModes> a_modes,
                           GetUncenteredModes(context, a, *overlap.a_centered));
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const UncenteredModes> b_modes,
                           GetUncenteredModes(context, b, *overlap.b_centered));
  overlap.a_values = a_modes->values;
  overlap.b_values = b_modes->values;
  if (a.key() == b.key()) {
    overlap.w = Matrix::Identity(overlap.a_values.size(), overlap.b_values.size());
    return absl::OkStatus();
  }
  // The ones are orthogonal to all centred eigenvectors.
  Matrix basis = Matrix::Zero(overlap.w.rows() + 1, overlap.w.cols() + 1);
  basis.topLeftCorner(overlap.w.rows(), overlap.w.cols()) = overlap.w;
  basis(overlap.w.rows(), overlap.w.cols()) = 1.0;
  overlap.w = Product(Product(a_modes->rotation, Transpose::kNo, basis, Transpose::kNo),
                      Transpose::kNo, b_modes->rotation, Transpose::kYes);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SpectralPair> GetSpectralPair(const ComputeContext& context, const Operand& a,
                                             const Operand& b, const KernelSpec& kernel,
                                             const Operand::SpectralOptions& options) {
  SpectralPair pair;
  for (const Operand* side : {&a, &b}) {
    if (!kernel.has_bandwidth()) break;
    for (const auto& layer : side->layers()) {
      GRAMIAN_ASSIGN_OR_RETURN(const double sigma, side->Only(layer).GetBandwidth(context, kernel));
      if (sigma == 0.0) pair.status = ScoreStatus::kZeroBandwidth;
    }
  }
  if (pair.status != ScoreStatus::kOk) return pair;
  GRAMIAN_ASSIGN_OR_RETURN(pair.a, a.GetSpectral(context, kernel, options));
  GRAMIAN_ASSIGN_OR_RETURN(pair.b, b.GetSpectral(context, kernel, options));
  if (pair.a == nullptr || pair.b == nullptr) pair.status = ScoreStatus::kConstant;
  return pair;
}

absl::StatusOr<std::shared_ptr<const UncenteredModes>> GetUncenteredModes(
    const ComputeContext& context, const Operand& layer, const SpectralOperator& centered) {
  // Explicit and factored eigenvectors may differ in sign.
  const char* const form = centered.features().is_explicit() ? "explicit" : "factored";
  return layer.Derive<UncenteredModes>(
      context, absl::StrCat("uncentered/", form),
      [&](const ComputeContext& entry) { return ComputeUncenteredModes(entry, layer, centered); });
}

absl::StatusOr<LayerOverlap> ComputeOverlap(const ComputeContext& context, const Operand& a,
                                            const Operand& b, const KernelSpec& kernel,
                                            Centering centering, Form form) {
  if (form == Form::kSampleSpace) {
    return absl::InvalidArgumentError("form sample_space has no eigenvectors to compare");
  }
  if (form == Form::kAuto) form = PlanOverlap({a, b}, kernel);
  Operand::SpectralOptions options;
  options.precise = true;
  options.materialized = form == Form::kSpectral;
  GRAMIAN_ASSIGN_OR_RETURN(SpectralPair pair, GetSpectralPair(context, a, b, kernel, options));
  LayerOverlap overlap;
  overlap.status = pair.status;
  overlap.form = form;
  overlap.rows = a.rows();
  overlap.a_cols = a.cols();
  overlap.b_cols = b.cols();
  if (overlap.status != ScoreStatus::kOk) return overlap;
  if (pair.a->features().is_explicit() && pair.b->features().is_explicit()) {
    overlap.form = Form::kSpectral;
  }
  overlap.a_values = Eigenvalues(*pair.a);
  overlap.b_values = Eigenvalues(*pair.b);
  if (a.key() == b.key()) {
    overlap.w = Matrix::Identity(pair.a->rank(), pair.b->rank());
  } else {
    GRAMIAN_ASSIGN_OR_RETURN(overlap.w,
                             EigenvectorOverlap(context, *pair.a, *pair.b, /*precise=*/true));
  }
  overlap.a_centered = std::move(pair.a);
  overlap.b_centered = std::move(pair.b);
  if (centering == Centering::kNone) {
    GRAMIAN_RETURN_IF_ERROR(Uncenter(context, a, b, overlap));
  }
  return overlap;
}

absl::StatusOr<std::vector<LayerOverlap>> ComputeOverlaps(const ComputeContext& context,
                                                          absl::Span<const Operand> layers,
                                                          const KernelSpec& kernel) {
  const Form form = PlanOverlap(layers, kernel);
  std::vector<LayerOverlap> overlaps(layers.size() * layers.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    for (size_t j = i; j < layers.size(); ++j) {
      GRAMIAN_ASSIGN_OR_RETURN(
          overlaps[i * layers.size() + j],
          ComputeOverlap(context, layers[i], layers[j], kernel, Centering::kColumns, form));
    }
  }
  return overlaps;
}

absl::StatusOr<Vector> CanonicalCorrelations(const LayerOverlap& overlap, Centering centering) {
  const Index everything = overlap.rows - (centering == Centering::kColumns ? 1 : 0);
  if (std::max(overlap.w.rows(), overlap.w.cols()) >= everything) {
    return Vector(Vector::Ones(std::min(overlap.w.rows(), overlap.w.cols())));
  }
  GRAMIAN_ASSIGN_OR_RETURN(const Vector values, SingularValuesOf(overlap.w));
  return Vector(values.cwiseMin(1.0));
}

absl::StatusOr<double> WeightedNuclearNorm(const Vector& a, const Matrix& w, const Vector& b) {
  GRAMIAN_ASSIGN_OR_RETURN(const Vector values,
                           SingularValuesOf(a.asDiagonal() * w * b.asDiagonal()));
  return values.sum();
}

}  // namespace gramian
