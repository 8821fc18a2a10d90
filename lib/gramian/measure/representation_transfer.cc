#include "gramian/measure/representation_transfer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"
#include "gramian/base/symmetric_eigen.h"
#include "gramian/base/tiled_product.h"

namespace gramian {
namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();

// (A'A)^+ A'B by the eigenpairs of A'A.
absl::StatusOr<Matrix> FitLinear(const ComputeContext& context, const Matrix& a,
                                 const Matrix& cross) {
  GRAMIAN_ASSIGN_OR_RETURN(Matrix gram, Product(context, a, Transpose::kYes, a, Transpose::kNo));
  const auto d = static_cast<double>(gram.rows());
  GRAMIAN_ASSIGN_OR_RETURN(SymmetricEigen eigen, EigenDecompose(context, std::move(gram)));
  const double least = std::max(d * kEps * eigen.values[0], 0.0);
  GRAMIAN_ASSIGN_OR_RETURN(Matrix coefficients,
                           Product(context, eigen.vectors, Transpose::kNo, cross, Transpose::kNo));
  for (Index i = 0; i < coefficients.rows(); ++i) {
    coefficients.row(i) *= eigen.values[i] > least ? 1.0 / eigen.values[i] : 0.0;
  }
  return Product(context, eigen.vectors, Transpose::kYes, coefficients, Transpose::kNo);
}

Matrix WithUnitRows(const Matrix& rows) {
  Matrix unit = rows;
  for (Index i = 0; i < unit.rows(); ++i) {
    const double norm = unit.row(i).norm();
    if (norm > 0.0) unit.row(i) /= norm;
  }
  return unit;
}

}  // namespace

const char* ToString(TransferKind kind) {
  return kind == TransferKind::kLinear ? "linear" : "orthogonal";
}

absl::StatusOr<TransferKind> ParseTransferKind(absl::string_view text) {
  if (text == "linear") return TransferKind::kLinear;
  if (text == "orthogonal") return TransferKind::kOrthogonal;
  return absl::InvalidArgumentError(
      absl::StrCat("a transfer is orthogonal or linear, not '", text, "'"));
}

absl::StatusOr<Matrix> FitTransfer(const ComputeContext& context, const Matrix& a, const Matrix& b,
                                   TransferKind kind) {
  const Index larger = std::max(a.cols(), b.cols());
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(8 * 5 * larger * larger, "the fit of a transfer"));
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix cross,
                           Product(context, a, Transpose::kYes, b, Transpose::kNo));
  if (kind == TransferKind::kLinear) return FitLinear(context, a, cross);
  GRAMIAN_ASSIGN_OR_RETURN(const SingularValues svd, SvdDecompose(cross));
  // Vectors of the others are rounding.
  const double least = static_cast<double>(larger) * kEps * svd.values[0];
  const Index rank = (svd.values.array() > least).count();
  return Product(context, svd.left.topRows(rank), Transpose::kYes, svd.right.topRows(rank),
                 Transpose::kNo);
}

absl::StatusOr<double> MeanReciprocalRank(const ComputeContext& context, const Matrix& answers,
                                          const Matrix& truth) {
  constexpr Index kTile = 256;
  // Cosines that differ by rounding are equal.
  constexpr double kTie = 64.0 * kEps;
  const Index m = answers.rows();
  const Index d = answers.cols();
  const Matrix a = WithUnitRows(answers);
  const Matrix b = WithUnitRows(truth);
  Vector reciprocal(m);
  const auto rank_block = [&](int64_t block) -> absl::Status {
    const Index first = block * kTile;
    const Index count = std::min(kTile, m - first);
    const Vector own =
        a.middleRows(first, count).cwiseProduct(b.middleRows(first, count)).rowwise().sum();
    Vector better = Vector::Zero(count);
    Matrix tile(count, kTile);
    for (Index col = 0; col < m; col += kTile) {
      GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
      const Index col_count = std::min(kTile, m - col);
      Gemm(Transpose::kNo, Transpose::kYes, count, col_count, d, 1.0, a.data() + first * d, d,
           b.data() + col * d, d, 0.0, tile.data(), kTile);
      for (Index i = 0; i < count; ++i) {
        better[i] +=
            static_cast<double>((tile.row(i).head(col_count).array() > own[i] + kTie).count());
      }
    }
    reciprocal.segment(first, count) = (1.0 + better.array()).inverse();
    return absl::OkStatus();
  };
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, (m + kTile - 1) / kTile, rank_block));
  return reciprocal.mean();
}

}  // namespace gramian
