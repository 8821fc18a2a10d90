#include "gramian/engine/similarity_engine.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/machine.h"
#include "gramian/base/status_macros.h"
#include "gramian/engine/operand_source.h"
#include "gramian/measure/measure_registry.h"
#include "gramian/measure/operand.h"

namespace gramian {
namespace {

using MeasurePtr = std::shared_ptr<const SimilarityMeasure>;

absl::StatusOr<std::vector<MeasurePtr>> ParseAll(absl::Span<const std::string> names) {
  std::vector<MeasurePtr> measures;
  for (const std::string& name : names) {
    GRAMIAN_ASSIGN_OR_RETURN(MeasurePtr measure, MeasureRegistry::Parse(name));
    measures.push_back(std::move(measure));
  }
  return measures;
}

std::vector<std::string> LayerNames(const std::vector<StoredLayer>& layers) {
  std::vector<std::string> names;
  for (const StoredLayer& layer : layers) names.push_back(layer.description.key.layer);
  return names;
}

// The least factor by which scratch grows when it was too small.
constexpr int64_t kGrowth = 4;

}  // namespace

struct SimilarityEngine::Impl {
  Impl(const EngineOptions& options, std::unique_ptr<ActivationStore> activations,
       std::unique_ptr<ResultStore> scores)
      : store(std::move(activations)),
        results(std::move(scores)),
        interactive(options.threads, Lane::kInteractive),
        batch(options.threads, Lane::kBatch),
        cache(options.cache_limit_bytes),
        scorer(results.get()),
        scratch_limit_bytes(options.scratch_limit_bytes),
        scratch(LimitsOf(options)) {}

  ScratchLimits LimitsOf(const EngineOptions& options) {
    ScratchLimits limits;
    limits.limit_bytes = options.scratch_limit_bytes;
    limits.queue_limit = options.queue_limit;
    limits.memory_bytes = options.memory_limit_bytes;
    limits.held_elsewhere = [this] { return cache.Stats().bytes + store->MemoryBytes(); };
    limits.make_room = [this](int64_t bytes) { cache.Evict(bytes); };
    return limits;
  }

  // Few computations of the first kind need more, and as many as there are threads find room.
  int64_t FirstLease(Lane lane) const {
    const int64_t threads = interactive.threads();
    const int64_t share = lane == Lane::kInteractive ? 4 * threads : std::max<int64_t>(4, threads);
    return std::max<int64_t>(1, scratch_limit_bytes / share);
  }

  // Runs a request's computation with `body`, a function of its context: counts it and turns
  // exhausted memory into a status.
  template <typename Body>
  auto Run(Lane lane, const std::stop_token& stop, const Body& body, Awaited* awaited = nullptr)
      -> decltype(body(std::declval<const ComputeContext&>())) {
    int64_t bytes = FirstLease(lane);
    while (true) {
      const absl::StatusOr<ScratchBudget::Lease> lease = scratch.Acquire(bytes, lane, stop);
      if (!lease.ok()) {
        if (absl::IsCancelled(lease.status())) ++cancelled;
        return lease.status();
      }
      ComputeArena* arena = lane == Lane::kInteractive ? &interactive : &batch;
      ++running;
      auto result = RunSafely({arena, stop, bytes, scratch_limit_bytes, awaited}, body);
      --running;
      if (!HasReason(result.status(), "SCRATCH_TOO_SMALL") || bytes >= scratch_limit_bytes) {
        if (absl::IsCancelled(result.status())) ++cancelled;
        return result;
      }
      // A computation's first need is seldom its last.
      const int64_t needed = std::max(ScratchNeeded(result.status()), kGrowth * bytes);
      bytes = std::min(needed, scratch_limit_bytes);
    }
  }
  template <typename Body>
  static auto RunSafely(const ComputeContext& context, const Body& body)
      -> decltype(body(context)) {
    try {
      return body(context);
    } catch (const std::bad_alloc&) {
      return OutOfMemory("out of memory while computing");
    }
  }

  NetworkSource Network(const std::vector<StoredLayer>& layers, const Fusion& fusion) {
    return {layers.front().description.key.snapshot,
            OperandSource(store.get(), layers, fusion, &cache), Sources(layers)};
  }
  OperandSource Source(StoredLayer layer) {
    return OperandSource(store.get(), std::move(layer), &cache);
  }
  std::vector<OperandSource> Sources(const std::vector<StoredLayer>& layers) {
    std::vector<OperandSource> sources;
    for (const StoredLayer& layer : layers) sources.push_back(Source(layer));
    return sources;
  }

