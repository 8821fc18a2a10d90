// The only door to the library for a server: stores activations, answers comparisons.
#ifndef GRAMIAN_ENGINE_SIMILARITY_ENGINE_H_
#define GRAMIAN_ENGINE_SIMILARITY_ENGINE_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "gramian/base/awaited.h"
#include "gramian/base/compute.h"
#include "gramian/base/scratch_budget.h"
#include "gramian/engine/layer_alignment.h"
#include "gramian/engine/layer_correspondence.h"
#include "gramian/engine/layer_selection.h"
#include "gramian/engine/network_scores.h"
#include "gramian/engine/operator_cache.h"
#include "gramian/engine/operator_view.h"
#include "gramian/engine/path_report.h"
#include "gramian/engine/result_store.h"
#include "gramian/engine/score_matrix.h"
#include "gramian/engine/significance.h"
#include "gramian/engine/tangent_report.h"
#include "gramian/geometry/alternating_diffusion.h"
#include "gramian/measure/measure.h"
#include "gramian/store/activation_store.h"

namespace gramian {

// Everything a metrics page shows.
struct EngineStats {
  ScratchBudget::Stats scratch;
  StoreStats store;
  CacheStats cache;
  int64_t result_hits = 0;
  int64_t result_misses = 0;
  int64_t results = 0;
  int64_t running = 0;               // computations running now
  int64_t completed = 0;             // comparisons computed (not from the result store)
  int64_t cancelled = 0;             // computations stopped before the end
  double compute_seconds_total = 0;  // wall time spent computing
};

// Limits and sizes.
struct EngineOptions {
  int threads = 1;     // >= 1, workers of the compute arena
  StoreOptions store;  // on_damage is told as OpenResultStore says, too
  int64_t cache_limit_bytes = int64_t{2} << 30;
  int64_t scratch_limit_bytes = int64_t{2} << 30;  // of all running computations
  // Of computations, operators and what the store keeps in memory, together: operators make room
  // when nine tenths are taken, then computations are refused.
  int64_t memory_limit_bytes = std::numeric_limits<int64_t>::max();
  int64_t queue_limit = 1024;  // computations that may wait for scratch
  int64_t result_limit = 1'000'000;
};

// A matrix on its way: no thread waits between two rows. Not thread-safe; gone before its engine.
class MatrixJob {
 public:
  virtual ~MatrixJob() = default;
  virtual const MatrixHeader& header() const = 0;
  virtual bool is_done() const = 0;
  // Computes the next row; not when is_done().
  virtual absl::StatusOr<ComparisonBlock> Next(std::stop_token stop) = 0;
};

// Thread-safe. Order of locks: none is held while computing; store, cache and results lock for
// themselves. All comparing methods return NOT_FOUND for an unknown layer, FAILED_PRECONDITION if
// the sides saw other inputs (probe set or n differ; the message names the first difference),
// INVALID_ARGUMENT for an unknown measure or one that does not apply, RESOURCE_EXHAUSTED if the
// work can never fit the scratch limit (reason NEVER_FITS) or operators cannot make the room it
// needs (MEMORY_PRESSURE), UNAVAILABLE if too many computations wait for scratch (QUEUE_FULL),
// CANCELLED when `stop` fires, DATA_LOSS if activations that are needed are damaged. Activations
// are loaded only for scores that are not known.
//
// The scratch of a computation is leased before it starts. One that finds it too small gives it
// back and starts again with more, waiting for it if need be; what it had finished is kept.
class SimilarityEngine {
 public:
  // Opens the store of the options, and with a data directory the scores in it. Errors of
  // ActivationStore::Open.
  static absl::StatusOr<std::unique_ptr<SimilarityEngine>> Open(const EngineOptions& options);
  // With what is open already: neither is null.
  SimilarityEngine(const EngineOptions& options, std::unique_ptr<ActivationStore> store,
                   std::unique_ptr<ResultStore> results);
  ~SimilarityEngine();

  ActivationStore& store();
  const EngineOptions& options() const { return options_; }

  // One pair, many measures (canonical or short names): one Comparison per name, in order. With
  // `awaited` the calling thread never waits for what another call computes: InFlight if it would
  // have to, to be called again when `awaited` says so (awaited.h).
  absl::StatusOr<std::vector<Comparison>> CompareLayers(const LayerKey& a, const LayerKey& b,
                                                        absl::Span<const std::string> measures,
                                                        Form form, std::stop_token stop,
                                                        Awaited* awaited = nullptr);
  // The same if every score is already known (form must be kAuto), in microseconds; nothing if one
  // has to be computed. Errors (unknown layer or measure, other inputs) are reported here too.
  absl::StatusOr<std::optional<std::vector<Comparison>>> FindCompared(
      const LayerKey& a, const LayerKey& b, absl::Span<const std::string> measures);

