#ifndef GRAMIAN_CLIENT_PATH_TYPES_H_
#define GRAMIAN_CLIENT_PATH_TYPES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gramian/client/types.h"

namespace gramian::client {

// Where the scores of a measure place layers.
enum class PathSpace {
  kSphere,
  kEuclidean,
  kShape,             // layers up to a rotation of their features
  kAngularShape,      // the same of unit norm
  kPositiveDefinite,  // positive definite matrices, affine-invariant metric
};

// One network to be seen as a path: input -> layers -> target.
struct PathSource {
  std::string snapshot;             // resource name
  std::vector<std::string> layers;  // module paths on the way; empty means all by ordinal
  std::string input;   // resource name of the layer it begins at; empty means its first layer
  std::string target;  // resource name of the layer it leads to; empty means its last layer
};

// What to say about paths.
struct PathQuery {
  std::vector<PathSource> paths;
  std::string measure = "cka";  // whose scores place layers (PathSpace)
  std::vector<double> geodesic_fractions =
      {};                           // from 0 to 1: points of the geodesic to measure from
  int picture_dimension_count = 0;  // 0 means no picture
  int direction_count = 0;          // principal ones at the Frechet mean; 0 means neither
};

// A number, or why there is none.
using PathValue = Cell;

// Where a point lies beside the geodesic from the first point to the target.
struct PathProjection {
  ScoreStatus status = ScoreStatus::kOk;  // the rest means something for kOk
  double fraction = 0;       // of the nearest point of the geodesic: 0 first point, 1 target
  double distance = 0;       // to it
  double line_fraction = 0;  // the same on the geodesic continued beyond its ends, where it is
  double line_distance = 0;
};

// One point of a path. What an end of the path does not have is absent.
struct PathPoint {
  std::string layer;                 // resource name
  std::string label;                 // module path
  std::optional<PathValue> segment;  // distance to the next point
  std::optional<PathValue> angle;    // radians, between the points before and after; pi is straight
  std::optional<PathValue>
      target_angle;                    // radians, between the next step and the target's direction
  std::optional<PathValue> curvature;  // Alexandrov, with the points before and after
  std::optional<PathProjection> projection;
  std::vector<PathValue> geodesic_distances;  // one per fraction of the query
  std::optional<PathValue> mean_distance;     // to the Frechet mean
  std::vector<double> direction_coordinates;  // along the principal directions; may be empty
  std::vector<double> picture_coordinates;    // may be empty
};

// One network's path.
struct NetworkPath {
  std::string snapshot;  // resource name
  std::string label;     // network@step
  PathValue length;      // sum of the segments
  PathValue geodesic;    // distance of first point and target
  PathValue slack;       // length / geodesic, >= 1
  std::vector<PathPoint> points;
};

// The Frechet mean of all points and the principal directions at it.
struct PathMean {
  ScoreStatus status = ScoreStatus::kOk;  // the rest means something for kOk
  double variance = 0;                    // mean squared distance
  std::vector<double> shares;             // of the variance along each direction
};

// A picture of all points by metric multidimensional scaling.
struct PathPicture {
  double stress = 0;  // Kruskal's stress-1; 0 is exact
  int iteration_count = 0;
};

// The answer.
struct PathReport {
  std::string measure;  // canonical name
  PathSpace space = PathSpace::kSphere;
  int64_t input_count = 0;
  int64_t point_count = 0;  // different ones; layers with the same content are one
  std::vector<NetworkPath> paths;
  ScoreStatus placed_status = ScoreStatus::kOk;  // why neither mean nor picture came
  std::optional<PathMean> mean;
  std::optional<PathPicture> picture;
  int64_t cached_count = 0;  // of point_count^2 scores
  double elapsed_seconds = 0;
};

}  // namespace gramian::client

#endif  // GRAMIAN_CLIENT_PATH_TYPES_H_