  const std::unique_ptr<ActivationStore> store;
  const std::unique_ptr<ResultStore> results;
  ComputeArena interactive;
  ComputeArena batch;
  OperatorCache cache;
  Scorer scorer;
  const int64_t scratch_limit_bytes;
  ScratchBudget scratch;
  std::atomic<int64_t> running{0};
  std::atomic<int64_t> cancelled{0};
};

absl::StatusOr<std::unique_ptr<SimilarityEngine>> SimilarityEngine::Open(
    const EngineOptions& options) {
  GRAMIAN_ASSIGN_OR_RETURN(std::unique_ptr<ActivationStore> store,
                           ActivationStore::Open(options.store));
  std::unique_ptr<ResultStore> results;
  if (options.store.data_dir.empty()) {
    results = NewMemoryResultStore(options.result_limit);
  } else {
    GRAMIAN_ASSIGN_OR_RETURN(results,
                             OpenResultStore(absl::StrCat(options.store.data_dir, "/scores.db"),
                                             options.result_limit, options.store.on_damage));
  }
  return std::make_unique<SimilarityEngine>(options, std::move(store), std::move(results));
}

SimilarityEngine::SimilarityEngine(const EngineOptions& options,
                                   std::unique_ptr<ActivationStore> store,
                                   std::unique_ptr<ResultStore> results)
    : options_(options),
      impl_(std::make_unique<Impl>(options, std::move(store), std::move(results))) {}

SimilarityEngine::~SimilarityEngine() = default;

ActivationStore& SimilarityEngine::store() { return *impl_->store; }

absl::StatusOr<std::vector<Comparison>> SimilarityEngine::CompareLayers(
    const LayerKey& a, const LayerKey& b, absl::Span<const std::string> measures, Form form,
    std::stop_token stop, Awaited* awaited) {
  using Result = absl::StatusOr<std::vector<Comparison>>;
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<MeasurePtr> parsed, ParseAll(measures));
  GRAMIAN_ASSIGN_OR_RETURN(const StoredLayer layer_a, impl_->store->GetLayer(a));
  GRAMIAN_ASSIGN_OR_RETURN(const StoredLayer layer_b, impl_->store->GetLayer(b));
  GRAMIAN_RETURN_IF_ERROR(CheckComparable(layer_a, layer_b));
  const OperandSource operand_a = impl_->Source(layer_a);
  const OperandSource operand_b = impl_->Source(layer_b);
  const auto compute = [&](const ComputeContext& context) -> Result {
    std::vector<Comparison> comparisons;
    for (const MeasurePtr& measure : parsed) {
      GRAMIAN_ASSIGN_OR_RETURN(
          comparisons.emplace_back(),
          impl_->scorer.Compare(context, *measure, operand_a, operand_b, form));
    }
    return comparisons;
  };
  return impl_->Run(Lane::kInteractive, stop, compute, awaited);
}

absl::StatusOr<std::optional<std::vector<Comparison>>> SimilarityEngine::FindCompared(
    const LayerKey& a, const LayerKey& b, absl::Span<const std::string> measures) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<MeasurePtr> parsed, ParseAll(measures));
  GRAMIAN_ASSIGN_OR_RETURN(const StoredLayer layer_a, impl_->store->GetLayer(a));
  GRAMIAN_ASSIGN_OR_RETURN(const StoredLayer layer_b, impl_->store->GetLayer(b));
  GRAMIAN_RETURN_IF_ERROR(CheckComparable(layer_a, layer_b));
  const OperandSource operand_a = impl_->Source(layer_a);
  const OperandSource operand_b = impl_->Source(layer_b);
  std::vector<Comparison> comparisons;
  for (const MeasurePtr& measure : parsed) {
    std::optional<Comparison> found = impl_->scorer.Find(*measure, operand_a, operand_b);
    if (!found.has_value()) return std::optional<std::vector<Comparison>>();
    comparisons.push_back(*found);
  }
  return std::optional(std::move(comparisons));
}

