#include "gramian/geometry/spectral_operator.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/blas.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/status_macros.h"
#include "gramian/base/symmetric_eigen.h"
#include "gramian/base/tiled_product.h"
#include "gramian/geometry/rsm.h"

namespace gramian {
namespace {

// Eigenvalues of a k x k problem below kRankFactor * k * eps * lambda_1 are rounding, not rank.
constexpr double kRankFactor = 8.0;
// Sums below this move to the log domain; far above the smallest normal double.
constexpr double kUnderflow = 1.0e-200;

double RankCut(int64_t order) {
  return kRankFactor * static_cast<double>(std::max<int64_t>(order, 64)) *
         std::numeric_limits<double>::epsilon();
}

double LogSumExp(const Eigen::ArrayXd& terms) {
  const double largest = terms.maxCoeff();
  if (!std::isfinite(largest)) return largest;
  return largest + std::log((terms - largest).exp().sum());
}

// |A - A_r| / |A| of unit-norm powers, from dropped and kept eigenvalues.
double TruncationError(const SpectralOperator& op, double t) {
  if (op.dropped().size() == 0) return 0.0;
  const double dropped = op.dropped().array().pow(2.0 * t).sum();
  const double kept = op.eigenvalues().array().pow(2.0 * t).sum();
  // 2 - 2 sqrt(1 - s) without its cancellation: a bound must not round to 0.
  const double dropped_share = dropped / (kept + dropped);
  return std::sqrt(2.0 * dropped_share / (1.0 + std::sqrt(1.0 - dropped_share)));
}

// Makes the rows of r x n modes orthonormal by Gram-Schmidt from the first on (Cholesky of their
// Gram matrix): eigenvectors that come from a covariance are orthogonal up to eps lambda_1 /
// sqrt(lambda_i lambda_j) only, which small eigenvalues feel. A mode changes by multiples of those
// before it.
absl::Status Orthonormalize(const ComputeContext& context, Matrix& modes) {
  constexpr int64_t kRows = 256;
  constexpr int64_t kCols = 1024;
  const int64_t r = modes.rows();
  const int64_t n = modes.cols();
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(8 * r * (n + 2 * r), "orthonormal eigenvectors"));
  Matrix gram(r, r);
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, (r + kRows - 1) / kRows, [&](int64_t block) {
    const int64_t first = block * kRows;
    Gemm(Transpose::kNo, Transpose::kYes, std::min(kRows, r - first), r, n, 1.0,
         modes.row(first).data(), n, modes.data(), n, 0.0, gram.row(first).data(), r);
    return absl::OkStatus();
  }));
  const Eigen::LLT<Matrix> cholesky(gram);
  if (cholesky.info() != Eigen::Success) {
    return absl::InternalError("eigenvectors above the rank cut are dependent");
  }
  return ParallelFor(context, (n + kCols - 1) / kCols, [&](int64_t block) {
    const int64_t first = block * kCols;
    auto columns = modes.middleCols(first, std::min(kCols, n - first));
    cholesky.matrixL().solveInPlace(columns);
    return absl::OkStatus();
  });
}

}  // namespace

int64_t NumericalRank(const Vector& values, int64_t order) {
  if (values.size() == 0 || !(values[0] > 0.0)) return 0;
  const double cut = RankCut(order) * values[0];
  int64_t rank = 0;
  while (rank < values.size() && values[rank] > cut) ++rank;
  return rank;
}

SpectralOperator::SpectralOperator(std::shared_ptr<const CenteredFeatures> features,
                                   Matrix loadings, Vector gram, Vector eigenvalues,
                                   double log_scale, Arithmetic arithmetic)
    : features_(std::move(features)),
      loadings_(std::move(loadings)),
      gram_(std::move(gram)),
      eigenvalues_(std::move(eigenvalues)),
      log_scale_(log_scale),
      arithmetic_(arithmetic) {}

