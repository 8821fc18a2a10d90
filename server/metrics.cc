#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/blas.h"
#include "gramian/base/mutex.h"
#include "server/metric_families.h"
#include "server/version.h"

namespace gramian {
namespace {

using prometheus::MetricFamily;

// From a cached answer to a matrix that takes minutes.
const prometheus::Histogram::BucketBoundaries kRpcSeconds = {
    0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300};
const prometheus::Histogram::BucketBoundaries kComputeSeconds = {0.001, 0.005, 0.02, 0.1, 0.5,
                                                                 2,     10,    60,   600};

// Calls that were refused for want of room or because of what they sent; see errors.proto.
constexpr const char* kRefusals[] = {
    "CHECKSUM_MISMATCH", "CHUNK_TOO_LARGE",  "COMPUTE_QUOTA",  "DIGEST_MISMATCH",
    "DISK_FULL",         "DRAINING",         "LIMIT_EXCEEDED", "MEMORY_PRESSURE",
    "NEVER_FITS",        "QUEUE_FULL",       "RATE_LIMITED",   "SLOW_READER",
    "TENANT_QUOTA",      "TOO_MANY_GAPS",    "UPLOAD_ABORTED", "TOO_MANY_DOWNLOADS",
    "TOO_MANY_CALLS",    "TOO_MANY_UPLOADS", "UPLOAD_IDLE"};

// The label of projects that have none of their own.
constexpr char kOthers[] = "other";

// The names the field's dashboards know.
constexpr const char* kCodeNames[] = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

const char* TypeName(RpcType type) {
  switch (type) {
    case RpcType::kUnary:
      return "unary";
    case RpcType::kServerStream:
      return "server_stream";
    case RpcType::kBidiStream:
      return "bidi_stream";
  }
  return "";
}

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>* started = nullptr;
  prometheus::Family<prometheus::Counter>* handled = nullptr;
  prometheus::Family<prometheus::Histogram>* seconds = nullptr;
  prometheus::Family<prometheus::Histogram>* compute_seconds = nullptr;
  prometheus::Counter* ingest_bytes = nullptr;
  prometheus::Gauge* ingest_streams = nullptr;
  prometheus::Gauge* draining = nullptr;
  std::map<std::string, prometheus::Counter*, std::less<>> refused;
  std::array<prometheus::Histogram*, 3> queue_seconds{};  // by lane
  prometheus::Family<prometheus::Gauge>* reload_successful = nullptr;
  // Filled while the server is built, constant afterwards; a deque keeps addresses.
  std::deque<MethodMetrics> methods;
  prometheus::Counter* ingest_paused = nullptr;

  struct Project {
    prometheus::Counter* calls = nullptr;
    prometheus::Counter* refused = nullptr;
    prometheus::Counter* bytes = nullptr;
    prometheus::Counter* compute_seconds = nullptr;
  };
  // The counters of a project, or those of all the others.
  const Project& Of(const std::string& project);
  Project Label(const std::string& project);

