// A network as a path through the space of representations: input -> layers -> target.
#ifndef GRAMIAN_MEASURE_PATH_ANALYSIS_H_
#define GRAMIAN_MEASURE_PATH_ANALYSIS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "gramian/measure/path_geometry.h"
#include "gramian/measure/point_set.h"

namespace gramian {

// What the path p_0 ... p_K-1 looks like beside the geodesic from its first point to its last, the
// target. A number that is not defined has a status and does not take the others with it.
struct PathAnalysis {
  PathValue length;    // sum of the segments
  PathValue geodesic;  // distance of the first point and the target
  PathValue slack;     // length / geodesic, >= 1; kCoincidingPoints if the geodesic is 0
  std::vector<PathValue> segments;  // K-1: from p_i to p_i+1
  // K-2 each, of the points p_1 ... p_K-2 between the ends:
  std::vector<PathValue> angles;        // at p_i between p_i-1 and p_i+1; pi goes straight on
  std::vector<PathValue> curvatures;    // Alexandrov, of p_i-1, p_i, p_i+1
  std::vector<Projection> projections;  // on the geodesic
  // K-2, of the points p_0 ... p_K-3 before the last segment: at p_i between the step to p_i+1 and
  // the direction to the target; 0 goes there, pi/2 comes no nearer at first.
  std::vector<PathValue> target_angles;
  // One for each fraction asked for: from every point of the path (K) to the point of the geodesic
  // at that fraction.
  std::vector<std::vector<PathValue>> geodesic_distances;
};

// Of the path through points[path[0]], points[path[1]], ...: at least two, repetitions allowed.
// Each of `fractions` is in [0, 1]. O(K) questions, and K more for each fraction. Errors of the
// geometry. Source: Lange et al. 2022, arXiv 2206.10999.
absl::StatusOr<PathAnalysis> AnalyzePath(const PathGeometry& points, absl::Span<const Index> path,
                                         absl::Span<const double> fractions);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_PATH_ANALYSIS_H_