// Computes on an engine's batch lane.
class SimilarityEngine::Job final : public MatrixJob {
 public:
  Job(Impl* impl, MatrixHeader header, MeasurePtr measure, std::vector<OperandSource> rows,
      std::vector<OperandSource> cols)
      : impl_(impl),
        header_(std::move(header)),
        rows_(&impl->scorer, std::move(measure), std::move(rows), std::move(cols)) {}

  const MatrixHeader& header() const override { return header_; }
  bool is_done() const override { return rows_.is_done(); }
  absl::StatusOr<ComparisonBlock> Next(std::stop_token stop) override {
    return impl_->Run(Lane::kBatch, stop,
                      [this](const ComputeContext& context) { return rows_.Next(context); });
  }

 private:
  Impl* const impl_;
  const MatrixHeader header_;
  MatrixRows rows_;
};

namespace {

std::vector<LayerKey> KeysOf(const std::vector<StoredLayer>& layers) {
  std::vector<LayerKey> keys;
  for (const StoredLayer& layer : layers) keys.push_back(layer.description.key);
  return keys;
}

// The newest snapshots of the other networks of a snapshot's project, and these layers of them.
std::vector<SnapshotSelection> OtherNetworks(const ActivationStore& store, const SnapshotKey& key,
                                             const std::vector<std::string>& layers) {
  std::vector<SnapshotSelection> others;
  for (const std::string& network : store.ListNetworks(key.project)) {
    if (network == key.network) continue;
    const std::vector<SnapshotSummary> snapshots = store.ListSnapshots(key.project, network);
    if (!snapshots.empty())
      others.push_back({{key.project, network, snapshots.back().step}, layers});
  }
  return others;
}

absl::Status RunAll(const absl::StatusOr<std::unique_ptr<MatrixJob>>& job, const MatrixSink& sink,
                    const std::stop_token& stop) {
  GRAMIAN_RETURN_IF_ERROR(job.status());
  GRAMIAN_RETURN_IF_ERROR(sink.on_header((*job)->header()));
  while (!(*job)->is_done()) {
    GRAMIAN_ASSIGN_OR_RETURN(ComparisonBlock block, (*job)->Next(stop));
    GRAMIAN_RETURN_IF_ERROR(sink.on_block(std::move(block)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SimilarityEngine::CompareSnapshots(const SnapshotSelection& a,
                                                const SnapshotSelection& b,
                                                const std::string& measure, const MatrixSink& sink,
                                                std::stop_token stop) {
  return RunAll(PlanSnapshots(a, b, measure), sink, stop);
}

absl::Status SimilarityEngine::CompareNetworks(absl::Span<const SnapshotSelection> networks,
                                               const Fusion& fusion, const std::string& measure,
                                               const MatrixSink& sink, std::stop_token stop) {
  return RunAll(PlanNetworks(networks, fusion, measure), sink, stop);
}

absl::StatusOr<std::unique_ptr<MatrixJob>> SimilarityEngine::PlanSnapshots(
    const SnapshotSelection& a, const SnapshotSelection& b, const std::string& measure) {
  GRAMIAN_ASSIGN_OR_RETURN(MeasurePtr parsed, MeasureRegistry::Parse(measure));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<StoredLayer> layers_a, Select(*impl_->store, a));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<StoredLayer> layers_b, Select(*impl_->store, b));
  GRAMIAN_RETURN_IF_ERROR(CheckComparable(layers_a, layers_a));
  GRAMIAN_RETURN_IF_ERROR(CheckComparable(layers_a, layers_b));
  MatrixHeader header{LayerNames(layers_a), LayerNames(layers_b)};
  return std::make_unique<Job>(impl_.get(), std::move(header), std::move(parsed),
                               impl_->Sources(layers_a), impl_->Sources(layers_b));
}

absl::StatusOr<std::unique_ptr<MatrixJob>> SimilarityEngine::PlanNetworks(
    absl::Span<const SnapshotSelection> networks, const Fusion& fusion,
    const std::string& measure) {
  GRAMIAN_RETURN_IF_ERROR(Validate(fusion));
  GRAMIAN_ASSIGN_OR_RETURN(MeasurePtr parsed, MeasureRegistry::Parse(measure));
  if (!parsed->traits().applies_to_networks) {
    return absl::InvalidArgumentError(
        absl::StrCat("measure '", parsed->name(), "' compares layers, not networks"));
  }
  std::vector<StoredLayer> reference;
  std::vector<OperandSource> operands;
  MatrixHeader header;
  for (const SnapshotSelection& network : networks) {
    GRAMIAN_ASSIGN_OR_RETURN(const std::vector<StoredLayer> layers, Select(*impl_->store, network));
    if (reference.empty()) reference = layers;
    GRAMIAN_RETURN_IF_ERROR(CheckComparable(reference, layers));
    operands.emplace_back(impl_->store.get(), layers, fusion, &impl_->cache);
    header.row_names.push_back(ShortName(network.snapshot));
  }
  header.col_names = header.row_names;
  return std::make_unique<Job>(impl_.get(), std::move(header), std::move(parsed), operands,
                               operands);
}

absl::StatusOr<PathReport> SimilarityEngine::AnalyzePaths(absl::Span<const PathSelection> paths,
                                                          const std::string& measure,
                                                          const PathOptions& options,
                                                          std::stop_token stop) {
  GRAMIAN_ASSIGN_OR_RETURN(const MeasurePtr parsed, MeasureRegistry::Parse(measure));
  GRAMIAN_ASSIGN_OR_RETURN(const PathPoints points, SelectPaths(*impl_->store, paths));
  const std::vector<OperandSource> sources = impl_->Sources(points.layers);
  const auto complete = [&](const ComputeContext& context) -> absl::StatusOr<PathReport> {
    PathReport report;
    report.paths = points.paths;
    GRAMIAN_RETURN_IF_ERROR(
        CompletePathReport(context, impl_->scorer, *parsed, sources, options, report));
    return report;
  };
  return impl_->Run(Lane::kBatch, stop, complete);
}

absl::StatusOr<TangentReport> SimilarityEngine::CompareTangents(
    const LayerKey& a, const LayerKey& b, const std::vector<GridAxis>& grid,
    const std::optional<LayerKey>& coordinates, const std::vector<double>& weights,
    std::stop_token stop) {
  GRAMIAN_ASSIGN_OR_RETURN(const StoredLayer layer_a, impl_->store->GetLayer(a));
  GRAMIAN_ASSIGN_OR_RETURN(const StoredLayer layer_b, impl_->store->GetLayer(b));
  GRAMIAN_RETURN_IF_ERROR(CheckComparable(layer_a, layer_b));
  ManifoldPoints points;
  points.grid = grid;
  std::optional<OperandSource> scattered;
  if (coordinates.has_value()) {
    GRAMIAN_ASSIGN_OR_RETURN(const StoredLayer layer, impl_->store->GetLayer(*coordinates));
    GRAMIAN_RETURN_IF_ERROR(CheckComparable(layer_a, layer));
    scattered = impl_->Source(layer);
    points.scattered = &*scattered;
  }
  return impl_->Run(Lane::kBatch, stop, [&](const ComputeContext& context) {
    return gramian::CompareTangents(context, impl_->Source(layer_a), impl_->Source(layer_b), points,
                                    weights);
  });
}

absl::StatusOr<Significance> SimilarityEngine::AssessSimilarity(const LayerKey& a,
                                                                const LayerKey& b,
                                                                const std::string& measure,
                                                                const SignificanceOptions& options,
                                                                std::stop_token stop) {
  GRAMIAN_RETURN_IF_ERROR(Validate(options));
  GRAMIAN_ASSIGN_OR_RETURN(const MeasurePtr parsed, MeasureRegistry::Parse(measure));
  GRAMIAN_ASSIGN_OR_RETURN(const StoredLayer layer_a, impl_->store->GetLayer(a));
  GRAMIAN_ASSIGN_OR_RETURN(const StoredLayer layer_b, impl_->store->GetLayer(b));
  GRAMIAN_RETURN_IF_ERROR(CheckComparable(layer_a, layer_b));
  const OperandSource source_a = impl_->Source(layer_a);
  const OperandSource source_b = impl_->Source(layer_b);
  return impl_->Run(Lane::kBatch, stop, [&](const ComputeContext& context) {
    return AssessSignificance(context, impl_->scorer, *parsed, source_a, source_b, options);
  });
}

absl::StatusOr<LayerCorrespondence> SimilarityEngine::MatchLayers(
    const SnapshotSelection& a, const SnapshotSelection& b, const std::string& measure,
    MatchMethod method, MatchTruth truth, std::stop_token stop) {
  GRAMIAN_ASSIGN_OR_RETURN(const MeasurePtr parsed, MeasureRegistry::Parse(measure));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<StoredLayer> rows, Select(*impl_->store, a));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<StoredLayer> cols, Select(*impl_->store, b));
  GRAMIAN_RETURN_IF_ERROR(CheckComparable(rows, rows));
  GRAMIAN_RETURN_IF_ERROR(CheckComparable(rows, cols));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<Index> expected, ExpectedColumns(rows, cols, truth));
  const std::vector<OperandSource> row_sources = impl_->Sources(rows);
  const std::vector<OperandSource> col_sources = impl_->Sources(cols);
  GRAMIAN_ASSIGN_OR_RETURN(LayerCorrespondence result,
                           impl_->Run(Lane::kBatch, stop, [&](const ComputeContext& context) {
                             return gramian::MatchLayers(context, impl_->scorer, *parsed,
                                                         row_sources, col_sources, method,
                                                         expected);
                           }));
  result.row_layers = KeysOf(rows);
  result.column_layers = KeysOf(cols);
  return result;
}

