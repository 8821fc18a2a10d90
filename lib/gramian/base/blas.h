// The only door to OpenBLAS and LAPACK. All matrices are row-major; ld is the distance between
// rows.
//
// OpenBLAS must be the pthread build with one thread (InitializeBlas): the serial build gives wrong
// products when several threads call it, and more than one BLAS thread serialises concurrent
// callers. Parallelism is ours (base/compute.h).
#ifndef GRAMIAN_BASE_BLAS_H_
#define GRAMIAN_BASE_BLAS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gramian/base/matrix.h"

namespace gramian {

enum class Transpose { kNo, kYes };

// C (m x n) = alpha * op(A) * op(B) + beta * C, op(A) m x k, op(B) k x n. 2 m n k flops.
void Gemm(Transpose a_op, Transpose b_op, Index m, Index n, Index k, float alpha, const float* a,
          Index lda, const float* b, Index ldb, float beta, float* c, Index ldc);
void Gemm(Transpose a_op, Transpose b_op, Index m, Index n, Index k, double alpha, const double* a,
          Index lda, const double* b, Index ldb, double beta, double* c, Index ldc);

// Upper triangle of C (d x d) = A' A + beta * C for A n x d. n d^2 flops. The lower triangle is not
// touched.
void SyrkUpper(Index n, Index d, const float* a, Index lda, float beta, float* c, Index ldc);
void SyrkUpper(Index n, Index d, const double* a, Index lda, double beta, double* c, Index ldc);

// op(A) * op(B) as a new matrix.
Matrix Product(const Matrix& a, Transpose a_op, const Matrix& b, Transpose b_op);

// Eigenvalues, descending, and eigenvectors (row i of `vectors`, r x n, belongs to values[i]) of a
// symmetric matrix.
struct SymmetricEigen {
  Vector values;
  Matrix vectors;
};
// All n eigenpairs of the symmetric n x n matrix (upper triangle is read; the argument is
// overwritten, pass by move). About 9 n^3 flops, 3 n^2 doubles of scratch. INTERNAL if LAPACK does
// not converge.
absl::StatusOr<SymmetricEigen> EigenDecompose(Matrix symmetric);

// Thin singular value decomposition A = left' diag(values) right; left r x m, right r x n, r =
// min(m, n), values descending; row i of left and right belong to values[i].
struct SingularValues {
  Vector values;
  Matrix left;
  Matrix right;
};
// A is m x n. INTERNAL if LAPACK does not converge.
absl::StatusOr<SingularValues> SvdDecompose(const Matrix& a);
// The min(m, n) singular values alone, descending; about half the work.
absl::StatusOr<Vector> SingularValuesOf(Matrix a);

// Pins OpenBLAS to one thread and checks it: FAILED_PRECONDITION for the serial build, INTERNAL
// when products, symmetric products or eigenvectors of small random matrices differ from naive ones
// by more than rounding. Call once at start.
absl::Status InitializeBlas();

// The kernel OpenBLAS chose for this processor, e.g. "SkylakeX". Scores may differ in the last
// digits between kernels.
std::string BlasCoreName();

}  // namespace gramian

#endif  // GRAMIAN_BASE_BLAS_H_
