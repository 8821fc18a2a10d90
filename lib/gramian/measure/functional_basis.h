// The graph and the eigenbasis of a layer, through the cache.
#ifndef GRAMIAN_MEASURE_FUNCTIONAL_BASIS_H_
#define GRAMIAN_MEASURE_FUNCTIONAL_BASIS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/geometry/laplacian_eigenbasis.h"
#include "gramian/geometry/neighbor_graph.h"
#include "gramian/measure/operand.h"

namespace gramian {

// Of a layer with n >= 2 inputs. Cost and errors of NeighborGraph::Compute.
inline absl::StatusOr<std::shared_ptr<const NeighborGraph>> GetNeighborGraph(
    const ComputeContext& context, const Operand& layer, const GraphSpec& spec) {
  return layer.Derive<NeighborGraph>(
      context, absl::StrCat("neighbor_graph/", spec.ToString()), [&](const ComputeContext& entry) {
        return NeighborGraph::Compute(entry, *layer.layers()[0], spec);
      });
}

// Its first k eigenvectors, 1 <= k < n. Cost and errors of LaplacianEigenbasis::Compute.
inline absl::StatusOr<std::shared_ptr<const LaplacianEigenbasis>> GetEigenbasis(
    const ComputeContext& context, const Operand& layer, const GraphSpec& spec, Index k) {
  return layer.Derive<LaplacianEigenbasis>(
      context, absl::StrCat("laplacian_eigenbasis/", spec.ToString(), "/", k),
      [&](const ComputeContext& entry)
          -> absl::StatusOr<std::shared_ptr<const LaplacianEigenbasis>> {
        GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const NeighborGraph> graph,
                                 GetNeighborGraph(entry, layer, spec));
        return LaplacianEigenbasis::Compute(entry, *graph, k);
      });
}

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_FUNCTIONAL_BASIS_H_