absl::StatusOr<std::shared_ptr<const SpectralOperator>> SpectralOperator::FromMoments(
    const ComputeContext& context, std::shared_ptr<const CenteredFeatures> features,
    const Moments& moments) {
  const int64_t k = moments.covariance().rows();
  if (moments.is_constant()) return std::shared_ptr<const SpectralOperator>();
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(4 * 8 * k * k, "an eigendecomposition"));
  GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
  GRAMIAN_ASSIGN_OR_RETURN(SymmetricEigen eigen, EigenDecompose(context, moments.covariance()));
  const int64_t rank = NumericalRank(eigen.values, k);
  if (rank == 0) return std::shared_ptr<const SpectralOperator>();
  const double largest = eigen.values[0];
  Vector gram = eigen.values.head(rank);
  Vector eigenvalues = gram / largest;
  return std::make_shared<const SpectralOperator>(std::move(features), eigen.vectors.topRows(rank),
                                                  std::move(gram), std::move(eigenvalues),
                                                  std::log(largest), moments.arithmetic());
}

absl::StatusOr<std::shared_ptr<const SpectralOperator>> SpectralOperator::FromRsm(
    const ComputeContext& context, Matrix rsm) {
  const int64_t n = rsm.rows();
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(4 * 8 * n * n, "an n x n eigendecomposition"));
  const double size = rsm.lpNorm<Eigen::Infinity>();
  DoubleCenter(rsm);
  GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
  GRAMIAN_ASSIGN_OR_RETURN(SymmetricEigen eigen, EigenDecompose(context, std::move(rsm)));
  const double largest = eigen.values[0];
  const double smallest = eigen.values[n - 1];
  // Centring a constant matrix leaves rounding of its entries, which is no structure.
  const double noise = RankCut(n) * size;
  if (std::max(largest, -smallest) <= noise) return std::shared_ptr<const SpectralOperator>();
  if (-smallest > std::max(RankCut(n) * largest, noise)) {
    return WithReason(absl::FailedPreconditionError(
                          absl::StrCat("the centred RSM is indefinite: smallest eigenvalue ",
                                       smallest, ", largest ", largest)),
                      "RSM_INDEFINITE");
  }
  int64_t rank = NumericalRank(eigen.values, n);
  // A semidefinite matrix has no negative eigenvalues but for rounding; positive ones of that size
  // are rounding too.
  while (rank > 0 && eigen.values[rank - 1] <= -2.0 * smallest) --rank;
  if (rank == 0) return std::shared_ptr<const SpectralOperator>();
  Vector eigenvalues = eigen.values.head(rank) / largest;
  return std::make_shared<const SpectralOperator>(
      std::make_shared<const CenteredFeatures>(Matrix(eigen.vectors.topRows(rank))), Matrix(),
      Vector::Ones(rank), std::move(eigenvalues), std::log(largest), Arithmetic::kFloat64);
}

absl::StatusOr<Matrix> SpectralOperator::Eigenvectors(const ComputeContext& context) const {
  if (features_->is_explicit() && loadings_.size() == 0) return features_->modes();
  constexpr int64_t kRows = 256;
  const int64_t k = features_->cols();
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(8 * rank() * rows(), "explicit eigenvectors"));
  GRAMIAN_ASSIGN_OR_RETURN(const Vector mean, ColumnMeans(context, *features_));
  const Matrix scaled = gram_.cwiseSqrt().cwiseInverse().asDiagonal() * loadings_;
  Matrix modes(rank(), rows());
  const int64_t blocks = (rows() + kRows - 1) / kRows;
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, blocks, [&](int64_t b) {
    const int64_t first = b * kRows;
    const int64_t count = std::min(kRows, rows() - first);
    Matrix block(count, k);
    features_->ReadRows(first, count, block.data());
    block.rowwise() -= mean.transpose();
    Gemm(Transpose::kNo, Transpose::kYes, rank(), count, k, 1.0, scaled.data(), k, block.data(), k,
         0.0, modes.data() + first, rows());
    return absl::OkStatus();
  }));
  return modes;
}

absl::StatusOr<std::shared_ptr<const SpectralOperator>> SpectralOperator::Materialize(
    const ComputeContext& context) const {
  GRAMIAN_ASSIGN_OR_RETURN(Matrix modes, Eigenvectors(context));
  GRAMIAN_RETURN_IF_ERROR(Orthonormalize(context, modes));
  auto result = std::make_shared<SpectralOperator>(
      std::make_shared<const CenteredFeatures>(std::move(modes)), Matrix(), Vector::Ones(rank()),
      eigenvalues_, log_scale_, arithmetic_);
  result->dropped_ = dropped_;
  return result;
}