absl::StatusOr<NetworkSearch> SimilarityEngine::SearchNetworks(
    const SnapshotSelection& query, absl::Span<const SnapshotSelection> candidates,
    const std::string& measure, NetworkRule rule, const Fusion& fusion, int64_t count,
    std::stop_token stop) {
  GRAMIAN_RETURN_IF_ERROR(Validate(fusion));
  GRAMIAN_ASSIGN_OR_RETURN(const MeasurePtr parsed, MeasureRegistry::Parse(measure));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<StoredLayer> asked, Select(*impl_->store, query));
  GRAMIAN_RETURN_IF_ERROR(CheckComparable(asked, asked));
  const bool takes_all = candidates.empty();
  const std::vector<SnapshotSelection> others =
      takes_all ? OtherNetworks(*impl_->store, query.snapshot, query.layers)
                : std::vector<SnapshotSelection>(candidates.begin(), candidates.end());
  std::vector<NetworkSource> sources;
  int64_t skipped = 0;
  for (const SnapshotSelection& other : others) {
    const absl::StatusOr<std::vector<StoredLayer>> layers = Select(*impl_->store, other);
    // What is deleted meanwhile is not missed where nobody named it.
    if (takes_all && absl::IsNotFound(layers.status())) continue;
    GRAMIAN_RETURN_IF_ERROR(layers.status());
    const absl::Status comparable = CheckComparable(asked, *layers);
    if (takes_all && !comparable.ok()) {
      ++skipped;
      continue;
    }
    GRAMIAN_RETURN_IF_ERROR(comparable);
    sources.push_back(impl_->Network(*layers, fusion));
  }
  const NetworkSource source = impl_->Network(asked, fusion);
  GRAMIAN_ASSIGN_OR_RETURN(NetworkSearch search,
                           impl_->Run(Lane::kBatch, stop, [&](const ComputeContext& context) {
                             return gramian::SearchNetworks(context, impl_->scorer, *parsed, rule,
                                                            source, sources, count);
                           }));
  search.skipped = skipped;
  return search;
}

