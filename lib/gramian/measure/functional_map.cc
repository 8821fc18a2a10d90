#include "gramian/measure/functional_map.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"
#include "gramian/base/tiled_product.h"
#include "gramian/geometry/nearest_rows.h"

namespace gramian {
namespace {

// Relative residual at which conjugate gradients end.
constexpr double kResidual = 1.0e-11;

// q x k^2: row q is phi' diag(f_q) phi, k x k, symmetric.
absl::StatusOr<Matrix> MultiplicationOperators(const ComputeContext& context,
                                               const LaplacianEigenbasis& basis,
                                               const Matrix& functions) {
  constexpr Index kInputs = 1024;
  const Matrix& modes = basis.modes();
  const Index k = modes.rows();
  const Index n = modes.cols();
  Matrix operators = Matrix::Zero(functions.rows(), k * k);
  const auto multiply = [&](int64_t q) -> absl::Status {
    for (Index first = 0; first < n; first += kInputs) {
      GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
      const Index count = std::min(kInputs, n - first);
      const Matrix scaled = modes.middleCols(first, count) *
                            functions.row(q).segment(first, count).transpose().asDiagonal();
      Gemm(Transpose::kNo, Transpose::kYes, k, k, count, 1.0, scaled.data(), count,
           modes.data() + first, n, 1.0, &operators(q, 0), k);
    }
    return absl::OkStatus();
  };
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, functions.rows(), multiply));
  return operators;
}

// sum_q S_q^2, S_q symmetric.
Matrix SumOfSquares(const Matrix& operators, Index k) {
  Matrix sum = Matrix::Zero(k, k);
  for (Index q = 0; q < operators.rows(); ++q) {
    const Eigen::Map<const Matrix> s(operators.row(q).data(), k, k);
    sum.noalias() += s * s;
  }
  return sum;
}

// The energy, its gradient and its Hessian, which is constant.
class Problem {
 public:
  static absl::StatusOr<Problem> Create(const ComputeContext& context, const LaplacianEigenbasis& a,
                                        const LaplacianEigenbasis& b, const Matrix& a_functions,
                                        const Matrix& b_functions, const MapWeights& weights) {
    Problem problem;
    problem.weights_ = weights;
    problem.a_size_ = a.size();
    problem.b_size_ = b.size();
    GRAMIAN_ASSIGN_OR_RETURN(
        problem.a_, Product(context, a.modes(), Transpose::kNo, a_functions, Transpose::kYes));
    GRAMIAN_ASSIGN_OR_RETURN(
        problem.b_, Product(context, b.modes(), Transpose::kNo, b_functions, Transpose::kYes));
    problem.gram_ = Product(problem.a_, Transpose::kNo, problem.a_, Transpose::kYes);
    problem.mask_.resize(b.size(), a.size());
    for (Index i = 0; i < b.size(); ++i) {
      problem.mask_.row(i) = (a.values().array() - b.values()[i]).square().transpose();
    }
    const double total = problem.mask_.sum();
    if (total > 0.0) problem.mask_ /= total;
    if (weights.commutativity > 0.0) {
      GRAMIAN_ASSIGN_OR_RETURN(problem.a_operators_,
                               MultiplicationOperators(context, a, a_functions));
      GRAMIAN_ASSIGN_OR_RETURN(problem.b_operators_,
                               MultiplicationOperators(context, b, b_functions));
    } else {
      problem.a_operators_.resize(0, a.size() * a.size());
      problem.b_operators_.resize(0, b.size() * b.size());
    }
    problem.a_squares_ = SumOfSquares(problem.a_operators_, a.size());
    problem.b_squares_ = SumOfSquares(problem.b_operators_, b.size());
    return problem;
  }

  // Smoothest to smoothest, everything else 0.
  Matrix Start() const {
    Matrix start = Matrix::Zero(b_size_, a_size_);
    start(0, 0) = 1.0;
    return start;
  }

