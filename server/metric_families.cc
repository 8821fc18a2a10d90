#include "server/metric_families.h"

#include <prometheus/client_metric.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_type.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "gramian/base/flop_count.h"

namespace gramian {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// One family of values read at scrape time.
class Snapshot {
 public:
  Snapshot(const char* name, MetricType type, const char* help) {
    family_.name = name;
    family_.type = type;
    family_.help = help;
  }

  Snapshot& Value(double value, std::vector<ClientMetric::Label> labels = {}) & {
    ClientMetric metric;
    metric.label = std::move(labels);
    if (family_.type == MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    family_.metric.push_back(std::move(metric));
    return *this;
  }
  Snapshot Value(double value, std::vector<ClientMetric::Label> labels = {}) && {
    static_cast<Snapshot&>(*this).Value(value, std::move(labels));
    return std::move(*this);
  }

  MetricFamily Take() && { return std::move(family_); }

 private:
  MetricFamily family_;
};

std::vector<MetricFamily> StoreFamilies(const EngineStats& engine) {
  const auto number = [](int64_t value) { return static_cast<double>(value); };
  const StoreStats& store = engine.store;
  std::vector<MetricFamily> families;
  families.push_back(Snapshot("gramian_store_bytes", MetricType::Gauge, "Bytes of activations kept")
                         .Value(number(store.bytes))
                         .Take());
  families.push_back(
      Snapshot("gramian_store_reserved_bytes", MetricType::Gauge, "Bytes promised to open uploads")
          .Value(number(store.reserved_bytes))
          .Take());
  families.push_back(Snapshot("gramian_store_limit_bytes", MetricType::Gauge,
                              "Bytes of activations that may be kept")
                         .Value(number(store.limit_bytes))
                         .Take());
  families.push_back(Snapshot("gramian_store_layers", MetricType::Gauge, "Committed layers")
                         .Value(number(store.layers))
                         .Take());
  return families;
}

std::vector<MetricFamily> DurabilityFamilies(const StoreStats& store, int64_t disk_reserve_bytes) {
  const auto number = [](int64_t value) { return static_cast<double>(value); };
  std::vector<MetricFamily> families;
  families.push_back(Snapshot("gramian_store_uploads", MetricType::Gauge,
                              "Uploads that are not committed yet, with or without a stream")
                         .Value(number(store.uploads))
                         .Take());
  families.push_back(
      Snapshot("gramian_store_uploads_total", MetricType::Counter,
               "Streams that found their upload begun, and uploads that were dropped "
               "because nobody went on with them")
          .Value(number(store.resumed_uploads), {{"result", "resumed"}})
          .Value(number(store.expired_uploads), {{"result", "expired"}})
          .Take());
  families.push_back(Snapshot("gramian_store_quarantined_blobs", MetricType::Gauge,
                              "Files of activations found damaged since the start")
                         .Value(number(store.quarantined_blobs))
                         .Take());
  families.push_back(Snapshot("gramian_store_retired_snapshots_total", MetricType::Counter,
                              "Snapshots deleted by retention")
                         .Value(number(store.retired_snapshots))
                         .Take());
  // In memory there is no disk to run out of.
  if (store.free_disk_bytes < 0) return families;
  families.push_back(Snapshot("gramian_store_free_disk_bytes", MetricType::Gauge,
                              "Free bytes of the data directory's file system")
                         .Value(number(store.free_disk_bytes))
                         .Take());
  families.push_back(Snapshot("gramian_store_disk_reserve_bytes", MetricType::Gauge,
                              "Free bytes of the data directory's file system that uploads leave")
                         .Value(number(disk_reserve_bytes))
                         .Take());
  return families;
}

std::vector<MetricFamily> CacheFamilies(const EngineStats& engine) {
  const auto number = [](int64_t value) { return static_cast<double>(value); };
  const CacheStats& cache = engine.cache;
  std::vector<MetricFamily> families;
  families.push_back(
      Snapshot("gramian_cache_requests_total", MetricType::Counter,
               "Lookups: operators that were there, had to be computed, or were being computed for "
               "another; scores that were "
               "known or not")
          .Value(number(cache.hits), {{"cache", "operator"}, {"result", "hit"}})
          .Value(number(cache.misses), {{"cache", "operator"}, {"result", "miss"}})
          .Value(number(cache.coalesced), {{"cache", "operator"}, {"result", "coalesced"}})
          .Value(number(engine.result_hits), {{"cache", "score"}, {"result", "hit"}})
          .Value(number(engine.result_misses), {{"cache", "score"}, {"result", "miss"}})
          .Take());
  families.push_back(
      Snapshot("gramian_cache_bytes", MetricType::Gauge, "Bytes of operators kept for reuse")
          .Value(number(cache.bytes))
          .Take());
  families.push_back(Snapshot("gramian_cache_limit_bytes", MetricType::Gauge,
                              "Bytes of operators that may be kept")
                         .Value(number(cache.limit_bytes))
                         .Take());
  families.push_back(Snapshot("gramian_cache_entries", MetricType::Gauge, "Entries kept for reuse")
                         .Value(number(cache.entries), {{"cache", "operator"}})
                         .Value(number(engine.results), {{"cache", "score"}})
                         .Take());
  families.push_back(Snapshot("gramian_cache_evicted_bytes_total", MetricType::Counter,
                              "Bytes of operators dropped to make room")
                         .Value(number(cache.evicted_bytes))
                         .Take());
  families.push_back(Snapshot("gramian_cache_last_evicted_age_seconds", MetricType::Gauge,
                              "How long the operator dropped last had not been used; 0 before")
                         .Value(cache.last_evicted_idle_seconds)
                         .Take());
  return families;
}

std::vector<MetricFamily> ComputeFamilies(const EngineStats& engine, const QueueLengths& queues) {
  const auto number = [](int64_t value) { return static_cast<double>(value); };
  std::vector<MetricFamily> families;
  families.push_back(Snapshot("gramian_computations", MetricType::Gauge, "Computations running now")
                         .Value(number(engine.running))
                         .Take());
  families.push_back(Snapshot("gramian_computations_total", MetricType::Counter,
                              "Scores computed and computations stopped early")
                         .Value(number(engine.completed), {{"result", "completed"}})
                         .Value(number(engine.cancelled), {{"result", "cancelled"}})
                         .Take());
  families.push_back(Snapshot("gramian_compute_seconds_total", MetricType::Counter,
                              "Wall time spent computing, summed over computations")
                         .Value(engine.compute_seconds_total)
                         .Take());
  families.push_back(Snapshot("gramian_compute_flops_total", MetricType::Counter,
                              "Floating point operations of matrix products")
                         .Value(MatrixFlops())
                         .Take());
  families.push_back(Snapshot("gramian_queue_length", MetricType::Gauge,
                              "Jobs that wait for a thread or for what another computes")
                         .Value(number(queues.interactive), {{"lane", "interactive"}})
                         .Value(number(queues.batch), {{"lane", "batch"}})
                         .Value(number(queues.ingest), {{"lane", "ingest"}})
                         .Take());
  return families;
}

std::vector<MetricFamily> ScratchFamilies(const EngineStats& engine) {
  const auto number = [](int64_t value) { return static_cast<double>(value); };
  const ScratchBudget::Stats& scratch = engine.scratch;
  std::vector<MetricFamily> families;
  families.push_back(
      Snapshot("gramian_scratch_bytes", MetricType::Gauge, "Bytes leased to running computations")
          .Value(number(scratch.leased_bytes))
          .Take());
  families.push_back(Snapshot("gramian_answer_bytes", MetricType::Gauge,
                              "Bytes of operators computed for clients that have not read them yet")
                         .Value(number(scratch.answer_bytes))
                         .Take());
  families.push_back(Snapshot("gramian_scratch_limit_bytes", MetricType::Gauge,
                              "Bytes that may be leased to computations together")
                         .Value(number(scratch.limit_bytes))
                         .Take());
  families.push_back(
      Snapshot("gramian_scratch_waiting", MetricType::Gauge, "Computations that wait for memory")
          .Value(number(scratch.waiting))
          .Take());
  families.push_back(Snapshot("gramian_scratch_refused_total", MetricType::Counter,
                              "Computations refused for want of memory or of a place to wait")
                         .Value(number(scratch.refused))
                         .Take());
  return families;
}

std::vector<MetricFamily> ConnectionFamilies(const AcceptLoop::Stats& connections) {
  const auto number = [](int64_t value) { return static_cast<double>(value); };
  std::vector<MetricFamily> families;
  families.push_back(
      Snapshot("gramian_connections", MetricType::Gauge, "Open connections to the gRPC port")
          .Value(number(connections.open))
          .Take());
  families.push_back(Snapshot("gramian_connections_total", MetricType::Counter,
                              "Connections taken, and closed at once because of the limit")
                         .Value(number(connections.accepted), {{"result", "accepted"}})
                         .Value(number(connections.refused), {{"result", "refused"}})
                         .Take());
  return families;
}

MetricFamily SyncFamily(const prometheus::Histogram& seconds) {
  MetricFamily family;
  family.name = "gramian_store_fsync_seconds";
  family.help = "Time until files and folders of activations were on stable storage";
  family.type = MetricType::Histogram;
  family.metric.push_back(seconds.Collect());
  return family;
}

std::vector<MetricFamily> WatchFamilies(const std::vector<WatchGauge>& watches) {
  Snapshot score("gramian_watch_score", MetricType::Gauge,
                 "Similarity of the newest snapshot of a watched network to its reference");
  Snapshot step("gramian_watch_step", MetricType::Gauge,
                "Training step that the score of a watch belongs to");
  Snapshot failed("gramian_watch_failed", MetricType::Gauge,
                  "1 while the last evaluation of a watch failed, and there is no score");
  Snapshot time("gramian_watch_evaluated_timestamp_seconds", MetricType::Gauge,
                "When a watch was evaluated last, in seconds since 1970; 0 for never");
  Snapshot failures("gramian_watch_failures_total", MetricType::Counter,
                    "Evaluations of a watch that failed");
  for (const WatchGauge& watch : watches) {
    const std::vector<ClientMetric::Label> labels = {{"project", watch.project},
                                                     {"watch", watch.watch}};
    if (watch.has_score) {
      score.Value(watch.score, labels);
      step.Value(watch.step, labels);
    }
    failed.Value(watch.failed ? 1 : 0, labels);
    time.Value(watch.evaluate_seconds, labels);
    failures.Value(watch.failures, labels);
  }
  std::vector<MetricFamily> families;
  families.push_back(Snapshot("gramian_watches", MetricType::Gauge, "Watches of all projects")
                         .Value(static_cast<double>(watches.size()))
                         .Take());
  for (Snapshot* family : {&score, &step, &failed, &time, &failures})
    families.push_back(std::move(*family).Take());
  return families;
}

std::vector<MetricFamily> ProjectFamilies(const std::vector<ProjectGauge>& projects) {
  Snapshot bytes("gramian_project_stored_bytes", MetricType::Gauge,
                 "Bytes of activations and probe sets that a project keeps or has announced");
  Snapshot uploads("gramian_project_open_uploads", MetricType::Gauge,
                   "Uploads of a project that are not committed yet");
  Snapshot calls("gramian_project_open_calls", MetricType::Gauge, "Calls of a project in flight");
  Snapshot used("gramian_project_quota_used_ratio", MetricType::Gauge,
                "Share of a quota that a project uses now; nothing where it has none");
  for (const ProjectGauge& project : projects) {
    const ClientMetric::Label label = {"project", project.project};
    bytes.Value(static_cast<double>(project.stored_bytes), {label});
    uploads.Value(static_cast<double>(project.open_uploads), {label});
    calls.Value(static_cast<double>(project.open_calls), {label});
    for (const auto& [quota, share] : project.used) used.Value(share, {label, {"quota", quota}});
  }
  std::vector<MetricFamily> families;
  for (Snapshot* family : {&bytes, &uploads, &calls, &used})
    families.push_back(std::move(*family).Take());
  return families;
}

// Named as the client libraries of Prometheus name them.
std::vector<MetricFamily> ProcessFamilies(const ProcessStats& process) {
  const auto number = [](int64_t value) { return static_cast<double>(value); };
  std::vector<MetricFamily> families;
  families.push_back(Snapshot("process_cpu_seconds_total", MetricType::Counter,
                              "Processor time of the process, user and system")
                         .Value(process.cpu_seconds)
                         .Take());
  families.push_back(
      Snapshot("process_resident_memory_bytes", MetricType::Gauge, "Bytes of the process in memory")
          .Value(number(process.resident_bytes))
          .Take());
  families.push_back(Snapshot("process_virtual_memory_bytes", MetricType::Gauge,
                              "Bytes of the process's address space")
                         .Value(number(process.virtual_bytes))
                         .Take());
  families.push_back(Snapshot("process_open_fds", MetricType::Gauge, "Open file descriptors")
                         .Value(number(process.open_descriptors))
                         .Take());
  families.push_back(
      Snapshot("process_max_fds", MetricType::Gauge, "File descriptors that may be open")
          .Value(number(process.descriptor_limit))
          .Take());
  families.push_back(Snapshot("process_start_time_seconds", MetricType::Gauge,
                              "When the process started, in seconds since 1970")
                         .Value(process.start_seconds)
                         .Take());
  return families;
}

std::vector<MetricFamily> AccessFamilies(const MetricsInput& input) {
  std::vector<MetricFamily> families;
  families.push_back(Snapshot("gramian_audit_lost_lines_total", MetricType::Counter,
                              "Lines of the audit log that its file lacks; they are in the log")
                         .Value(static_cast<double>(input.lost_audit_lines))
                         .Take());
  if (!input.certificate_expiry.has_value()) return families;
  families.push_back(
      Snapshot("gramian_tls_certificate_expiry_timestamp_seconds", MetricType::Gauge,
               "When the server's certificate expires, in seconds since 1970")
          .Value(absl::ToDoubleSeconds(*input.certificate_expiry - absl::UnixEpoch()))
          .Take());
  return families;
}

std::vector<MetricFamily> MemoryFamilies(const ProcessStats& process, int64_t limit_bytes) {
  std::vector<MetricFamily> families;
  families.push_back(Snapshot("gramian_memory_bytes", MetricType::Gauge,
                              "Bytes of the process in memory that no file holds as well")
                         .Value(static_cast<double>(process.anonymous_bytes))
                         .Take());
  families.push_back(
      Snapshot("gramian_memory_limit_bytes", MetricType::Gauge,
               "Bytes that activations in memory, operators and computations may take together")
          .Value(static_cast<double>(limit_bytes))
          .Take());
  return families;
}

}  // namespace

std::vector<MetricFamily> FamiliesOf(const MetricsInput& input) {
  std::vector<MetricFamily> families;
  for (std::vector<MetricFamily> more :
       {StoreFamilies(input.engine),
        DurabilityFamilies(input.engine.store, input.disk_reserve_bytes),
        CacheFamilies(input.engine), ComputeFamilies(input.engine, input.queues),
        ScratchFamilies(input.engine), ConnectionFamilies(input.connections),
        WatchFamilies(input.watches), ProcessFamilies(input.process),
        MemoryFamilies(input.process, input.memory_limit_bytes), ProjectFamilies(input.projects),
        AccessFamilies(input)}) {
    std::move(more.begin(), more.end(), std::back_inserter(families));
  }
  families.push_back(SyncFamily(*input.sync_seconds));
  return families;
}

}  // namespace gramian
