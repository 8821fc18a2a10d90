#include "gramian/geometry/alternating_diffusion.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"
#include "gramian/base/tiled_product.h"
#include "gramian/geometry/kernel.h"

namespace gramian {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

// Divides by the Frobenius norm and adds its logarithm to `log_scale`; false if the matrix is 0.
bool Normalize(Matrix& matrix, double& log_scale) {
  // Two steps, so that neither the squares of large entries overflow nor those of small ones
  // vanish.
  const double largest = matrix.size() == 0 ? 0.0 : matrix.cwiseAbs().maxCoeff();
  if (!(largest > 0.0)) return false;
  matrix /= largest;
  const double norm = matrix.norm();
  matrix /= norm;
  log_scale += std::log(largest) + std::log(norm);
  return true;
}

// U' F of an end layer (r x k): F = U (U'F), with U = F L' diag(g)^(-1/2) and L F'F = diag(g) L.
Matrix Coordinates(const SpectralOperator& end) {
  if (end.loadings().size() == 0) return Matrix(end.gram().cwiseSqrt().asDiagonal());
  return end.gram().cwiseSqrt().asDiagonal() * end.loadings();
}

struct Core {
  Matrix matrix;  // r_1 x r_L with Frobenius norm 1; empty if the product is 0
  double log_scale = 0.0;
};

// The chain S~_1 ... S~_L in the eigenvector bases of its ends: U_1' S~_1 ... S~_L U_L.
absl::StatusOr<Core> ComputeCore(const ComputeContext& context,
                                 absl::Span<const FusionLayer> layers,
                                 const SpectralOperator& first, const SpectralOperator& last) {
  Core core{Coordinates(first), 0.0};
  for (size_t l = 0; l < layers.size(); ++l) {
    const FusionLayer& layer = layers[l];
    if (layer.weights.size() > 0) core.matrix = core.matrix * layer.weights.asDiagonal();
    if (!Normalize(core.matrix, core.log_scale)) return Core{};
    if (l + 1 == layers.size()) break;
    const CenteredFeatures& next = *layers[l + 1].features;
    const double work = static_cast<double>(next.rows()) * static_cast<double>(next.cols()) *
                        static_cast<double>(layer.features->cols());
    GRAMIAN_ASSIGN_OR_RETURN(const Matrix cross, CrossCovariance(context, *layer.features, next,
                                                                 ChooseArithmetic(work)));
    GRAMIAN_ASSIGN_OR_RETURN(core.matrix,
                             Product(context, core.matrix, Transpose::kNo, cross, Transpose::kNo));
    if (!Normalize(core.matrix, core.log_scale)) return Core{};
  }
  GRAMIAN_ASSIGN_OR_RETURN(core.matrix, Product(context, core.matrix, Transpose::kNo,
                                                Coordinates(last), Transpose::kYes));
  if (!Normalize(core.matrix, core.log_scale)) return Core{};
  return core;
}

// An operator whose eigenvectors are rotations of the end layer's: U' = rotation U_end' (r x
// r_end).
absl::StatusOr<std::shared_ptr<const SpectralOperator>> Rotate(const ComputeContext& context,
                                                               const SpectralOperator& end,
                                                               const Matrix& rotation,
                                                               const Vector& singular_values,
                                                               double log_scale) {
  Matrix loadings = rotation * end.gram().cwiseSqrt().cwiseInverse().asDiagonal();
  if (end.loadings().size() > 0) {
    GRAMIAN_ASSIGN_OR_RETURN(
        loadings, Product(context, loadings, Transpose::kNo, end.loadings(), Transpose::kNo));
  }
  const Vector eigenvalues = (singular_values / singular_values[0]).cwiseAbs2();
  return std::make_shared<const SpectralOperator>(
      end.shared_features(), std::move(loadings), Vector::Ones(eigenvalues.size()), eigenvalues,
      2.0 * (log_scale + std::log(singular_values[0])), end.arithmetic());
}

}  // namespace

const char* ToString(FusionOrder order) {
  switch (order) {
    case FusionOrder::kSymmetrized:
      return "symmetrized";
    case FusionOrder::kProduct:
      return "product";
    case FusionOrder::kReversed:
      return "reversed";
  }
  return "unknown";
}

absl::StatusOr<FusionOrder> ParseFusionOrder(absl::string_view text) {
  if (text == "symmetrized" || text == "symmetrised") return FusionOrder::kSymmetrized;
  if (text == "product") return FusionOrder::kProduct;
  if (text == "reversed") return FusionOrder::kReversed;
  return absl::InvalidArgumentError(
      absl::StrCat("fusion order is symmetrized, product or reversed, not '", text, "'"));
}

std::string Fusion::ToString() const {
  return absl::StrCat(gramian::ToString(order), "-power=", FormatNumber(power));
}