  double Energy(const Matrix& c) const {
    double energy = weights_.descriptor * (c * a_ - b_).squaredNorm() +
                    weights_.laplacian * (mask_.array() * c.array().square()).sum();
    for (Index q = 0; q < a_operators_.rows(); ++q) {
      energy += weights_.commutativity * (c * OfA(q) - OfB(q) * c).squaredNorm();
    }
    return 0.5 * energy;
  }

  // The Hessian applied to c.
  absl::StatusOr<Matrix> Apply(const ComputeContext& context, const Matrix& c) const {
    // The same blocks whatever the threads.
    constexpr Index kBlock = 8;
    const Index count = a_operators_.rows();
    std::vector<Matrix> sums(static_cast<size_t>((count + kBlock - 1) / kBlock));
    GRAMIAN_RETURN_IF_ERROR(
        ParallelFor(context, static_cast<int64_t>(sums.size()), [&](int64_t block) {
          Matrix sum = Matrix::Zero(b_size_, a_size_);
          for (Index q = block * kBlock; q < std::min(count, (block + 1) * kBlock); ++q) {
            sum.noalias() += OfB(q) * (c * OfA(q)).eval();
          }
          sums[static_cast<size_t>(block)] = std::move(sum);
          return absl::OkStatus();
        }));
    Matrix commuting = b_squares_ * c + c * a_squares_;
    for (const Matrix& sum : sums) commuting -= 2.0 * sum;
    return Matrix(weights_.descriptor * (c * gram_) +
                  weights_.laplacian * (mask_.array() * c.array()).matrix() +
                  weights_.commutativity * commuting);
  }

  // Minus the gradient at c in the free columns, b_size x (a_size - 1).
  absl::StatusOr<Matrix> Descent(const ComputeContext& context, const Matrix& c) const {
    GRAMIAN_ASSIGN_OR_RETURN(const Matrix applied, Apply(context, c));
    const Matrix target = weights_.descriptor * Product(b_, Transpose::kNo, a_, Transpose::kYes);
    return Matrix((target - applied).rightCols(a_size_ - 1));
  }

  absl::StatusOr<Matrix> SolveDirectly(const ComputeContext& context) const;
  absl::StatusOr<Matrix> Iterate(const ComputeContext& context, int64_t& iterations) const;

 private:
  Eigen::Map<const Matrix> OfA(Index q) const {
    return Eigen::Map<const Matrix>(a_operators_.row(q).data(), a_size_, a_size_);
  }
  Eigen::Map<const Matrix> OfB(Index q) const {
    return Eigen::Map<const Matrix>(b_operators_.row(q).data(), b_size_, b_size_);
  }
  Matrix Diagonal() const;

  MapWeights weights_;
  Index a_size_ = 0;
  Index b_size_ = 0;
  Matrix a_;     // k_a x q
  Matrix b_;     // k_b x q
  Matrix gram_;  // a_ a_'
  Matrix mask_;  // k_b x k_a
  Matrix a_operators_;
  Matrix b_operators_;
  Matrix a_squares_;
  Matrix b_squares_;
};