std::shared_ptr<const SpectralOperator> SpectralOperator::Truncate(int64_t kept) const {
  kept = std::clamp<int64_t>(kept, 1, rank());
  std::shared_ptr<const CenteredFeatures> features = features_;
  Matrix loadings = loadings_.size() == 0 ? Matrix() : Matrix(loadings_.topRows(kept));
  if (loadings_.size() == 0) {
    features = std::make_shared<const CenteredFeatures>(Matrix(features_->modes().topRows(kept)));
  }
  auto result =
      std::make_shared<SpectralOperator>(std::move(features), std::move(loadings), gram_.head(kept),
                                         eigenvalues_.head(kept), log_scale_, arithmetic_);
  result->dropped_.resize(rank() - kept + dropped_.size());
  result->dropped_ << eigenvalues_.tail(rank() - kept), dropped_;
  return result;
}

int64_t SpectralOperator::size_bytes() const {
  const int64_t doubles = loadings_.size() + gram_.size() + eigenvalues_.size() + dropped_.size();
  return features_->size_bytes() + doubles * static_cast<int64_t>(sizeof(double));
}

absl::StatusOr<Matrix> EigenvectorOverlap(const ComputeContext& context, const SpectralOperator& a,
                                          const SpectralOperator& b, bool precise) {
  const auto work = static_cast<double>(a.rows()) * static_cast<double>(a.features().cols()) *
                    static_cast<double>(b.features().cols());
  const Arithmetic arithmetic = precise ? Arithmetic::kFloat64 : ChooseArithmetic(work);
  GRAMIAN_ASSIGN_OR_RETURN(Matrix overlap,
                           CrossCovariance(context, a.features(), b.features(), arithmetic));
  if (a.loadings().size() > 0) {
    GRAMIAN_ASSIGN_OR_RETURN(
        overlap, Product(context, a.loadings(), Transpose::kNo, overlap, Transpose::kNo));
  }
  if (b.loadings().size() > 0) {
    GRAMIAN_ASSIGN_OR_RETURN(
        overlap, Product(context, overlap, Transpose::kNo, b.loadings(), Transpose::kYes));
  }
  overlap.array().colwise() /= a.gram().array().sqrt();
  overlap.array().rowwise() /= b.gram().transpose().array().sqrt();
  return overlap;
}

absl::StatusOr<PowerOverlap> PowerOverlap::Compute(const ComputeContext& context,
                                                   const SpectralOperator& a,
                                                   const SpectralOperator& b, bool precise) {
  PowerOverlap result;
  GRAMIAN_ASSIGN_OR_RETURN(result.squared_, EigenvectorOverlap(context, a, b, precise));
  result.squared_ = result.squared_.cwiseAbs2();
  result.a_eigenvalues_ = a.eigenvalues();
  result.b_eigenvalues_ = b.eigenvalues();
  return result;
}

double PowerOverlap::Cosine(double t) const {
  const Vector a_powers = a_eigenvalues_.array().pow(t).matrix();
  const Vector b_powers = b_eigenvalues_.array().pow(t).matrix();
  const double norms = a_powers.norm() * b_powers.norm();
  const double sum = a_powers.dot(squared_ * b_powers);
  if (sum > kUnderflow) return std::min(sum / norms, 1.0);
  const Eigen::ArrayXd a_logs = t * a_eigenvalues_.array().log();
  const Eigen::ArrayXd b_logs = t * b_eigenvalues_.array().log();
  Eigen::ArrayXd row_logs(a_logs.size());
  for (Index i = 0; i < a_logs.size(); ++i) {
    row_logs[i] = a_logs[i] + LogSumExp(b_logs + squared_.row(i).transpose().array().log());
  }
  return std::clamp(std::exp(LogSumExp(row_logs) - std::log(norms)), 0.0, 1.0);
}

double TruncationBound(const SpectralOperator& a, const SpectralOperator& b, double t) {
  return std::min(TruncationError(a, t) + TruncationError(b, t), 1.0);
}

}  // namespace gramian
