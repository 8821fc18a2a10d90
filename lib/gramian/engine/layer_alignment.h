// Layers aligned by functional maps: what corresponds to what, and how to carry things over.
#ifndef GRAMIAN_ENGINE_LAYER_ALIGNMENT_H_
#define GRAMIAN_ENGINE_LAYER_ALIGNMENT_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/base/scratch_budget.h"
#include "gramian/engine/operand_source.h"
#include "gramian/geometry/neighbor_graph.h"
#include "gramian/measure/functional_descriptors.h"
#include "gramian/measure/functional_map.h"
#include "gramian/measure/functional_similarity.h"
#include "gramian/measure/representation_transfer.h"
#include "gramian/store/layer.h"

namespace gramian {

// Limits of an alignment.
inline constexpr int64_t kMinAlignedRows = 4;
inline constexpr int64_t kMaxAnchors = 2000;
inline constexpr int64_t kMaxLabelClasses = 1000;
inline constexpr int64_t kMaxAlignedFunctions = 500;
inline constexpr int64_t kDefaultRefinement = 10;

// How two layers a and b are aligned.
struct AlignmentOptions {
  GraphSpec graph;
  int64_t functions = 50;  // of each basis, 3 to kMaxAlignedFunctions; at most n - 1
  // Inputs known to correspond: a_anchors[i] of a to b_anchors[i] of b; at most kMaxAnchors.
  std::vector<int64_t> a_anchors;
  std::vector<int64_t> b_anchors;
  // Labels of all inputs, or none; at most kMaxLabelClasses different ones.
  std::vector<int64_t> a_labels;
  std::vector<int64_t> b_labels;
  // What the layers are to agree on. None: geodesics of the anchors; without anchors either, the
  // layers saw the same inputs and the map is that of input i to input i.
  std::vector<DescriptorKind> descriptors;
  MapWeights weights;
  MapSolver solver = MapSolver::kAuto;
  // Of ZoomOut. Not given: kDefaultRefinement, or what the basis allows; none for the known map.
  std::optional<int64_t> refinement;
  TransferKind transfer = TransferKind::kOrthogonal;
};

// Answers of a transfer ranked against the truth: mean reciprocal ranks.
struct Retrieval {
  int64_t count = 0;              // of pairs
  double aligned = 0.0;           // transfer fitted to the matches of all inputs of b
  std::optional<double> anchors;  // transfer fitted to the anchors alone; without any, nothing
};

struct AlignmentReport {
  int64_t a_rows = 0;
  int64_t b_rows = 0;
  int64_t functions = 0;     // k
  int64_t a_components = 0;  // of the graphs, before they were connected
  int64_t b_components = 0;
  double a_gap = 0.0;  // between eigenvalues k and k + 1
  double b_gap = 0.0;
  bool is_known = false;    // the map of a known correspondence; else a fitted one
  int64_t descriptors = 0;  // q, functions that were fitted
  double energy = 0.0;      // of the fit, before refinement
  int64_t iterations = 0;   // of the fit; 0 if it was solved directly
  int64_t refinement = 0;   // steps of ZoomOut
  FunctionalScores scores;
  Matrix map;                    // k x k, C
  std::vector<int32_t> matches;  // n_b: the input of a for each input of b
  Vector distortion;             // n_b
  // Where the layers saw the same inputs: the share of inputs matched with themselves, and how well
  // the transfer of every input of a finds it in b.
  std::optional<double> accuracy;
  std::optional<Retrieval> retrieval;
  // What was to be carried over, or empty.
  Matrix carried_functions;                    // n_b x m, phi_b C phi_a' F
  Matrix carried_points;                       // m x d_b, P T
  std::optional<Retrieval> carried_retrieval;  // of the points, where their truth is given

  // Of the matrices above.
  int64_t size_bytes() const;
  // One that an engine gives holds its bytes in the budget of scratch as long as it is there.
  std::optional<ScratchBudget::Lease> held;
};

// The layers that take part.
struct AlignmentSelection {
  LayerKey a;
  LayerKey b;
  // To be carried over, or nothing; see AlignmentSources.
  std::optional<LayerKey> functions;
  std::optional<LayerKey> points;
  std::optional<LayerKey> truth;
};

// The same, ready to be loaded. Sources outlive the call; those that are null are not given.
struct AlignmentSources {
  const OperandSource* a = nullptr;
  const OperandSource* b = nullptr;
  bool same_inputs = false;                  // a and b saw the same inputs in the same order
  const OperandSource* functions = nullptr;  // n_a x m: each feature a function on the inputs of a
  const OperandSource* points = nullptr;     // m x d_a: points of the space of a
  const OperandSource* truth = nullptr;      // m x d_b: where they should come to lie
};

// Aligns two layers. Per layer NeighborGraph and LaplacianEigenbasis, through the cache; then
// DescribeLayer and FitFunctionalMap, (1 + steps) times PointMapOf, FitTransfer, and 2 n^2 d_b
// flops for each retrieval. INVALID_ARGUMENT for options or sources that do not fit the layers;
// FAILED_PRECONDITION if a known map is wanted of layers that saw other inputs, or a layer is
// constant (reason LAYER_CONSTANT) or has fewer than kMinAlignedRows inputs; errors of the steps.
absl::StatusOr<AlignmentReport> AlignSources(const ComputeContext& context,
                                             const AlignmentSources& sources,
                                             const AlignmentOptions& options);

}  // namespace gramian

#endif  // GRAMIAN_ENGINE_LAYER_ALIGNMENT_H_