// Unknown (i, j), j >= 1, is number i (k_a - 1) + j - 1.
absl::StatusOr<Matrix> Problem::SolveDirectly(const ComputeContext& context) const {
  const Index free = a_size_ - 1;
  const Index unknowns = b_size_ * free;
  GRAMIAN_RETURN_IF_ERROR(
      context.CheckScratch(8 * (2 * unknowns * unknowns + a_size_ * a_size_ * b_size_ * b_size_),
                           "the normal equations of a functional map"));
  Matrix hessian = Matrix::Zero(unknowns, unknowns);
  {
    GRAMIAN_ASSIGN_OR_RETURN(const Matrix cross, Product(context, b_operators_, Transpose::kYes,
                                                         a_operators_, Transpose::kNo));
    const Matrix own = weights_.descriptor * gram_ + weights_.commutativity * a_squares_;
    GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, b_size_, [&](int64_t i) {
      for (Index p = 0; p < b_size_; ++p) {
        const Eigen::Map<const Matrix> mixed(cross.row(i * b_size_ + p).data(), a_size_, a_size_);
        auto block = hessian.block(i * free, p * free, free, free);
        block = -2.0 * weights_.commutativity * mixed.bottomRightCorner(free, free);
        block.diagonal().array() += weights_.commutativity * b_squares_(i, p);
        if (p != i) continue;
        block += own.bottomRightCorner(free, free);
        block.diagonal() += weights_.laplacian * mask_.row(i).tail(free).transpose();
      }
      return absl::OkStatus();
    }));
  }
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix right, Descent(context, Start()));
  const double ridge = 1.0e-12 * hessian.trace() / static_cast<double>(unknowns);
  Eigen::LLT<Matrix> cholesky(hessian);
  if (cholesky.info() != Eigen::Success) {
    hessian.diagonal().array() += ridge;
    cholesky.compute(hessian);
  }
  if (cholesky.info() != Eigen::Success) {
    return absl::InternalError("the normal equations of a functional map are singular");
  }
  const Vector solution = cholesky.solve(Eigen::Map<const Vector>(right.data(), right.size()));
  Matrix map = Start();
  map.rightCols(free) = Eigen::Map<const Matrix>(solution.data(), b_size_, free);
  return map;
}

Matrix Problem::Diagonal() const {
  const Index count = a_operators_.rows();
  Matrix a_diagonals(count, a_size_);
  Matrix b_diagonals(count, b_size_);
  for (Index q = 0; q < count; ++q) {
    a_diagonals.row(q) = OfA(q).diagonal();
    b_diagonals.row(q) = OfB(q).diagonal();
  }
  Matrix diagonal = weights_.laplacian * mask_ -
                    2.0 * weights_.commutativity * (b_diagonals.transpose() * a_diagonals);
  diagonal.rowwise() +=
      (weights_.descriptor * gram_.diagonal() + weights_.commutativity * a_squares_.diagonal())
          .transpose();
  diagonal.colwise() += weights_.commutativity * b_squares_.diagonal();
  const double largest = diagonal.maxCoeff();
  return diagonal.cwiseMax(largest > 0.0 ? 1.0e-12 * largest : 1.0);
}

absl::StatusOr<Matrix> Problem::Iterate(const ComputeContext& context, int64_t& iterations) const {
  const Index free = a_size_ - 1;
  const Matrix scale = Diagonal().rightCols(free);
  Matrix map = Start();
  GRAMIAN_ASSIGN_OR_RETURN(Matrix residual, Descent(context, map));
  const double first = residual.norm();
  Matrix direction = Matrix::Zero(b_size_, a_size_);
  double squared = 0.0;
  for (iterations = 0; residual.norm() > kResidual * first; ++iterations) {
    if (iterations == kMaxMapIterations) {
      return absl::InternalError(absl::StrCat("a functional map is not found in ",
                                              kMaxMapIterations, " steps of conjugate gradients"));
    }
    const Matrix scaled = residual.cwiseQuotient(scale);
    const double next = residual.cwiseProduct(scaled).sum();
    direction.rightCols(free) =
        scaled + (iterations == 0 ? 0.0 : next / squared) * direction.rightCols(free);
    squared = next;
    GRAMIAN_ASSIGN_OR_RETURN(const Matrix applied, Apply(context, direction));
    const double curvature = direction.cwiseProduct(applied).sum();
    // No curvature: the energy is flat from here.
    if (curvature <= 0.0) break;
    map += (squared / curvature) * direction;
    residual -= (squared / curvature) * applied.rightCols(free);
  }
  return map;
}

// n x r, the first r coefficients of every input.
Matrix PointsOf(const LaplacianEigenbasis& basis, Index r) {
  return basis.modes().topRows(r).transpose();
}

}  // namespace

