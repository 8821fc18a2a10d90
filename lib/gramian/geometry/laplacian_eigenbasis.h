// The smoothest functions on the inputs of a layer.
#ifndef GRAMIAN_GEOMETRY_LAPLACIAN_EIGENBASIS_H_
#define GRAMIAN_GEOMETRY_LAPLACIAN_EIGENBASIS_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/geometry/neighbor_graph.h"

namespace gramian {

// The first k eigenvectors phi_1 ... phi_k of the normalised Laplacian L = I - D^-1/2 W D^-1/2 of a
// graph, orthonormal, by ascending eigenvalue: a basis for functions on the n inputs. The first has
// eigenvalue 0 and is the square root of the degrees. Of each the entry of largest modulus is
// positive. Immutable.
//
// They come from the algebraically largest eigenvalues of I - L; taking the largest in modulus, as
// the authors' code does, would let the least smooth functions in. Within an eigenspace of several
// dimensions the basis is as good as any; what depends on it should cut where gap() is not small.
class LaplacianEigenbasis {
 public:
  // 1 <= k < n. Dense (9 n^3 flops, 24 n^2 bytes) for n <= 512 or 4 (k + 1) > n, else Lanczos with
  // restarts, 2 k + 20 vectors of n doubles and products with the graph, residuals below 1e-12;
  // Lanczos finds an eigenvalue of several dimensions as often as rounding lets it. Results depend
  // on the arguments alone. CANCELLED; RESOURCE_EXHAUSTED; INTERNAL if it does not converge.
  static absl::StatusOr<std::shared_ptr<const LaplacianEigenbasis>> Compute(
      const ComputeContext& context, const NeighborGraph& graph, Index k);

  Index size() const { return modes_.rows(); }    // k
  int64_t rows() const { return modes_.cols(); }  // n
  // k, ascending, in [0, 2].
  const Vector& values() const { return values_; }
  // k x n: row i is the function phi_i.
  const Matrix& modes() const { return modes_; }
  // Eigenvalue k + 1 minus eigenvalue k.
  double gap() const { return gap_; }
  // Of the graph before it was made connected.
  int64_t component_count() const { return component_count_; }
  // Whether all inputs are alike.
  bool is_constant() const { return is_constant_; }

  int64_t size_bytes() const {
    return static_cast<int64_t>(sizeof(*this)) + 8 * (modes_.size() + values_.size());
  }

 private:
  Vector values_;
  Matrix modes_;
  double gap_ = 0.0;
  int64_t component_count_ = 1;
  bool is_constant_ = false;
};

}  // namespace gramian

#endif  // GRAMIAN_GEOMETRY_LAPLACIAN_EIGENBASIS_H_
