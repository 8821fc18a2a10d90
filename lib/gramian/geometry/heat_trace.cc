#include "gramian/geometry/heat_trace.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"
#include "gramian/base/symmetric_eigen.h"

namespace gramian {
namespace {

// The symmetric graph as lists of adjacent inputs.
class Graph {
 public:
  explicit Graph(const Neighbors& neighbors) {
    const int64_t n = neighbors.rows();
    adjacent_.resize(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) {
      for (const int32_t j : neighbors.Of(i)) {
        adjacent_[static_cast<size_t>(i)].push_back(j);
        adjacent_[static_cast<size_t>(j)].push_back(static_cast<int32_t>(i));
      }
    }
    scale_.resize(n);
    for (int64_t i = 0; i < n; ++i) {
      std::vector<int32_t>& list = adjacent_[static_cast<size_t>(i)];
      std::sort(list.begin(), list.end());
      list.erase(std::unique(list.begin(), list.end()), list.end());
      scale_[i] = 1.0 / std::sqrt(static_cast<double>(list.size()));
    }
  }

  Index size() const { return scale_.size(); }

  // L x.
  Vector Multiply(const Vector& x) const {
    const Vector scaled = x.cwiseProduct(scale_);
    Vector result = x;
    for (Index i = 0; i < x.size(); ++i) {
      double sum = 0.0;
      for (const int32_t j : adjacent_[static_cast<size_t>(i)]) sum += scaled[j];
      result[i] -= scale_[i] * sum;
    }
    return result;
  }

  Matrix Dense() const {
    Matrix laplacian = Matrix::Identity(size(), size());
    for (Index i = 0; i < size(); ++i) {
      for (const int32_t j : adjacent_[static_cast<size_t>(i)]) {
        laplacian(i, j) = -scale_[i] * scale_[j];
      }
    }
    return laplacian;
  }

 private:
  std::vector<std::vector<int32_t>> adjacent_;
  Vector scale_;
};

// Unit vector of random signs.
Vector Signs(Index n, int64_t seed, int64_t probe) {
  std::seed_seq seeds{static_cast<uint32_t>(seed), static_cast<uint32_t>(probe)};
  std::mt19937_64 generator(seeds);
  const double size = 1.0 / std::sqrt(static_cast<double>(n));
  Vector signs(n);
  uint64_t bits = 0;
  for (Index i = 0; i < n; ++i) {
    bits = i % 64 == 0 ? generator() : bits >> 1;
    signs[i] = (bits & 1) != 0 ? size : -size;
  }
  return signs;
}

// v' exp(-t L) v at the times, v of unit length.
absl::StatusOr<Vector> Quadrature(const Graph& graph, Vector v, absl::Span<const double> times) {
  constexpr Index kSteps = 32;
  // What is left of a vector in an invariant subspace.
  constexpr double kRounding = 256.0 * std::numeric_limits<double>::epsilon();
  const Index most = std::min(kSteps, graph.size());
  Matrix basis(most, graph.size());
  Matrix tridiagonal = Matrix::Zero(most, most);
  Index steps = 0;
  while (steps < most) {
    basis.row(steps) = v.transpose();
    Vector next = graph.Multiply(v);
    tridiagonal(steps, steps) = v.dot(next);
    const auto known = basis.topRows(++steps);
    // Twice is enough.
    for (int pass = 0; pass < 2; ++pass) next -= known.transpose() * (known * next).eval();
    const double beta = next.norm();
    if (steps == most || beta <= kRounding) break;
    tridiagonal(steps - 1, steps) = tridiagonal(steps, steps - 1) = beta;
    v = next / beta;
  }
  GRAMIAN_ASSIGN_OR_RETURN(const SymmetricEigen eigen,
                           EigenDecompose(Matrix(tridiagonal.topLeftCorner(steps, steps))));
  const Eigen::ArrayXd weights = eigen.vectors.col(0).array().square();
  Vector values(static_cast<Index>(times.size()));
  for (Index i = 0; i < values.size(); ++i) {
    values[i] = (weights * (-times[static_cast<size_t>(i)] * eigen.values.array()).exp()).sum();
  }
  return values;
}

}  // namespace

absl::StatusOr<Vector> ExactHeatTrace(const ComputeContext& context, const Neighbors& neighbors,
                                      absl::Span<const double> times) {
  const int64_t n = neighbors.rows();
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(4 * 8 * n * n, "the spectrum of a graph"));
  GRAMIAN_ASSIGN_OR_RETURN(const SymmetricEigen eigen,
                           EigenDecompose(context, Graph(neighbors).Dense()));
  Vector values(static_cast<Index>(times.size()));
  for (Index i = 0; i < values.size(); ++i) {
    values[i] = (-times[static_cast<size_t>(i)] * eigen.values.array()).exp().mean();
  }
  return values;
}

absl::StatusOr<Vector> EstimatedHeatTrace(const ComputeContext& context, const Neighbors& neighbors,
                                          absl::Span<const double> times, int64_t probes,
                                          int64_t seed) {
  constexpr int64_t kBytes = 300;
  const int64_t n = neighbors.rows();
  const int64_t threads = context.arena == nullptr ? 1 : context.arena->threads();
  const auto time_count = static_cast<int64_t>(times.size());
  GRAMIAN_RETURN_IF_ERROR(
      context.CheckScratch(kBytes * n * threads + 8 * n * neighbors.k() + 8 * probes * time_count,
                           "the steps of random probes"));
  const Graph graph(neighbors);
  Matrix values(probes, time_count);
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, probes, [&](int64_t probe) -> absl::Status {
    GRAMIAN_ASSIGN_OR_RETURN(const Vector one, Quadrature(graph, Signs(n, seed, probe), times));
    values.row(probe) = one.transpose();
    return absl::OkStatus();
  }));
  return Vector(values.colwise().mean().transpose());
}

}  // namespace gramian
