#include "gramian/base/blas.h"

#include <cblas.h>
#include <lapacke.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/flop_count.h"

namespace gramian {
namespace {

CBLAS_TRANSPOSE Op(Transpose op) { return op == Transpose::kYes ? CblasTrans : CblasNoTrans; }

blasint Int(Index value) { return static_cast<blasint>(value); }

// A double: an integer would be full after some months of a fast machine.
std::atomic<double> matrix_flops{0.0};

void CountProduct(Index m, Index n, Index k) {
  matrix_flops.fetch_add(
      2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k),
      std::memory_order_relaxed);
}

// The upper half of d x d.
void CountSyrk(Index n, Index d) {
  matrix_flops.fetch_add(
      static_cast<double>(n) * static_cast<double>(d) * static_cast<double>(d + 1),
      std::memory_order_relaxed);
}

// A relative Frobenius error of products of k terms that only a wrong kernel can exceed.
template <typename Scalar>
double SelfTestTolerance(Index k) {
  return 8.0 * std::numeric_limits<Scalar>::epsilon() * std::sqrt(static_cast<double>(k));
}

template <typename Scalar>
MatrixOf<Scalar> RandomMatrix(Index rows, Index cols, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  MatrixOf<Scalar> matrix(rows, cols);
  for (Index i = 0; i < matrix.size(); ++i) {
    matrix.data()[i] = static_cast<Scalar>(normal(random));
  }
  return matrix;
}

// Checks one Gemm and one SyrkUpper of A (k x n) against sums taken in double.
template <typename Scalar>
absl::Status CheckProducts(Index n, Index k, std::mt19937_64& random) {
  const MatrixOf<Scalar> a = RandomMatrix<Scalar>(k, n, random);
  Matrix expected = Matrix::Zero(n, n);
  for (Index row = 0; row < k; ++row) {
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < n; ++j) {
        expected(i, j) += static_cast<double>(a(row, i)) * static_cast<double>(a(row, j));
      }
    }
  }
  MatrixOf<Scalar> product(n, n);
  Gemm(Transpose::kYes, Transpose::kNo, n, n, k, Scalar{1}, a.data(), n, a.data(), n, Scalar{0},
       product.data(), n);
  MatrixOf<Scalar> symmetric = MatrixOf<Scalar>::Zero(n, n);
  SyrkUpper(k, n, a.data(), n, Scalar{0}, symmetric.data(), n);
  const double bound = SelfTestTolerance<Scalar>(k) * expected.norm();
  const double product_error = (product.template cast<double>() - expected).norm();
  const Matrix full = symmetric.template cast<double>().template selfadjointView<Eigen::Upper>();
  if (!(product_error <= bound) || !((full - expected).norm() <= bound)) {
    return absl::InternalError(absl::StrCat("BLAS self test: product of ", n, " x ", k,
                                            " is wrong by ", product_error, ", allowed ", bound));
  }
  return absl::OkStatus();
}

absl::Status CheckEigen(Index n, std::mt19937_64& random) {
  const Matrix a = RandomMatrix<double>(n, n, random);
  const Matrix symmetric = a + a.transpose();
  absl::StatusOr<SymmetricEigen> eigen = EigenDecompose(symmetric);
  if (!eigen.ok()) return eigen.status();
  const Matrix rebuilt = eigen->vectors.transpose() * eigen->values.asDiagonal() * eigen->vectors;
  const double bound =
      8.0 * std::numeric_limits<double>::epsilon() * static_cast<double>(n) * symmetric.norm();
  const double error = (rebuilt - symmetric).norm();
  if (!(error <= bound)) {
    return absl::InternalError(absl::StrCat("LAPACK self test: eigenvectors of order ", n,
                                            " are wrong by ", error, ", allowed ", bound));
  }
  return absl::OkStatus();
}

}  // namespace

double MatrixFlops() { return matrix_flops.load(std::memory_order_relaxed); }

void Gemm(Transpose a_op, Transpose b_op, Index m, Index n, Index k, float alpha, const float* a,
          Index lda, const float* b, Index ldb, float beta, float* c, Index ldc) {
  CountProduct(m, n, k);
  cblas_sgemm(CblasRowMajor, Op(a_op), Op(b_op), Int(m), Int(n), Int(k), alpha, a, Int(lda), b,
              Int(ldb), beta, c, Int(ldc));
}

void Gemm(Transpose a_op, Transpose b_op, Index m, Index n, Index k, double alpha, const double* a,
          Index lda, const double* b, Index ldb, double beta, double* c, Index ldc) {
  CountProduct(m, n, k);
  cblas_dgemm(CblasRowMajor, Op(a_op), Op(b_op), Int(m), Int(n), Int(k), alpha, a, Int(lda), b,
              Int(ldb), beta, c, Int(ldc));
}