absl::StatusOr<NetworkMap> SimilarityEngine::EmbedNetworks(
    absl::Span<const SnapshotSelection> networks, const std::string& measure, NetworkRule rule,
    const Fusion& fusion, Index dimensions, LinkageMethod linkage, std::stop_token stop) {
  GRAMIAN_RETURN_IF_ERROR(Validate(fusion));
  GRAMIAN_ASSIGN_OR_RETURN(const MeasurePtr parsed, MeasureRegistry::Parse(measure));
  std::vector<StoredLayer> reference;
  std::vector<NetworkSource> sources;
  for (const SnapshotSelection& network : networks) {
    GRAMIAN_ASSIGN_OR_RETURN(const std::vector<StoredLayer> layers, Select(*impl_->store, network));
    if (reference.empty()) reference = layers;
    GRAMIAN_RETURN_IF_ERROR(CheckComparable(reference, layers));
    sources.push_back(impl_->Network(layers, fusion));
  }
  return impl_->Run(Lane::kBatch, stop, [&](const ComputeContext& context) {
    return MapNetworks(context, impl_->scorer, *parsed, rule, sources, dimensions, linkage);
  });
}

absl::StatusOr<AlignmentReport> SimilarityEngine::AlignLayers(const AlignmentSelection& selection,
                                                              const AlignmentOptions& options,
                                                              std::stop_token stop) {
  GRAMIAN_ASSIGN_OR_RETURN(const StoredLayer a, impl_->store->GetLayer(selection.a));
  GRAMIAN_ASSIGN_OR_RETURN(const StoredLayer b, impl_->store->GetLayer(selection.b));
  std::vector<OperandSource> carried;
  for (const auto* key : {&selection.functions, &selection.points, &selection.truth}) {
    if (!key->has_value()) continue;
    GRAMIAN_ASSIGN_OR_RETURN(StoredLayer layer, impl_->store->GetLayer(**key));
    carried.push_back(impl_->Source(std::move(layer)));
  }
  const OperandSource* next = carried.data();
  const OperandSource source_a = impl_->Source(a);
  const OperandSource source_b = impl_->Source(b);
  AlignmentSources sources;
  sources.a = &source_a;
  sources.b = &source_b;
  sources.same_inputs = CheckComparable(a, b).ok();
  if (selection.functions.has_value()) sources.functions = next++;
  if (selection.points.has_value()) sources.points = next++;
  if (selection.truth.has_value()) sources.truth = next++;
  return impl_->Run(
      Lane::kBatch, stop, [&](const ComputeContext& context) -> absl::StatusOr<AlignmentReport> {
        GRAMIAN_ASSIGN_OR_RETURN(AlignmentReport report, AlignSources(context, sources, options));
        GRAMIAN_ASSIGN_OR_RETURN(ScratchBudget::Lease held,
                                 impl_->scratch.HoldAnswer(report.size_bytes()));
        report.held.emplace(std::move(held));
        return report;
      });
}

