// Everything gramiand counts, and how Prometheus sees it.
#ifndef GRAMIAN_SERVER_METRICS_H_
#define GRAMIAN_SERVER_METRICS_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gramian/engine/similarity_engine.h"
#include "server/accept_loop.h"
#include "server/process_stats.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace gramian {

// The kind of an RPC, as the label grpc_type says it.
enum class RpcType { kUnary, kServerStream, kBidiStream };

// Counters of one RPC method. Thread-safe; a call costs some ten nanoseconds.
class MethodMetrics {
 public:
  // Full name of the method, for log lines: "SimilarityService/CompareLayers".
  const std::string& name() const { return name_; }
  void Started() const;
  void Handled(absl::StatusCode code, double seconds) const;
  // Time spent computing for one call, queueing excluded.
  void Computed(double seconds) const;

 private:
  friend class Metrics;
  static constexpr int kCodeCount = 17;

  std::string name_;
  prometheus::Counter* started_ = nullptr;
  std::array<prometheus::Counter*, kCodeCount> handled_{};
  prometheus::Histogram* seconds_ = nullptr;
  prometheus::Histogram* compute_seconds_ = nullptr;
};

// Jobs that wait for a thread, by lane.
struct QueueLengths {
  int64_t interactive = 0;
  int64_t batch = 0;
  int64_t ingest = 0;
};

// Whose threads a call waits for.
enum class WaitingLane { kInteractive, kBatch, kIngest };

// A watch as /metrics shows it. Project and watch are chosen by clients; there are at most
// WatchBoard::kMaxWatches of them, and those that are removed leave the page.
struct WatchGauge {
  std::string project;
  std::string watch;
  bool has_score = false;
  bool failed = false;
  double score = 0;
  double step = 0;
  double evaluate_seconds = 0;  // since 1970; 0 if never
  double failures = 0;
};

// What of a project's quotas is used now, as /metrics shows it.
struct ProjectGauge {
  std::string project;
  int64_t stored_bytes = 0;
  int64_t open_uploads = 0;
  int64_t open_calls = 0;
  // Share of each quota that it has, by the name of the quota: 1 is all of it.
  std::vector<std::pair<std::string, double>> used;
};

// What a page shows besides what Metrics counts itself.
struct MetricsInput {
  EngineStats engine;
  QueueLengths queues;
  AcceptLoop::Stats connections;
  ProcessStats process;
  const prometheus::Histogram* sync_seconds = nullptr;  // not null; outlives the call
  int64_t memory_limit_bytes = 0;
  int64_t disk_reserve_bytes = 0;
  std::vector<WatchGauge> watches;
  std::vector<ProjectGauge> projects;
  int64_t lost_audit_lines = 0;
  std::optional<absl::Time> certificate_expiry;  // nothing without TLS
};

// Calls since the start, of all methods.
struct CallTotals {
  int64_t started = 0;
  int64_t succeeded = 0;
  int64_t failed = 0;
};

// The registry. Thread-safe. Label values come from closed sets: methods, codes, results, lanes;
// and from bounded ones: projects, watches.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Metrics of `service`/`method`, with all codes at 0 from the start, so that rates begin at the
  // first failure. Call while the server is built; the reference lives as long as this object.
  const MethodMetrics& AddMethod(absl::string_view service, absl::string_view method, RpcType type);

  // Accepted bytes of activations.
  void AddIngestedBytes(int64_t bytes);
  void SetOpenUploads(int64_t count);

  // What a project did; nothing for an empty one. The first kMaxProjects projects have a label of
  // their own, all others the label `other`.
  static constexpr size_t kMaxProjects = 100;
  void ProjectCalled(const std::string& project);
  void ProjectRefused(const std::string& project);
  void ProjectIngested(const std::string& project, int64_t bytes);
  void ProjectComputed(const std::string& project, double seconds);
  // Those with a label of their own.
  std::vector<std::string> LabelledProjects() const;
  // Time that uploads waited because their project had sent its bytes of a second.
  void IngestPaused(double seconds);

  // A call that failed for this reason: counted if it says that there was no room for it, or that
  // what it sent was damaged.
  void Refused(absl::string_view reason);
  // Time from a job's arrival to its first thread.
  void Queued(WaitingLane lane, double seconds);

  CallTotals call_totals() const;
  int64_t ingested_bytes() const;

  // Whether the server takes new work.
  void SetDraining(bool draining);

  // Whether what a file of `source` (`tls`, `access`, `quotas`) holds is in use.
  void SetReloadSuccessful(const std::string& source, bool successful);

  // Text exposition format 0.0.4 of all counters and the numbers given.
  std::string Scrape(const MetricsInput& input) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_METRICS_H_
