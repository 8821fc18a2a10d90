#include "gramian/engine/similarity_engine.h"

#include <atomic>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/engine/operand_source.h"
#include "gramian/measure/measure_registry.h"
#include "gramian/measure/operand.h"

namespace gramian {
namespace {

using MeasurePtr = std::shared_ptr<const SimilarityMeasure>;

std::string Name(const SnapshotKey& key) { return absl::StrCat(key.network, "@", key.step); }

absl::Status CheckComparable(const StoredLayer& a, const StoredLayer& b) {
  const auto differ = [&](const auto& of_a, const auto& of_b) {
    const LayerKey& a_key = a.description.key;
    const LayerKey& b_key = b.description.key;
    return absl::FailedPreconditionError(
        absl::StrCat("layer '", a_key.layer, "' of ", Name(a_key.snapshot), " has ", of_a,
                     ", layer '", b_key.layer, "' of ", Name(b_key.snapshot), " has ", of_b));
  };
  if (a.description.probe_set != b.description.probe_set) {
    return differ(absl::StrCat("probe set '", a.description.probe_set, "'"),
                  absl::StrCat("probe set '", b.description.probe_set, "'"));
  }
  if (a.shape.rows != b.shape.rows) {
    return differ(absl::StrCat(a.shape.rows, " inputs"), absl::StrCat(b.shape.rows, " inputs"));
  }
  return absl::OkStatus();
}

// All of `layers` against the first of `reference`: what is comparable with one layer is comparable
// with each other.
absl::Status CheckComparable(const std::vector<StoredLayer>& reference,
                             const std::vector<StoredLayer>& layers) {
  for (const StoredLayer& layer : layers) {
    GRAMIAN_RETURN_IF_ERROR(CheckComparable(reference.front(), layer));
  }
  return absl::OkStatus();
}

// At least one layer, in the order asked for.
absl::StatusOr<std::vector<StoredLayer>> Select(const ActivationStore& store,
                                                const SnapshotSelection& selection) {
  if (selection.layers.empty()) return store.ListLayers(selection.snapshot);
  std::vector<StoredLayer> layers;
  for (const std::string& name : selection.layers) {
    GRAMIAN_ASSIGN_OR_RETURN(StoredLayer layer, store.GetLayer({selection.snapshot, name}));
    layers.push_back(std::move(layer));
  }
  return layers;
}

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

const absl::Status& StatusOf(const absl::Status& status) { return status; }

template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

}  // namespace

struct SimilarityEngine::Impl {
  Impl(const EngineOptions& options, std::unique_ptr<ActivationStore> activations,
       std::unique_ptr<ResultStore> scores)
      : store(std::move(activations)),
        results(std::move(scores)),
        arena(options.threads),
        cache(options.cache_limit_bytes),
        scorer(results.get()),
        scratch_limit_bytes(options.scratch_limit_bytes) {}

  // Runs a request's computation with `body`, a function of its context: counts it and turns
  // exhausted memory into a status.
  template <typename Body>
  auto Run(std::stop_token stop, const Body& body) {
    const ComputeContext context{&arena, std::move(stop), scratch_limit_bytes};
    ++running;
    auto result = RunSafely(context, body);
    --running;
    if (absl::IsCancelled(StatusOf(result))) ++cancelled;
    return result;
  }
  template <typename Body>
  static auto RunSafely(const ComputeContext& context, const Body& body)
      -> decltype(body(context)) {
    try {
      return body(context);
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError("MEMORY_PRESSURE: out of memory while computing");
    }
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
  ComputeArena arena;
  OperatorCache cache;
  Scorer scorer;
  const int64_t scratch_limit_bytes;
  std::atomic<int64_t> running{0};
  std::atomic<int64_t> cancelled{0};
};

absl::StatusOr<std::unique_ptr<SimilarityEngine>> SimilarityEngine::Open(
    const EngineOptions& options) {
  GRAMIAN_ASSIGN_OR_RETURN(std::unique_ptr<ActivationStore> store,
                           ActivationStore::Open(options.store));
  return std::make_unique<SimilarityEngine>(options, std::move(store),
                                            NewMemoryResultStore(options.result_limit));
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
    std::stop_token stop) {
  using Result = absl::StatusOr<std::vector<Comparison>>;
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<MeasurePtr> parsed, ParseAll(measures));
  GRAMIAN_ASSIGN_OR_RETURN(const StoredLayer layer_a, impl_->store->GetLayer(a));
  GRAMIAN_ASSIGN_OR_RETURN(const StoredLayer layer_b, impl_->store->GetLayer(b));
  GRAMIAN_RETURN_IF_ERROR(CheckComparable(layer_a, layer_b));
  const OperandSource operand_a = impl_->Source(layer_a);
  const OperandSource operand_b = impl_->Source(layer_b);
  return impl_->Run(std::move(stop), [&](const ComputeContext& context) -> Result {
    std::vector<Comparison> comparisons;
    for (const MeasurePtr& measure : parsed) {
      GRAMIAN_ASSIGN_OR_RETURN(
          comparisons.emplace_back(),
          impl_->scorer.Compare(context, *measure, operand_a, operand_b, form));
    }
    return comparisons;
  });
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

absl::Status SimilarityEngine::CompareSnapshots(const SnapshotSelection& a,
                                                const SnapshotSelection& b,
                                                const std::string& measure, const MatrixSink& sink,
                                                std::stop_token stop) {
  GRAMIAN_ASSIGN_OR_RETURN(const MeasurePtr parsed, MeasureRegistry::Parse(measure));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<StoredLayer> layers_a, Select(*impl_->store, a));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<StoredLayer> layers_b, Select(*impl_->store, b));
  GRAMIAN_RETURN_IF_ERROR(CheckComparable(layers_a, layers_a));
  GRAMIAN_RETURN_IF_ERROR(CheckComparable(layers_a, layers_b));
  return impl_->Run(std::move(stop), [&](const ComputeContext& context) -> absl::Status {
    GRAMIAN_RETURN_IF_ERROR(sink.on_header({LayerNames(layers_a), LayerNames(layers_b)}));
    return impl_->scorer.CompareAll(context, *parsed, impl_->Sources(layers_a),
                                    impl_->Sources(layers_b), sink.on_block);
  });
}

absl::Status SimilarityEngine::CompareNetworks(absl::Span<const SnapshotSelection> networks,
                                               const Fusion& fusion, const std::string& measure,
                                               const MatrixSink& sink, std::stop_token stop) {
  GRAMIAN_RETURN_IF_ERROR(Validate(fusion));
  GRAMIAN_ASSIGN_OR_RETURN(const MeasurePtr parsed, MeasureRegistry::Parse(measure));
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
    header.row_names.push_back(Name(network.snapshot));
  }
  header.col_names = header.row_names;
  return impl_->Run(std::move(stop), [&](const ComputeContext& context) -> absl::Status {
    GRAMIAN_RETURN_IF_ERROR(sink.on_header(header));
    return impl_->scorer.CompareAll(context, *parsed, operands, operands, sink.on_block);
  });
}

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
  return impl_->Run(std::move(stop),
                    [&](const ComputeContext& context) -> absl::StatusOr<OperatorView> {
                      GRAMIAN_ASSIGN_OR_RETURN(const Operand operand, source.Load());
                      return ViewOperator(context, operand, request, &impl_->cache);
                    });
}

EngineStats SimilarityEngine::Stats() const {
  const ScorerStats scorer = impl_->scorer.Stats();
  EngineStats stats;
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

}  // namespace gramian