absl::Status Validate(const Fusion& fusion) {
  if (!std::isfinite(fusion.power) || fusion.power <= 0.0) {
    return absl::InvalidArgumentError(
        absl::StrCat("fusion power is a finite number > 0, not ", fusion.power));
  }
  if (fusion.order == FusionOrder::kProduct && fusion.power != std::floor(fusion.power)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a plain product is not symmetric and has integer powers only, not ", fusion.power));
  }
  return absl::OkStatus();
}

FusionLayer FusionLayerOf(const SpectralOperator& layer) {
  return {layer.shared_features(), layer.eigenvalues()};
}

absl::StatusOr<std::shared_ptr<const SpectralOperator>> FuseSymmetric(
    const ComputeContext& context, absl::Span<const FusionLayer> layers,
    std::shared_ptr<const SpectralOperator> first, std::shared_ptr<const SpectralOperator> last,
    FusionOrder order) {
  if (layers.size() == 1) return first;
  GRAMIAN_ASSIGN_OR_RETURN(const Core core, ComputeCore(context, layers, *first, *last));
  if (core.matrix.size() == 0) return std::shared_ptr<const SpectralOperator>();
  GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
  GRAMIAN_ASSIGN_OR_RETURN(const SingularValues svd, SvdDecompose(core.matrix));
  // Squares of singular values below eps are below the rank cut of eigenvalues.
  int64_t rank = 1;
  while (rank < svd.values.size() && svd.values[rank] > kEpsilon * svd.values[0]) ++rank;
  const bool reversed = order == FusionOrder::kReversed;
  return Rotate(context, reversed ? *last : *first, (reversed ? svd.right : svd.left).topRows(rank),
                svd.values.head(rank), core.log_scale);
}

absl::StatusOr<std::shared_ptr<const ProductOperator>> ProductOperator::Fuse(
    const ComputeContext& context, absl::Span<const FusionLayer> layers,
    std::shared_ptr<const SpectralOperator> first, std::shared_ptr<const SpectralOperator> last) {
  GRAMIAN_ASSIGN_OR_RETURN(Core core, ComputeCore(context, layers, *first, *last));
  if (core.matrix.size() == 0) return std::shared_ptr<const ProductOperator>();
  std::shared_ptr<ProductOperator> product(new ProductOperator());
  product->core_ = std::move(core.matrix);
  GRAMIAN_ASSIGN_OR_RETURN(product->last_first_,
                           EigenvectorOverlap(context, *last, *first, /*precise=*/false));
  product->first_ = std::move(first);
  product->last_ = std::move(last);
  return std::shared_ptr<const ProductOperator>(std::move(product));
}

int64_t ProductOperator::size_bytes() const {
  return (core_.size() + last_first_.size()) * static_cast<int64_t>(sizeof(double)) +
         first_->size_bytes() + last_->size_bytes();
}

absl::StatusOr<Matrix> ProductOperator::UnitPower(const ComputeContext& context, int64_t t) const {
  double unused = 0.0;
  // (U_L' U_1 core)^(t-1) by squaring, rescaled after every product.
  GRAMIAN_ASSIGN_OR_RETURN(Matrix step,
                           Product(context, last_first_, Transpose::kNo, core_, Transpose::kNo));
  Matrix power = core_;
  for (int64_t rest = t - 1; rest > 0; rest /= 2) {
    if (!Normalize(step, unused)) return Matrix();
    if (rest % 2 == 1) {
      GRAMIAN_ASSIGN_OR_RETURN(power,
                               Product(context, power, Transpose::kNo, step, Transpose::kNo));
      if (!Normalize(power, unused)) return Matrix();
    }
    if (rest > 1) {
      GRAMIAN_ASSIGN_OR_RETURN(step, Product(context, step, Transpose::kNo, step, Transpose::kNo));
    }
  }
  return power;
}

absl::StatusOr<double> ProductOperator::PowerCosine(const ComputeContext& context,
                                                    const ProductOperator& a,
                                                    const ProductOperator& b, int64_t t) {
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix a_power, a.UnitPower(context, t));
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix b_power, b.UnitPower(context, t));
  if (a_power.size() == 0 || b_power.size() == 0) return 0.0;
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix first,
                           EigenvectorOverlap(context, *a.first_, *b.first_, /*precise=*/false));
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix last,
                           EigenvectorOverlap(context, *b.last_, *a.last_, /*precise=*/false));
  GRAMIAN_ASSIGN_OR_RETURN(Matrix moved,
                           Product(context, first, Transpose::kNo, b_power, Transpose::kNo));
  GRAMIAN_ASSIGN_OR_RETURN(moved, Product(context, moved, Transpose::kNo, last, Transpose::kNo));
  return std::clamp(moved.cwiseProduct(a_power).sum(), -1.0, 1.0);
}

}  // namespace gramian
