#include "gramian/engine/operator_view.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/blas.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/matrix.h"
#include "gramian/base/status_macros.h"
#include "gramian/base/tiled_product.h"
#include "gramian/geometry/markov_operator.h"
#include "gramian/geometry/rsm.h"
#include "gramian/geometry/spectral_operator.h"

namespace gramian {
namespace {

absl::Status ConstantError() {
  return WithReason(
      absl::FailedPreconditionError("all inputs have the same representation in some layer"),
      "LAYER_CONSTANT");
}

absl::Status CheckRequest(const OperatorRequest& request, const Operand& operand) {
  const int64_t n = operand.rows();
  GRAMIAN_RETURN_IF_ERROR(CheckActivations(operand, "an operator"));
  if (operand.is_network() && operand.fusion().order == FusionOrder::kProduct) {
    return absl::InvalidArgumentError(
        "a plain product is not symmetric and cannot be shown; fuse symmetrized or reversed");
  }
  if (operand.is_network() && operand.fusion().power != std::floor(operand.fusion().power)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a Markov operator has integer powers only (others have negative entries), not ",
        operand.fusion().power));
  }
  if (!std::isfinite(request.t) || request.t <= 0.0) {
    return absl::InvalidArgumentError(
        absl::StrCat("diffusion time is a finite number > 0, not ", request.t));
  }
  if (request.k < 0) return absl::InvalidArgumentError(absl::StrCat("count is ", request.k));
  if (request.first_row < 0 || request.row_count < 0 || request.first_row >= n ||
      request.row_count > n - request.first_row) {
    return absl::InvalidArgumentError(absl::StrCat("rows ", request.first_row, " + ",
                                                   request.row_count, " of an operator of ", n));
  }
  return absl::OkStatus();
}

// Whether an operator whose centred RSM has the entry -least is nothing but rounding: centring n
// equal rows x leaves errors of a few n eps |x| in each.
bool IsRounding(const Representation& layer, const KernelSpec& kernel, double least) {
  if (!kernel.is_feature_map()) return false;
  double largest = 1.0;
  if (kernel.kind == KernelKind::kLinear) {
    Vector row(layer.cols());
    for (int64_t i = 0; i < layer.rows(); ++i) {
      layer.ReadRows(i, 1, row.data());
      largest = i == 0 ? row.squaredNorm() : std::max(largest, row.squaredNorm());
    }
  }
  const double noise =
      static_cast<double>(layer.rows() + 8) * std::numeric_limits<double>::epsilon();
  return least <= noise * noise * largest;
}

// P of one layer, n x n.
absl::StatusOr<MarkovOperator> BuildMarkov(const ComputeContext& context,
                                           const std::shared_ptr<const Representation>& layer,
                                           const KernelSpec& kernel, DerivedCache* cache) {
  const int64_t n = layer->rows();
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(8 * n * (n + layer->cols()), "an n x n operator"));
  GRAMIAN_ASSIGN_OR_RETURN(const double sigma, Operand(layer, cache).GetBandwidth(context, kernel));
  if (kernel.has_bandwidth() && sigma == 0.0) return ConstantError();
  GRAMIAN_ASSIGN_OR_RETURN(Matrix rsm, ComputeCenteredRsm(context, *layer, kernel, sigma));
  GRAMIAN_ASSIGN_OR_RETURN(MarkovOperator markov, MarkovOperator::FromRsm(std::move(rsm)));
  const double least = 1.0 / (static_cast<double>(n) * markov.scale());
  if (IsRounding(*layer, kernel, least)) return ConstantError();
  return markov;
}

// A cached logarithm.
class LogEigenvalue final : public Derived {
 public:
  explicit LogEigenvalue(double logarithm) : value(logarithm) {}
  int64_t size_bytes() const override { return sizeof(*this); }
  const double value;
};

// Natural logarithm of the largest non-trivial eigenvalue of the operand's P (fusion power 1),
// whose eigenvector is `leading`: |P_L ... P_1 u|^2 for P_1 ... P_L P_L ... P_1, |P u| for one
// layer. Its layers' scales c come out of the same product.
absl::StatusOr<std::shared_ptr<const Derived>> ComputeLogEigenvalue(const ComputeContext& context,
                                                                    const Operand& operand,
                                                                    const KernelSpec& kernel,
                                                                    Vector leading,
                                                                    DerivedCache* cache) {
  auto layers = operand.layers();
  if (operand.is_network() && operand.fusion().order == FusionOrder::kReversed) {
    std::reverse(layers.begin(), layers.end());
  }
  double log_norm = 0.0;
  for (const auto& layer : layers) {
    GRAMIAN_ASSIGN_OR_RETURN(const MarkovOperator markov,
                             BuildMarkov(context, layer, kernel, cache));
    leading = markov.scale() * (markov.centered() * leading);
    const double norm = leading.norm();
    leading /= norm;
    log_norm += std::log(norm);
  }
  return std::make_shared<const LogEigenvalue>(layers.size() == 1 ? log_norm : 2.0 * log_norm);
}