absl::StatusOr<Matrix> KnownFunctionalMap(const ComputeContext& context,
                                          const LaplacianEigenbasis& a,
                                          const LaplacianEigenbasis& b) {
  return Product(context, b.modes(), Transpose::kNo, a.modes(), Transpose::kYes);
}

absl::StatusOr<Matrix> KnownFunctionalMap(const ComputeContext& context,
                                          const LaplacianEigenbasis& a,
                                          const LaplacianEigenbasis& b,
                                          absl::Span<const int32_t> matches) {
  Matrix matched(a.size(), static_cast<Index>(matches.size()));
  for (Index i = 0; i < matched.cols(); ++i) {
    matched.col(i) = a.modes().col(matches[static_cast<size_t>(i)]);
  }
  return Product(context, b.modes(), Transpose::kNo, matched, Transpose::kYes);
}

absl::StatusOr<FittedMap> FitFunctionalMap(const ComputeContext& context,
                                           const LaplacianEigenbasis& a,
                                           const LaplacianEigenbasis& b, const Matrix& a_functions,
                                           const Matrix& b_functions, const MapWeights& weights,
                                           MapSolver solver) {
  const int64_t count = a_functions.rows();
  if (count == 0 || b_functions.rows() != count) {
    return absl::InvalidArgumentError(
        absl::StrCat("descriptors of two layers must be as many, at "
                     "least one, not ",
                     count, " and ", b_functions.rows()));
  }
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(
      8 * count * (a.size() * a.size() + b.size() * b.size()), "operators of descriptors"));
  GRAMIAN_ASSIGN_OR_RETURN(const Problem problem,
                           Problem::Create(context, a, b, a_functions, b_functions, weights));
  const bool direct =
      solver == MapSolver::kDirect ||
      (solver == MapSolver::kAuto && b.size() * (a.size() - 1) <= kMaxDirectUnknowns);
  FittedMap fitted;
  if (direct) {
    GRAMIAN_ASSIGN_OR_RETURN(fitted.map, problem.SolveDirectly(context));
  } else {
    GRAMIAN_ASSIGN_OR_RETURN(fitted.map, problem.Iterate(context, fitted.iterations));
  }
  fitted.energy = problem.Energy(fitted.map);
  return fitted;
}

absl::StatusOr<std::vector<int32_t>> PointMapOf(const ComputeContext& context, const Matrix& map,
                                                const LaplacianEigenbasis& a,
                                                const LaplacianEigenbasis& b) {
  GRAMIAN_RETURN_IF_ERROR(
      context.CheckScratch(8 * ((a.rows() + b.rows()) * map.rows() + a.rows() * map.cols()),
                           "points of a functional map"));
  GRAMIAN_ASSIGN_OR_RETURN(const Matrix moved, Product(context, PointsOf(a, map.cols()),
                                                       Transpose::kNo, map, Transpose::kYes));
  return NearestRows(context, moved, PointsOf(b, map.rows()));
}

absl::StatusOr<Matrix> ZoomOut(const ComputeContext& context, const Matrix& map,
                               const LaplacianEigenbasis& a, const LaplacianEigenbasis& b,
                               int64_t steps) {
  const Index smaller = std::min(map.rows(), map.cols());
  if (steps < 0 || smaller - steps < 2) {
    return absl::InvalidArgumentError(absl::StrCat("steps of refinement are ", steps,
                                                   ", must be from 0 to ", smaller - 2,
                                                   " for a map of ", smaller, " functions"));
  }
  Matrix current = map.topLeftCorner(map.rows() - steps, map.cols() - steps);
  for (int64_t step = 0; step < steps; ++step) {
    GRAMIAN_ASSIGN_OR_RETURN(const std::vector<int32_t> matches,
                             PointMapOf(context, current, a, b));
    GRAMIAN_ASSIGN_OR_RETURN(const Matrix whole, KnownFunctionalMap(context, a, b, matches));
    current = whole.topLeftCorner(current.rows() + 1, current.cols() + 1);
  }
  return current;
}

}  // namespace gramian
