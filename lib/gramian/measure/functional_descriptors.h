// Functions on the inputs of a layer that two layers should agree on.
#ifndef GRAMIAN_MEASURE_FUNCTIONAL_DESCRIPTORS_H_
#define GRAMIAN_MEASURE_FUNCTIONAL_DESCRIPTORS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/geometry/laplacian_eigenbasis.h"
#include "gramian/geometry/neighbor_graph.h"
#include "gramian/representation/representation.h"

namespace gramian {

// Anchors are inputs known to correspond; a stands for each of them.
enum class DescriptorKind {
  kGeodesic,  // exp(-d(i, a)^2), d the shortest path in the graph; of Euclidean graphs divided by
              // the mean of all d(i, a), so that scale is of no matter
  kCosine,    // 1 - cos(x_i, x_a)
  kAnchoredHeat,  // heat kernel signatures, sum_k e^(-t lambda_k) phi_k(i) phi_k(a) over
                  // sum_k e^(-t lambda_k), at 10 times t from 4 ln 10 / lambda_max to the same over
                  // the first lambda > 0
  kHeat,          // the same with phi_k(i)^2: needs no anchor
  kWave,    // wave kernel signatures: phi_k(i)^2 weighted by a Gaussian in log lambda_k, at 10
            // energies; needs no anchor
  kLabels,  // L 1[label = c] for every label c of either layer: the Laplacian of its class
};

// "geodesic", "cosine", "anchored-heat", "heat", "wave", "labels".
const char* ToString(DescriptorKind kind);
// INVALID_ARGUMENT lists what there is.
absl::StatusOr<DescriptorKind> ParseDescriptorKind(absl::string_view text);

// One side. All of it outlives the call.
struct DescribedLayer {
  const Representation* layer;
  const NeighborGraph* graph;
  const LaplacianEigenbasis* basis;
  absl::Span<const int64_t> anchors;  // inputs, each in [0, n)
  absl::Span<const int64_t> labels;   // n of them, or none
};

// q x n functions: all of `kinds` below each other, in this order. `classes` are the labels that
// either layer has. Equal anchors and classes in the same order make rows of two layers correspond.
// Per anchor O(n k log n) for geodesics, O(n d) for cosines, O(n k) for heat. INVALID_ARGUMENT for
// a kind that needs anchors or labels where there are none; FAILED_PRECONDITION if kWave finds no
// eigenvalue above 1e-5. CANCELLED; RESOURCE_EXHAUSTED.
// Source: Fumero et al. 2024, arXiv 2406.14183; Sun et al. 2009 (heat); Aubry et al. 2011 (wave).
absl::StatusOr<Matrix> DescribeLayer(const ComputeContext& context, const DescribedLayer& side,
                                     absl::Span<const DescriptorKind> kinds,
                                     absl::Span<const int64_t> classes);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_FUNCTIONAL_DESCRIPTORS_H_
