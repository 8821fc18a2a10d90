// Networks as paths through the space that a measure places layers in.
#ifndef GRAMIAN_ENGINE_PATH_REPORT_H_
#define GRAMIAN_ENGINE_PATH_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/engine/operand_source.h"
#include "gramian/engine/score_matrix.h"
#include "gramian/measure/measure.h"
#include "gramian/measure/metric_mds.h"
#include "gramian/measure/path_analysis.h"
#include "gramian/measure/tangent_analysis.h"
#include "gramian/store/layer.h"

namespace gramian {

// What to say about paths beside their own geometry.
struct PathOptions {
  std::vector<double> fractions;  // each in [0, 1], of the geodesic
  Index dimensions = 0;           // of the picture; 0 for none
  Index directions = 0;           // principal ones at the Frechet mean; 0 for none, nor a mean
};

// One network's path.
struct NetworkPath {
  std::vector<LayerKey> layers;  // its points, in order
  std::vector<Index> points;     // their rows in the matrices of PathReport
  PathAnalysis analysis;
};

// The paths of one or several networks. Layers with the same content are one point: networks that
// begin at the same input share it.
struct PathReport {
  std::string measure;                   // canonical name
  ScoreSpace space = ScoreSpace::kNone;  // of the measure
  int64_t rows = 0;                      // n
  std::vector<NetworkPath> paths;        // as asked for
  Index point_count = 0;                 // K, different ones
  std::vector<bool> is_placed;           // K; false for a layer that has no scores (constant)
  ScoreStatus placed_status = ScoreStatus::kOk;  // of mean and picture: why there are none
  // K rows each, 0 for points that are not placed:
  TangentAnalysis tangents;
  MdsEmbedding picture;
  int64_t cached = 0;  // scores that were known
};

// Completes `report`, of which paths[i].layers and points are given, with the scores of `sources`
// (K of them; all over the same n inputs) by `measure`. K (K + 1) / 2 scores, through `scorer` and
// its result store; beside that O(K) for every path where these scores say everything
// (FollowsFromScores), else the points themselves and O(K) questions of PathGeometry, and the costs
// of TangentAnalysis and MdsEmbedding. INVALID_ARGUMENT if the measure places nothing
// (ScoreSpace::kNone) or a fraction is outside [0, 1]; errors of Scorer.
absl::Status CompletePathReport(const ComputeContext& context, Scorer& scorer,
                                const SimilarityMeasure& measure,
                                const std::vector<OperandSource>& sources,
                                const PathOptions& options, PathReport& report);

}  // namespace gramian

#endif  // GRAMIAN_ENGINE_PATH_REPORT_H_