  // Layers of `a` (rows) by layers of `b` (columns), a block for each row. Of a snapshot compared
  // with itself by a symmetric measure the upper half is computed and mirrored.
  absl::Status CompareSnapshots(const SnapshotSelection& a, const SnapshotSelection& b,
                                const std::string& measure, const MatrixSink& sink,
                                std::stop_token stop);
  // K x K over networks fused by alternating diffusion; `networks` may differ in depth and widths.
  // A symmetric matrix is computed once and mirrored.
  absl::Status CompareNetworks(absl::Span<const SnapshotSelection> networks, const Fusion& fusion,
                               const std::string& measure, const MatrixSink& sink,
                               std::stop_token stop);

  // The same matrices, to be computed row by row. Errors of everything but computing.
  absl::StatusOr<std::unique_ptr<MatrixJob>> PlanSnapshots(const SnapshotSelection& a,
                                                           const SnapshotSelection& b,
                                                           const std::string& measure);
  absl::StatusOr<std::unique_ptr<MatrixJob>> PlanNetworks(
      absl::Span<const SnapshotSelection> networks, const Fusion& fusion,
      const std::string& measure);

  // The paths of networks through the space that `measure` places layers in, at least two points
  // each. Errors of CompletePathReport, and INVALID_ARGUMENT for a path with fewer points.
  absl::StatusOr<PathReport> AnalyzePaths(absl::Span<const PathSelection> paths,
                                          const std::string& measure, const PathOptions& options,
                                          std::stop_token stop);

  // Two layers by their pullback metrics: uploaded tangent data, or activations whose inputs lie on
  // `grid` (not empty) or have the rows of the layer `coordinates`. Errors of CompareTangents in
  // tangent_report.h.
  absl::StatusOr<TangentReport> CompareTangents(const LayerKey& a, const LayerKey& b,
                                                const std::vector<GridAxis>& grid,
                                                const std::optional<LayerKey>& coordinates,
                                                const std::vector<double>& weights,
                                                std::stop_token stop);

  // What the score of a pair of layers is worth; see AssessSignificance. A count of 0 leaves its
  // part out.
  absl::StatusOr<Significance> AssessSimilarity(const LayerKey& a, const LayerKey& b,
                                                const std::string& measure,
                                                const SignificanceOptions& options,
                                                std::stop_token stop);

  // Which layer of `b` corresponds to each layer of `a`; see the function MatchLayers.
  absl::StatusOr<LayerCorrespondence> MatchLayers(const SnapshotSelection& a,
                                                  const SnapshotSelection& b,
                                                  const std::string& measure, MatchMethod method,
                                                  MatchTruth truth, std::stop_token stop);

  // The networks most similar to `query` among `candidates`; without candidates among the newest
  // snapshots of all other networks of its project that saw the same inputs. `fusion` is that of
  // NetworkRule::kFused. See the function SearchNetworks.
  absl::StatusOr<NetworkSearch> SearchNetworks(const SnapshotSelection& query,
                                               absl::Span<const SnapshotSelection> candidates,
                                               const std::string& measure, NetworkRule rule,
                                               const Fusion& fusion, int64_t count,
                                               std::stop_token stop);

  // Networks as points of a picture and leaves of a tree, at least one; see MapNetworks.
  absl::StatusOr<NetworkMap> EmbedNetworks(absl::Span<const SnapshotSelection> networks,
                                           const std::string& measure, NetworkRule rule,
                                           const Fusion& fusion, Index dimensions,
                                           LinkageMethod linkage, std::stop_token stop);

  // Two layers aligned by a functional map; they may have seen other inputs. Errors of AlignSources
  // instead of those for other inputs.
  absl::StatusOr<AlignmentReport> AlignLayers(const AlignmentSelection& selection,
                                              const AlignmentOptions& options,
                                              std::stop_token stop);

  // Operators make room for `bytes` that the store will keep in memory.
  void MakeRoom(int64_t bytes);

  // Part of the operator of a layer (selection names exactly one layer and fusion is null) or of a
  // fused network. Errors as ViewOperator, NOT_FOUND, and those of ScratchBudget::HoldAnswer: the
  // view counts until it is destroyed.
  absl::StatusOr<OperatorView> GetOperator(const SnapshotSelection& selection, const Fusion* fusion,
                                           const OperatorRequest& request, std::stop_token stop);

  EngineStats Stats() const;
  // At most `count` >= 0 of the operators kept for reuse, the most recently used first.
  std::vector<CachedObject> CachedOperators(int64_t count) const;

 private:
  struct Impl;
  class Job;
  const EngineOptions options_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gramian

#endif  // GRAMIAN_ENGINE_SIMILARITY_ENGINE_H_
