#include "gramian/measure/permuted_alignment.h"

#include <utility>

#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"
#include "gramian/base/tiled_product.h"
#include "gramian/geometry/rsm.h"
#include "gramian/geometry/spectral_operator.h"

namespace gramian {
namespace {

class IndexedProducts final : public PermutedScores {
 public:
  IndexedProducts(Matrix a, Matrix b, std::function<Score(const Alignment&)> score)
      : a_(std::move(a)), b_(std::move(b)), score_(std::move(score)) {
    alignment_.form = Form::kSampleSpace;
    alignment_.a_self = a_.squaredNorm();
    alignment_.b_self = b_.squaredNorm();
  }

  Score At(absl::Span<const int64_t> order) const override {
    Alignment alignment = alignment_;
    alignment.cross = Cross(order);
    return score_(alignment);
  }

 private:
  // Both are symmetric: what is left of the diagonal counts twice.
  double Cross(absl::Span<const int64_t> order) const {
    double diagonal = 0.0;
    double left = 0.0;
    for (Index i = 0; i < a_.rows(); ++i) {
      const int64_t from = order[static_cast<size_t>(i)];
      const double* const a_row = a_.row(i).data();
      const double* const b_row = b_.row(from).data();
      // Four sums: the order of summation is fixed, and no addition waits for the one before.
      double sums[4] = {};
      Index j = 0;
      for (; j + 4 <= i; j += 4) {
        for (Index k = 0; k < 4; ++k) {
          sums[k] += a_row[j + k] * b_row[order[static_cast<size_t>(j + k)]];
        }
      }
      for (; j < i; ++j) sums[0] += a_row[j] * b_row[order[static_cast<size_t>(j)]];
      left += (sums[0] + sums[1]) + (sums[2] + sums[3]);
      diagonal += a_row[i] * b_row[from];
    }
    return diagonal + 2.0 * left;
  }

  const Matrix a_;
  const Matrix b_;
  const std::function<Score(const Alignment&)> score_;
  Alignment alignment_;
};

// K_ij - r_i / (n-2) - r_j / (n-2) + r. / ((n-1)(n-2)) off the diagonal, r the sums of rows without
// it; the diagonal becomes 0.
void UCenter(Matrix& rsm) {
  const auto n = static_cast<double>(rsm.rows());
  rsm.diagonal().setZero();
  const Vector means = rsm.rowwise().sum() / (n - 2.0);
  const double mean = means.sum() / (n - 1.0);
  for (Index i = 0; i < rsm.rows(); ++i) {
    rsm.row(i).array() += mean - (means.transpose().array() + means[i]);
  }
  rsm.diagonal().setZero();
}

absl::StatusOr<Matrix> CenteredRsm(const ComputeContext& context, const Operand& layer,
                                   const KernelSpec& kernel, Estimator estimator) {
  GRAMIAN_ASSIGN_OR_RETURN(const double sigma, layer.GetBandwidth(context, kernel));
  GRAMIAN_ASSIGN_OR_RETURN(Matrix rsm,
                           ComputeCenteredRsm(context, *layer.layers()[0], kernel, sigma));
  if (estimator == Estimator::kDebiased) UCenter(rsm);
  if (estimator == Estimator::kZeroDiagonal) rsm.diagonal().setZero();
  return rsm;
}

absl::StatusOr<Matrix> PowerRsm(const ComputeContext& context, const Operand& layer,
                                const KernelSpec& kernel, double t) {
  Operand::SpectralOptions options;
  options.precise = t < 1.0;
  options.materialized = true;
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const SpectralOperator> spectral,
                           layer.GetSpectral(context, kernel, options));
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix modes, spectral->Eigenvectors(context));
  const Vector powers = spectral->eigenvalues().array().pow(t);
  return Product(context, modes, Transpose::kYes, powers.asDiagonal() * modes, Transpose::kNo);
}

bool IsIndexed(const Operand& a, const Operand& b) {
  return !a.is_network() && !b.is_network() && a.rows() <= kMaxIndexedInputs;
}

// `rsm` gives the matrix of either layer.
template <typename Rsm>
absl::StatusOr<std::unique_ptr<const PermutedScores>> Permute(
    const ComputeContext& context, const Operand& a, const Operand& b, const Rsm& rsm,
    std::function<Score(const Alignment&)> score) {
  if (!IsIndexed(a, b)) return nullptr;
  GRAMIAN_RETURN_IF_ERROR(
      context.CheckScratch(4 * 8 * a.rows() * a.rows(), "two n x n RSMs to be permuted"));
  GRAMIAN_ASSIGN_OR_RETURN(Matrix a_rsm, rsm(a));
  GRAMIAN_ASSIGN_OR_RETURN(Matrix b_rsm, rsm(b));
  return std::make_unique<const IndexedProducts>(std::move(a_rsm), std::move(b_rsm),
                                                 std::move(score));
}

}  // namespace

absl::StatusOr<std::unique_ptr<const PermutedScores>> PermuteAlignment(
    const ComputeContext& context, const Operand& a, const Operand& b, const KernelSpec& kernel,
    Estimator estimator, std::function<Score(const Alignment&)> score) {
  const auto rsm = [&](const Operand& layer) {
    return CenteredRsm(context, layer, kernel, estimator);
  };
  return Permute(context, a, b, rsm, std::move(score));
}

absl::StatusOr<std::unique_ptr<const PermutedScores>> PermutePowerAlignment(
    const ComputeContext& context, const Operand& a, const Operand& b, const KernelSpec& kernel,
    double t, std::function<Score(const Alignment&)> score) {
  if (t == 1.0) {
    return PermuteAlignment(context, a, b, kernel, Estimator::kBiased, std::move(score));
  }
  const auto rsm = [&](const Operand& layer) { return PowerRsm(context, layer, kernel, t); };
  return Permute(context, a, b, rsm, std::move(score));
}

}  // namespace gramian
