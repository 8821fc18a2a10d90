#include "gramian/base/symmetric_eigen.h"

#include <cblas.h>
#include <lapacke.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"

extern "C" {
// One panel of LAPACK's reduction to tridiagonal form; LAPACKE has no wrapper for it.
void dlatrd_(const char* uplo, const lapack_int* n, const lapack_int* nb, double* a,
             const lapack_int* lda, double* e, double* tau, double* w, const lapack_int* ldw,
             size_t uplo_length);
}

namespace gramian {
namespace {

// Up to this order one LAPACK call takes a few tiles at most, and less than the pieces.
constexpr Index kSmallOrder = 512;
// The rest of the reduction that is done in one piece.
constexpr Index kTailOrder = 256;
// Columns reduced at a time, and rows of a block of the update.
constexpr Index kPanel = 32;
constexpr Index kUpdateRows = 256;
// Eigenvectors transformed back at a time.
constexpr Index kBackVectors = 128;

lapack_int Int(Index value) { return static_cast<lapack_int>(value); }

// A symmetric matrix seen column-major (lower triangle), as LAPACK wants it; the transpose of
// itself.
struct Tridiagonal {
  Matrix reflectors;  // The reflectors that made it, below the first subdiagonal.
  Vector diagonal;
  Vector off_diagonal;
  Vector tau;
};

// trailing -= V W' + W V' in the lower triangle of a column-major matrix, block by block of rows.
absl::Status UpdateTrailing(const ComputeContext& context, Index order, const double* v, Index ldv,
                            const double* w, Index ldw, double* a, Index lda) {
  const Index blocks = (order + kUpdateRows - 1) / kUpdateRows;
  return ParallelFor(context, blocks, [&](int64_t block) {
    const Index col = block * kUpdateRows;
    const Index width = std::min(kUpdateRows, order - col);
    double* diagonal = a + col * lda + col;
    cblas_dsyr2k(CblasColMajor, CblasLower, CblasNoTrans, Int(width), Int(kPanel), -1.0, v + col,
                 Int(ldv), w + col, Int(ldw), 1.0, diagonal, Int(lda));
    const Index below = order - col - width;
    if (below == 0) return absl::OkStatus();
    double* rest = diagonal + width;
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, Int(below), Int(width), Int(kPanel), -1.0,
                v + col + width, Int(ldv), w + col, Int(ldw), 1.0, rest, Int(lda));
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, Int(below), Int(width), Int(kPanel), -1.0,
                w + col + width, Int(ldw), v + col, Int(ldv), 1.0, rest, Int(lda));
    return absl::OkStatus();
  });
}

absl::StatusOr<Tridiagonal> Reduce(const ComputeContext& context, Matrix symmetric) {
  const Index n = symmetric.rows();
  Tridiagonal result{std::move(symmetric), Vector(n), Vector(n), Vector(n)};
  double* a = result.reflectors.data();
  const auto at = [&](Index row, Index col) { return a + col * n + row; };
  // n x kPanel column-major, and a column that nothing is written to: OpenBLAS's symv for
  // processors it does not know (Prescott) loads up to 80 bytes beyond the vector it adds to.
  Matrix w(kPanel + 1, n);
  Index i = 0;
  for (; n - i > kTailOrder; i += kPanel) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    const lapack_int order = Int(n - i);
    const lapack_int panel = Int(kPanel);
    const lapack_int ld = Int(n);
    dlatrd_("L", &order, &panel, at(i, i), &ld, &result.off_diagonal[i], &result.tau[i], w.data(),
            &ld, 1);
    GRAMIAN_RETURN_IF_ERROR(UpdateTrailing(context, n - i - kPanel, at(i + kPanel, i), n,
                                           w.data() + kPanel, n, at(i + kPanel, i + kPanel), n));
    for (Index j = i; j < i + kPanel; ++j) {
      *at(j + 1, j) = result.off_diagonal[j];
      result.diagonal[j] = *at(j, j);
    }
  }
  const lapack_int info =
      LAPACKE_dsytrd_work(LAPACK_COL_MAJOR, 'L', Int(n - i), at(i, i), Int(n), &result.diagonal[i],
                          &result.off_diagonal[i], &result.tau[i], w.data(), Int(kPanel * (n - i)));
  if (info != 0) return absl::InternalError(absl::StrCat("dsytrd failed, info ", info));
  return result;
}

// Replaces eigenvectors of the tridiagonal matrix (rows of `vectors`) by those of the original. One
// block after another: dormtr writes to the reflectors while it runs, so two of them must not share
// these.
absl::Status TransformBack(const ComputeContext& context, Tridiagonal& tridiagonal,
                           Matrix& vectors) {
  const Index n = vectors.rows();
  for (Index first = 0; first < n; first += kBackVectors) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    const lapack_int info =
        LAPACKE_dormtr(LAPACK_COL_MAJOR, 'L', 'L', 'N', Int(n),
                       Int(std::min(kBackVectors, n - first)), tridiagonal.reflectors.data(),
                       Int(n), tridiagonal.tau.data(), vectors.row(first).data(), Int(n));
    if (info != 0) return absl::InternalError(absl::StrCat("dormtr failed, info ", info));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SymmetricEigen> EigenDecompose(const ComputeContext& context, Matrix symmetric) {
  const Index n = symmetric.rows();
  GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
  if (n <= kSmallOrder) return EigenDecompose(std::move(symmetric));
  // LAPACK loses digits or overflows far from 1, so the matrix is scaled to it and the eigenvalues
  // back.
  const double size = symmetric.cwiseAbs().maxCoeff();
  const double scale = size > 0.0 ? size : 1.0;
  symmetric /= scale;
  GRAMIAN_ASSIGN_OR_RETURN(Tridiagonal tridiagonal, Reduce(context, std::move(symmetric)));
  GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
  SymmetricEigen result{tridiagonal.diagonal, Matrix(n, n)};
  const lapack_int info =
      LAPACKE_dstedc(LAPACK_COL_MAJOR, 'I', Int(n), result.values.data(),
                     tridiagonal.off_diagonal.data(), result.vectors.data(), Int(n));
  if (info != 0) {
    return absl::InternalError(
        absl::StrCat("eigendecomposition of order ", n, " failed, LAPACK info ", info));
  }
  GRAMIAN_RETURN_IF_ERROR(TransformBack(context, tridiagonal, result.vectors));
  result.values *= scale;
  result.values.reverseInPlace();
  for (Index i = 0; i < n / 2; ++i) result.vectors.row(i).swap(result.vectors.row(n - 1 - i));
  return result;
}

}  // namespace gramian
