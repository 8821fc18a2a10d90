#include "gramian/geometry/laplacian_eigenbasis.h"

#include <Spectra/SymEigsSolver.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/base/symmetric_eigen.h"

namespace gramian {
namespace {

constexpr int64_t kDenseRows = 512;
constexpr double kResidual = 1.0e-12;
constexpr Index kMaxRestarts = 1000;

// What Spectra asks of a matrix. It cannot be interrupted; so once the context is stopped this is
// the identity, with which any Krylov space is invariant and the iteration ends.
class NormalizedWeights {
 public:
  using Scalar = double;

  NormalizedWeights(const ComputeContext& context, const NeighborGraph& graph)
      : context_(context), graph_(graph) {}

  Index rows() const { return graph_.rows(); }
  Index cols() const { return graph_.rows(); }
  void perform_op(const double* x, double* y) const {
    if (!context_.CheckStop().ok() || !graph_.Multiply(context_, x, y).ok()) {
      std::copy(x, x + graph_.rows(), y);
    }
  }

 private:
  const ComputeContext& context_;
  const NeighborGraph& graph_;
};

absl::StatusOr<SymmetricEigen> DenseEigen(const ComputeContext& context,
                                          const NeighborGraph& graph) {
  const int64_t n = graph.rows();
  GRAMIAN_RETURN_IF_ERROR(
      context.CheckScratch(4 * 8 * n * n, "the eigendecomposition of a graph of neighbours"));
  Matrix dense = Matrix::Zero(n, n);
  for (int64_t i = 0; i < n; ++i) {
    const auto targets = graph.Of(i);
    const auto weights = graph.NormalizedWeightsOf(i);
    for (size_t e = 0; e < targets.size(); ++e) dense(i, targets[e]) = weights[e];
  }
  return EigenDecompose(context, std::move(dense));
}

// Near the square root of the degrees, which is an eigenvector, but orthogonal to none: with
// fractional parts of multiples of the golden ratio.
Vector Start(const NeighborGraph& graph) {
  constexpr double kGoldenRatio = 1.618033988749894848;
  Vector start = graph.degrees().cwiseSqrt();
  for (Index i = 0; i < start.size(); ++i) {
    const double multiple = kGoldenRatio * static_cast<double>(i + 1);
    start[i] *= 0.5 + multiple - std::floor(multiple);
  }
  return start;
}

absl::StatusOr<SymmetricEigen> LanczosEigen(const ComputeContext& context,
                                            const NeighborGraph& graph, Index count) {
  const Index n = graph.rows();
  const Index vectors = std::min(n, 2 * count + 20);
  GRAMIAN_RETURN_IF_ERROR(
      context.CheckScratch(8 * n * (vectors + 2 * count), "vectors of the Lanczos iteration"));
  NormalizedWeights weights(context, graph);
  const Vector start = Start(graph);
  // The library throws where an inner decomposition fails.
  try {
    Spectra::SymEigsSolver<NormalizedWeights> solver(weights, count, vectors);
    solver.init(start.data());
    const Index converged = solver.compute(Spectra::SortRule::LargestAlge, kMaxRestarts, kResidual);
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    if (solver.info() != Spectra::CompInfo::Successful || converged < count) {
      return absl::InternalError(absl::StrCat("the Lanczos iteration found ", converged, " of ",
                                              count, " eigenvectors in ", kMaxRestarts,
                                              " restarts"));
    }
    return SymmetricEigen{solver.eigenvalues(), solver.eigenvectors().transpose()};
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("the Lanczos iteration failed: ", error.what()));
  }
}

}  // namespace

absl::StatusOr<std::shared_ptr<const LaplacianEigenbasis>> LaplacianEigenbasis::Compute(
    const ComputeContext& context, const NeighborGraph& graph, Index k) {
  const Index count = k + 1;
  const bool is_dense = graph.rows() <= kDenseRows || 4 * count > graph.rows();
  GRAMIAN_ASSIGN_OR_RETURN(const SymmetricEigen eigen, is_dense
                                                           ? DenseEigen(context, graph)
                                                           : LanczosEigen(context, graph, count));
  auto basis = std::make_shared<LaplacianEigenbasis>();
  basis->values_ = (1.0 - eigen.values.head(k).array()).max(0.0).min(2.0);
  basis->gap_ = std::max(eigen.values[k - 1] - eigen.values[k], 0.0);
  basis->modes_ = eigen.vectors.topRows(k);
  for (Index i = 0; i < k; ++i) {
    Index largest = 0;
    basis->modes_.row(i).cwiseAbs().maxCoeff(&largest);
    if (basis->modes_(i, largest) < 0.0) basis->modes_.row(i) *= -1.0;
  }
  basis->component_count_ = graph.component_count();
  basis->is_constant_ = graph.is_constant();
  return basis;
}

}  // namespace gramian
