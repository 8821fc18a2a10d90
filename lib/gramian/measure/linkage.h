// Agglomerative hierarchical clustering: points joined by falling similarity, as a dendrogram shows
// it.
#ifndef GRAMIAN_MEASURE_LINKAGE_H_
#define GRAMIAN_MEASURE_LINKAGE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"

namespace gramian {

// The distance of two clusters.
enum class LinkageMethod {
  kAverage,   // mean of the distances of their points (UPGMA)
  kComplete,  // the largest of them
};

// Two clusters that become one. Points are clusters 0 ... K-1, the i-th merge is cluster K + i.
struct Merge {
  Index first = 0;  // < second
  Index second = 0;
  double height = 0.0;  // their distance; does not fall from merge to merge
  Index size = 0;       // points of the new cluster
};

// A dendrogram of K points.
struct Dendrogram {
  std::vector<Merge> merges;      // K - 1, by height: the rows of SciPy's linkage matrix
  std::vector<Index> leaf_order;  // K: leaves from left to right, `first` of a merge at the left
};

// Of `distances`, K x K, K >= 1, symmetric, finite, with zero diagonal. Nearest-neighbour chains:
// K^2 time and K^2 doubles of scratch. Among equal distances the choice depends on the matrix
// alone. RESOURCE_EXHAUSTED; CANCELLED. Sources: Sokal and Michener 1958; Benzecri 1982; Muellner
// 2011, arXiv 1109.2378.
absl::StatusOr<Dendrogram> ClusterHierarchically(const ComputeContext& context,
                                                 const Matrix& distances, LinkageMethod method);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_LINKAGE_H_