void SimilarityEngine::MakeRoom(int64_t bytes) { impl_->scratch.MakeRoom(bytes); }

absl::StatusOr<OperatorView> SimilarityEngine::GetOperator(const SnapshotSelection& selection,
                                                           const Fusion* fusion,
                                                           const OperatorRequest& request,
                                                           std::stop_token stop) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<StoredLayer> layers, Select(*impl_->store, selection));
  GRAMIAN_RETURN_IF_ERROR(CheckComparable(layers, layers));
  if (fusion != nullptr) {
    GRAMIAN_RETURN_IF_ERROR(Validate(*fusion));
  } else if (layers.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("an operator of ", layers.size(), " layers needs a fusion"));
  }
  const OperandSource source =
      fusion == nullptr ? impl_->Source(layers.front())
                        : OperandSource(impl_->store.get(), layers, *fusion, &impl_->cache);
  return impl_->Run(
      Lane::kBatch, stop, [&](const ComputeContext& context) -> absl::StatusOr<OperatorView> {
        GRAMIAN_ASSIGN_OR_RETURN(const Operand operand, source.Load());
        GRAMIAN_ASSIGN_OR_RETURN(OperatorView view,
                                 ViewOperator(context, operand, request, &impl_->cache));
        GRAMIAN_ASSIGN_OR_RETURN(ScratchBudget::Lease held,
                                 impl_->scratch.HoldAnswer(8 * view.rows * view.cols));
        view.held.emplace(std::move(held));
        return view;
      });
}

EngineStats SimilarityEngine::Stats() const {
  const ScorerStats scorer = impl_->scorer.Stats();
  EngineStats stats;
  stats.scratch = impl_->scratch.GetStats();
  stats.store = impl_->store->Stats();
  stats.cache = impl_->cache.Stats();
  stats.result_hits = scorer.hits;
  stats.result_misses = scorer.misses;
  stats.results = impl_->results->size();
  stats.running = impl_->running;
  stats.completed = scorer.completed;
  stats.cancelled = impl_->cancelled;
  stats.compute_seconds_total = scorer.compute_seconds;
  return stats;
}

std::vector<CachedObject> SimilarityEngine::CachedOperators(int64_t count) const {
  return impl_->cache.List(count);
}

}  // namespace gramian