// Eigenpairs of P: `count` eigenvalues, and eigenvectors count x n.
struct Eigenpairs {
  Vector values;
  Matrix vectors;
};

absl::StatusOr<Eigenpairs> ComputeEigenpairs(const ComputeContext& context, const Operand& operand,
                                             const KernelSpec& kernel, int64_t count,
                                             DerivedCache* cache) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const SpectralOperator> spectral,
                           operand.GetSpectral(context, kernel, {}));
  if (spectral == nullptr) return ConstantError();
  const int64_t kept = count == 0 ? spectral->rank() : std::min(count, spectral->rank());
  Eigenpairs pairs;
  GRAMIAN_ASSIGN_OR_RETURN(pairs.vectors, spectral->Truncate(kept)->Eigenvectors(context));
  const Vector leading = pairs.vectors.row(0).transpose();
  GRAMIAN_ASSIGN_OR_RETURN(
      const std::shared_ptr<const Derived> log_eigenvalue,
      cache->GetOrCompute(absl::StrCat(operand.key(), "/markov_eigenvalue/", kernel.ToString()),
                          context, [&](const ComputeContext& entry) {
                            return ComputeLogEigenvalue(entry, operand, kernel, leading, cache);
                          }));
  const double log_largest = static_cast<const LogEigenvalue&>(*log_eigenvalue).value;
  const double power = operand.is_network() ? operand.fusion().power : 1.0;
  pairs.values =
      (power * (spectral->eigenvalues().head(kept).array().log() + log_largest)).exp().matrix();
  return pairs;
}

OperatorView ToView(const Matrix& matrix) {
  OperatorView view;
  view.rows = matrix.rows();
  view.cols = matrix.cols();
  view.values.assign(matrix.data(), matrix.data() + matrix.size());
  return view;
}

absl::StatusOr<OperatorView> ViewRows(const ComputeContext& context, const Operand& operand,
                                      const OperatorRequest& request, DerivedCache* cache) {
  const int64_t n = operand.rows();
  const int64_t count = request.row_count == 0 ? n - request.first_row : request.row_count;
  if (!operand.is_network()) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(8 * n * (n + 2 * count), "rows of an operator"));
    GRAMIAN_ASSIGN_OR_RETURN(const MarkovOperator markov,
                             BuildMarkov(context, operand.layers().front(), request.kernel, cache));
    return ToView(markov.Rows(request.first_row, count));
  }
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(8 * n * 2 * count, "rows of an operator"));
  GRAMIAN_ASSIGN_OR_RETURN(const Eigenpairs pairs,
                           ComputeEigenpairs(context, operand, request.kernel, 0, cache));
  const Matrix scaled =
      pairs.values.asDiagonal() * pairs.vectors.middleCols(request.first_row, count);
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix centered, Product(context, scaled, Transpose::kYes,
                                                          pairs.vectors, Transpose::kNo));
  // Products of non-negative matrices: what is below 0 is rounding.
  return ToView((centered.array() + 1.0 / static_cast<double>(n)).max(0.0).matrix());
}

}  // namespace

absl::StatusOr<OperatorView> ViewOperator(const ComputeContext& context, const Operand& operand,
                                          const OperatorRequest& request, DerivedCache* cache) {
  GRAMIAN_RETURN_IF_ERROR(CheckRequest(request, operand));
  if (request.view == OperatorRequest::View::kRows) {
    return ViewRows(context, operand, request, cache);
  }
  GRAMIAN_ASSIGN_OR_RETURN(const Eigenpairs pairs,
                           ComputeEigenpairs(context, operand, request.kernel, request.k, cache));
  if (request.view == OperatorRequest::View::kSpectrum) return ToView(pairs.values);
  GRAMIAN_RETURN_IF_ERROR(
      context.CheckScratch(8 * 2 * operand.rows() * pairs.values.size(), "diffusion coordinates"));
  const Vector weights = pairs.values.array().pow(request.t).matrix();
  return ToView(pairs.vectors.transpose() * weights.asDiagonal());
}

}  // namespace gramian