void SyrkUpper(Index n, Index d, const float* a, Index lda, float beta, float* c, Index ldc) {
  CountSyrk(n, d);
  cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, Int(d), Int(n), 1.0F, a, Int(lda), beta, c,
              Int(ldc));
}

void SyrkUpper(Index n, Index d, const double* a, Index lda, double beta, double* c, Index ldc) {
  CountSyrk(n, d);
  cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, Int(d), Int(n), 1.0, a, Int(lda), beta, c,
              Int(ldc));
}

Matrix Product(const Matrix& a, Transpose a_op, const Matrix& b, Transpose b_op) {
  const Index m = a_op == Transpose::kNo ? a.rows() : a.cols();
  const Index k = a_op == Transpose::kNo ? a.cols() : a.rows();
  const Index n = b_op == Transpose::kNo ? b.cols() : b.rows();
  Matrix c(m, n);
  if (m == 0 || n == 0) return c;
  if (k == 0) return Matrix::Zero(m, n);
  Gemm(a_op, b_op, m, n, k, 1.0, a.data(), a.cols(), b.data(), b.cols(), 0.0, c.data(), n);
  return c;
}

absl::StatusOr<SymmetricEigen> EigenDecompose(Matrix symmetric) {
  const Index n = symmetric.rows();
  SymmetricEigen result{Vector(n), std::move(symmetric)};
  if (n == 0) return result;
  // A symmetric matrix is its own transpose, so the row-major upper triangle is LAPACK's lower one,
  // and the eigenvectors that LAPACK leaves in columns are our rows.
  const lapack_int info = LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', Int(n), result.vectors.data(),
                                         Int(n), result.values.data());
  if (info != 0) {
    return absl::InternalError(
        absl::StrCat("eigendecomposition of order ", n, " failed, LAPACK info ", info));
  }
  result.values.reverseInPlace();
  for (Index i = 0; i < n / 2; ++i) result.vectors.row(i).swap(result.vectors.row(n - 1 - i));
  return result;
}

absl::StatusOr<SingularValues> SvdDecompose(const Matrix& a) {
  const Index m = a.rows();
  const Index n = a.cols();
  const Index r = std::min(m, n);
  SingularValues result{Vector(r), Matrix(r, m), Matrix(r, n)};
  if (r == 0) return result;
  Matrix scratch = a;
  // Column-major LAPACK sees A' (n x m) = V S U': its left vectors (n x r, columns) are our right
  // rows, and its right factor (r x m, column-major) is the row-major m x r matrix of our left
  // vectors.
  Matrix left_columns(m, r);
  const lapack_int info = LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'S', Int(n), Int(m), scratch.data(),
                                         Int(n), result.values.data(), result.right.data(), Int(n),
                                         left_columns.data(), Int(r));
  if (info != 0) {
    return absl::InternalError(
        absl::StrCat("singular values of a ", m, " x ", n, " matrix failed, LAPACK info ", info));
  }
  result.left = left_columns.transpose();
  return result;
}

absl::StatusOr<Vector> SingularValuesOf(Matrix a) {
  Vector values(std::min(a.rows(), a.cols()));
  if (values.size() == 0) return values;
  // Column-major LAPACK sees the transpose, which has the same singular values.
  const lapack_int info =
      LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'N', Int(a.cols()), Int(a.rows()), a.data(), Int(a.cols()),
                     values.data(), nullptr, 1, nullptr, 1);
  if (info != 0) {
    return absl::InternalError(absl::StrCat("singular values of a ", a.rows(), " x ", a.cols(),
                                            " matrix failed, LAPACK info ", info));
  }
  return values;
}

absl::Status InitializeBlas() {
  if (openblas_get_parallel() == 0) {
    return absl::FailedPreconditionError(
        "OpenBLAS is the serial build, which gives wrong products when several threads call it; "
        "install libopenblas0-pthread and select it with update-alternatives");
  }
  openblas_set_num_threads(1);
  std::mt19937_64 random(20220722);
  for (const Index n : {1, 7, 64, 129, 200}) {
    for (const Index k : {1, 33, 150}) {
      if (absl::Status status = CheckProducts<float>(n, k, random); !status.ok()) return status;
      if (absl::Status status = CheckProducts<double>(n, k, random); !status.ok()) return status;
    }
  }
  return CheckEigen(96, random);
}

std::string BlasCoreName() { return openblas_get_corename(); }

}  // namespace gramian