  prometheus::Family<prometheus::Counter>* project_calls = nullptr;
  prometheus::Family<prometheus::Counter>* project_refused = nullptr;
  prometheus::Family<prometheus::Counter>* project_bytes = nullptr;
  prometheus::Family<prometheus::Counter>* project_seconds = nullptr;
  mutable Mutex projects_mutex;
  std::map<std::string, Project> projects GRAMIAN_GUARDED_BY(projects_mutex);
  Project others;
};

Metrics::Impl::Project Metrics::Impl::Label(const std::string& project) {
  const std::map<std::string, std::string> label = {{"project", project}};
  return {&project_calls->Add(label), &project_refused->Add(label), &project_bytes->Add(label),
          &project_seconds->Add(label)};
}

const Metrics::Impl::Project& Metrics::Impl::Of(const std::string& project) {
  MutexLock lock(projects_mutex);
  const auto found = projects.find(project);
  if (found != projects.end()) return found->second;
  // Who is called so shares the label.
  if (projects.size() >= kMaxProjects || project == kOthers) return others;
  return projects.emplace(project, Label(project)).first->second;
}

void MethodMetrics::Started() const { started_->Increment(); }

void MethodMetrics::Handled(absl::StatusCode code, double seconds) const {
  const auto index = static_cast<size_t>(code);
  handled_[index < handled_.size() ? index : static_cast<size_t>(absl::StatusCode::kUnknown)]
      ->Increment();
  seconds_->Observe(seconds);
}

void MethodMetrics::Computed(double seconds) const { compute_seconds_->Observe(seconds); }

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {
  prometheus::Registry& registry = impl_->registry;
  impl_->started = &prometheus::BuildCounter()
                        .Name("grpc_server_started_total")
                        .Help("RPCs that began")
                        .Register(registry);
  impl_->handled = &prometheus::BuildCounter()
                        .Name("grpc_server_handled_total")
                        .Help("RPCs that ended, by status code")
                        .Register(registry);
  impl_->seconds = &prometheus::BuildHistogram()
                        .Name("grpc_server_handling_seconds")
                        .Help("Time from the start of an RPC to its status")
                        .Register(registry);
  impl_->compute_seconds =
      &prometheus::BuildHistogram()
           .Name("gramian_compute_seconds")
           .Help("Time an RPC computed, queueing excluded; nothing for answers that were known")
           .Register(registry);
  impl_->ingest_bytes = &prometheus::BuildCounter()
                             .Name("gramian_ingest_bytes_total")
                             .Help("Bytes of activations accepted")
                             .Register(registry)
                             .Add({});
  impl_->ingest_paused =
      &prometheus::BuildCounter()
           .Name("gramian_ingest_paused_seconds_total")
           .Help("Time that uploads waited for the bytes a second of their project")
           .Register(registry)
           .Add({});
  impl_->project_calls = &prometheus::BuildCounter()
                              .Name("gramian_project_calls_total")
                              .Help("Calls of a project that were admitted")
                              .Register(registry);
  impl_->project_refused = &prometheus::BuildCounter()
                                .Name("gramian_project_refused_total")
                                .Help("Calls of a project that its quotas refused")
                                .Register(registry);
  impl_->project_bytes = &prometheus::BuildCounter()
                              .Name("gramian_project_ingest_bytes_total")
                              .Help("Bytes of activations accepted of a project")
                              .Register(registry);
  impl_->project_seconds = &prometheus::BuildCounter()
                                .Name("gramian_project_compute_seconds_total")
                                .Help("Wall time computed for calls of a project")
                                .Register(registry);
  impl_->others = impl_->Label(kOthers);
  impl_->ingest_streams = &prometheus::BuildGauge()
                               .Name("gramian_ingest_streams")
                               .Help("Open uploads")
                               .Register(registry)
                               .Add({});
  impl_->draining = &prometheus::BuildGauge()
                         .Name("gramian_draining")
                         .Help("1 while the server finishes work and takes no more")
                         .Register(registry)
                         .Add({});
  prometheus::Family<prometheus::Counter>& refused =
      prometheus::BuildCounter()
          .Name("gramian_refused_total")
          .Help("Calls refused for want of room or because of what they sent, by reason")
          .Register(registry);
  for (const char* reason : kRefusals) impl_->refused[reason] = &refused.Add({{"reason", reason}});
  prometheus::Family<prometheus::Histogram>& queue =
      prometheus::BuildHistogram()
          .Name("gramian_queue_seconds")
          .Help("Time that calls waited for their first thread")
          .Register(registry);
  impl_->queue_seconds = {&queue.Add({{"lane", "interactive"}}, kRpcSeconds),
                          &queue.Add({{"lane", "batch"}}, kRpcSeconds),
                          &queue.Add({{"lane", "ingest"}}, kRpcSeconds)};
  impl_->reload_successful =
      &prometheus::BuildGauge()
           .Name("gramian_config_last_reload_successful")
           .Help("0 while a file that changed is refused and what it held before stays in use")
           .Register(registry);
  // There from the start: alerts hang on them.
  for (const char* source : {"tls", "access", "quotas"}) SetReloadSuccessful(source, true);
  prometheus::BuildGauge()
      .Name("gramian_build_info")
      .Help("1, with the version and what computes in the labels")
      .Register(registry)
      .Add({{"version", kVersion}, {"blas_core", BlasCoreName()}})
      .Set(1);
}

Metrics::~Metrics() = default;

const MethodMetrics& Metrics::AddMethod(absl::string_view service, absl::string_view method,
                                        RpcType type) {
  const std::map<std::string, std::string> labels = {
      {"grpc_service", absl::StrCat("gramian.v1.", service)},
      {"grpc_method", std::string(method)},
      {"grpc_type", TypeName(type)}};
  MethodMetrics& metrics = impl_->methods.emplace_back();
  metrics.name_ = absl::StrCat(service, "/", method);
  metrics.started_ = &impl_->started->Add(labels);
  metrics.seconds_ = &impl_->seconds->Add(labels, kRpcSeconds);
  metrics.compute_seconds_ =
      &impl_->compute_seconds->Add({{"grpc_method", std::string(method)}}, kComputeSeconds);
  for (size_t code = 0; code < metrics.handled_.size(); ++code) {
    std::map<std::string, std::string> with_code = labels;
    with_code["grpc_code"] = kCodeNames[code];
    metrics.handled_[code] = &impl_->handled->Add(with_code);
  }
  return metrics;
}

void Metrics::AddIngestedBytes(int64_t bytes) {
  impl_->ingest_bytes->Increment(static_cast<double>(bytes));
}

void Metrics::SetOpenUploads(int64_t count) {
  impl_->ingest_streams->Set(static_cast<double>(count));
}

void Metrics::ProjectCalled(const std::string& project) {
  if (!project.empty()) impl_->Of(project).calls->Increment();
}

void Metrics::ProjectRefused(const std::string& project) {
  if (!project.empty()) impl_->Of(project).refused->Increment();
}

void Metrics::ProjectIngested(const std::string& project, int64_t bytes) {
  if (!project.empty()) impl_->Of(project).bytes->Increment(static_cast<double>(bytes));
}

void Metrics::ProjectComputed(const std::string& project, double seconds) {
  if (!project.empty()) impl_->Of(project).compute_seconds->Increment(seconds);
}

std::vector<std::string> Metrics::LabelledProjects() const {
  MutexLock lock(impl_->projects_mutex);
  std::vector<std::string> projects;
  for (const auto& [project, counters] : impl_->projects) projects.push_back(project);
  return projects;
}

void Metrics::IngestPaused(double seconds) { impl_->ingest_paused->Increment(seconds); }

void Metrics::Refused(absl::string_view reason) {
  const auto found = impl_->refused.find(std::string(reason));
  if (found != impl_->refused.end()) found->second->Increment();
}

void Metrics::Queued(WaitingLane lane, double seconds) {
  impl_->queue_seconds[static_cast<size_t>(lane)]->Observe(seconds);
}

CallTotals Metrics::call_totals() const {
  CallTotals totals;
  for (const MethodMetrics& method : impl_->methods) {
    totals.started += static_cast<int64_t>(method.started_->Value());
    for (size_t code = 0; code < method.handled_.size(); ++code) {
      (code == 0 ? totals.succeeded : totals.failed) +=
          static_cast<int64_t>(method.handled_[code]->Value());
    }
  }
  return totals;
}

int64_t Metrics::ingested_bytes() const {
  return static_cast<int64_t>(impl_->ingest_bytes->Value());
}

void Metrics::SetReloadSuccessful(const std::string& source, bool successful) {
  impl_->reload_successful->Add({{"source", source}}).Set(successful ? 1 : 0);
}

void Metrics::SetDraining(bool draining) { impl_->draining->Set(draining ? 1 : 0); }

std::string Metrics::Scrape(const MetricsInput& input) const {
  std::vector<MetricFamily> families = impl_->registry.Collect();
  std::vector<MetricFamily> more = FamiliesOf(input);
  std::move(more.begin(), more.end(), std::back_inserter(families));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace gramian
