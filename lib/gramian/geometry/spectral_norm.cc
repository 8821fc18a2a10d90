#include "gramian/geometry/spectral_norm.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

// Residual at which a Ritz value is taken for the eigenvalue, as a share of it.
constexpr double kResidual = 4096.0 * std::numeric_limits<double>::epsilon();
// Steps between two looks at the Ritz values.
constexpr Index kLook = 8;

// A vector of unit length that no eigenvector of a matrix from data is orthogonal to: fractional
// parts of multiples of the golden ratio.
Vector Start(Index n) {
  constexpr double kGoldenRatio = 1.618033988749894848;
  Vector start(n);
  for (Index i = 0; i < n; ++i) {
    const double multiple = kGoldenRatio * static_cast<double>(i + 1);
    start[i] = 0.5 + multiple - std::floor(multiple);
  }
  return start.normalized();
}

absl::Status Multiply(const ComputeContext& context, const Matrix& a, const Vector& x, Vector& y) {
  constexpr Index kRows = 128;
  const Index n = a.rows();
  return ParallelFor(context, (n + kRows - 1) / kRows, [&](int64_t block) {
    const Index first = block * kRows;
    const Index count = std::min(kRows, n - first);
    y.segment(first, count).noalias() = a.middleRows(first, count) * x;
    return absl::OkStatus();
  });
}

// The largest Ritz value by size of the tridiagonal matrix of the first `steps` steps, and the
// bound of its error.
struct Ritz {
  double value = 0.0;
  double error = 0.0;
};
absl::StatusOr<Ritz> LargestRitz(const Matrix& tridiagonal, Index steps, double next_beta) {
  GRAMIAN_ASSIGN_OR_RETURN(const SymmetricEigen eigen,
                           EigenDecompose(tridiagonal.topLeftCorner(steps, steps)));
  Index largest = 0;
  eigen.values.cwiseAbs().maxCoeff(&largest);
  return Ritz{std::abs(eigen.values[largest]),
              next_beta * std::abs(eigen.vectors(largest, steps - 1))};
}

}  // namespace

absl::StatusOr<double> SpectralNorm(const ComputeContext& context, const Matrix& symmetric) {
  const Index n = symmetric.rows();
  Index capacity = std::min<Index>(n, 8 * kLook);
  Matrix basis(capacity, n);
  Matrix tridiagonal = Matrix::Zero(capacity, capacity);
  basis.row(0) = Start(n).transpose();
  Vector next(n);
  for (Index step = 0;; ++step) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    GRAMIAN_RETURN_IF_ERROR(Multiply(context, symmetric, basis.row(step).transpose(), next));
    const auto known = basis.topRows(step + 1);
    tridiagonal(step, step) = basis.row(step).dot(next);
    // Twice is enough.
    for (int pass = 0; pass < 2; ++pass) next -= known.transpose() * (known * next).eval();
    const double beta = next.norm();
    const Index steps = step + 1;
    if (steps % kLook == 0 || steps == n || beta == 0.0) {
      GRAMIAN_ASSIGN_OR_RETURN(const Ritz ritz, LargestRitz(tridiagonal, steps, beta));
      if (steps == n || ritz.error <= kResidual * ritz.value) return ritz.value;
    }
    if (steps == capacity) {
      capacity = std::min(n, 2 * capacity);
      GRAMIAN_RETURN_IF_ERROR(
          context.CheckScratch(8 * capacity * (n + capacity), "the steps towards an eigenvalue"));
      basis.conservativeResize(capacity, Eigen::NoChange);
      const Matrix old = std::move(tridiagonal);
      tridiagonal = Matrix::Zero(capacity, capacity);
      tridiagonal.topLeftCorner(steps, steps) = old;
    }
    tridiagonal(step, steps) = beta;
    tridiagonal(steps, step) = beta;
    basis.row(steps) = next.transpose() / beta;
  }
}

}  // namespace gramian
