#include "server/server.h"

#include <grpc/impl/codegen/grpc_types.h>
#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gramian/base/status_macros.h"
#include "server/accept_loop.h"
#include "server/activation_service.h"
#include "server/admin_service.h"
#include "server/caretaker.h"
#include "server/debug_pages.h"
#include "server/http_endpoint.h"
#include "server/listen_socket.h"
#include "server/liveness.h"
#include "server/periodic_task.h"
#include "server/rpc.h"
#include "server/similarity_service.h"
#include "server/timed_file_system.h"
#include "server/tls_certificates.h"
#include "server/watch_board.h"
#include "server/watch_service.h"

namespace gramian {
namespace {

// After a drain: the last answers are still on their way when nothing is in flight any more.
constexpr std::chrono::seconds kFlushTime{2};
// Of /debug/cache.
constexpr int64_t kShownOperators = 1000;
// How long /livez waits for the gRPC port.
constexpr std::chrono::seconds kDialTime{1};
// How often files of certificates and access are looked at.
constexpr std::chrono::seconds kLookInterval{1};

EngineOptions ToEngineOptions(const ServerOptions& options, FileSystem& files) {
  EngineOptions engine;
  engine.store.files = &files;
  engine.store.on_damage = [](const absl::Status& what) {
    spdlog::error("{}", std::string(what.message()));
  };
  engine.store.on_removal = [](const std::string& what) {
    spdlog::info("removed {}, which nothing names", what);
  };
  engine.threads = options.threads;
  engine.store.data_dir = options.data_dir;
  engine.store.limit_bytes = options.store_bytes;
  // Their ids are in memory: a part of it that leaves the rest to activations and computations.
  engine.store.probe_set_limit_bytes = std::max<int64_t>(1, options.memory_bytes / 16);
  engine.store.layers_per_snapshot = options.max_layers;
  engine.store.disk_reserve_bytes = options.disk_reserve_bytes;
  engine.store.max_uploads = options.max_uploads;
  if (options.retain_age > 0) engine.store.retain_age = absl::Seconds(options.retain_age);
  engine.store.retain_bytes = options.retain_bytes;
  engine.cache_limit_bytes = options.cache_bytes;
  engine.scratch_limit_bytes = options.scratch_bytes;
  engine.memory_limit_bytes = options.memory_bytes;
  engine.queue_limit = options.queue;
  engine.result_limit = options.max_scores;
  return engine;
}

int Milliseconds(int64_t seconds) { return static_cast<int>(seconds * 1000); }

// Measured on loopback: docs/performance.md.
void TuneTransport(const ServerOptions& options, grpc::ServerBuilder& builder) {
  constexpr int kMib = 1 << 20;
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.message_bytes));
  // Probing for the bandwidth makes uploads stall; a fixed window bounds the memory of a stream as
  // well.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 8 * kMib);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, 16 * kMib - 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_WRITE_BUFFER_SIZE, 8 * kMib);
  builder.AddChannelArgument("grpc.experimental.tcp_read_chunk_size", kMib);
  builder.AddChannelArgument("grpc.experimental.tcp_max_read_chunk_size", 4 * kMib);
}

// A fuse against clients that fill gRPC's buffers: it breaks streams at random, which uploads
// survive, so it is far above what buffers need.
void LimitBuffers(const ServerOptions& options, grpc::ServerBuilder& builder) {
  constexpr int64_t kLeast = int64_t{1} << 30;
  grpc::ResourceQuota quota("gramiand");
  quota.Resize(static_cast<size_t>(std::max(kLeast, options.memory_bytes / 4)));
  builder.SetResourceQuota(quota);
}

// What becomes of connections whose client is silent, idle or old.
void LimitConnections(const ServerOptions& options, grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(options.keepalive_seconds));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             Milliseconds(options.keepalive_timeout_seconds));
  // A client that pings every 10 s is welcome.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             static_cast<int>(options.max_streams));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS,
                             Milliseconds(options.connection_idle_seconds));
  if (options.connection_age_seconds > 0) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                               Milliseconds(options.connection_age_seconds));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                               Milliseconds(options.connection_grace_seconds));
  }
  // Who connects and never speaks HTTP/2.
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
}

}  // namespace

// Shares of the quotas that a project has, by their names in the quota file.
std::vector<std::pair<std::string, double>> SharesOf(const Quotas& quotas,
                                                     const ProjectGauge& gauge,
                                                     const ProjectUse& use) {
  std::vector<std::pair<std::string, double>> shares;
  const auto add = [&shares](const char* quota, double used, int64_t limit) {
    if (limit > 0) shares.emplace_back(quota, used / static_cast<double>(limit));
  };
  add("stored_bytes", static_cast<double>(gauge.stored_bytes), quotas.stored_bytes);
  add("open_uploads", static_cast<double>(gauge.open_uploads), quotas.open_uploads);
  add("open_calls", static_cast<double>(gauge.open_calls), quotas.open_calls);
  add("compute_seconds_per_hour", use.compute_seconds, quotas.compute_seconds_per_hour);
  return shares;
}

// Of the projects that called, and of those that the quota file names: as many of these as have
// labels of their own otherwise.
std::vector<ProjectGauge> ProjectGauges(const ServerState& state) {
  std::vector<std::string> named = state.admission.NamedProjects();
  named.resize(std::min(named.size(), Metrics::kMaxProjects));
  std::set<std::string> projects(named.begin(), named.end());
  for (std::string& project : state.metrics.LabelledProjects()) projects.insert(std::move(project));
  const ActivationStore& store = state.engine.store();
  std::vector<ProjectGauge> gauges;
  for (const std::string& project : projects) {
    ProjectGauge& gauge = gauges.emplace_back();
    const ProjectUse use = state.admission.UseOf(project, absl::Now());
    gauge.project = project;
    gauge.stored_bytes = store.ProjectBytes(project);
    gauge.open_uploads = store.ProjectUploads(project);
    gauge.open_calls = use.open_calls;
    gauge.used = SharesOf(state.admission.QuotasOf(project), gauge, use);
  }
  return gauges;
}

// Members are destroyed from the last to the first: what looks after the server, the HTTP side, the
// network, the services, what they share.
struct Server::Impl {
  Impl(const ServerOptions& options, std::unique_ptr<TimedFileSystem> timed_files,
       std::unique_ptr<SimilarityEngine> engine)
      : files(std::move(timed_files)),
        state(options, std::move(engine)),
        activations(state),
        similarity(state) {}

  // Errors of WatchBoard::Open.
  absl::Status OpenWatches();
  // Reads the files of certificates and access, and watches them.
  absl::Status StartAccess();
  void LookAtFiles();
  absl::Status StartGrpc(const ListenAddress& address, int fd);
  absl::Status StartHttp(const ListenAddress& address);
  std::string Scrape();
  // What /debug/... answers; nothing for a page that there is not.
  std::optional<std::string> DebugPage(absl::string_view path);
  // Why /livez or /readyz says no, a line for each reason.
  std::string WhyNotLive();
  std::string WhyNotReady();

  const std::unique_ptr<TimedFileSystem> files;
  ServerState state;
  ActivationService activations;
  SimilarityService similarity;
  std::unique_ptr<WatchBoard> watches;
  std::unique_ptr<WatchService> watch_service;
  std::unique_ptr<AdminService> admin;
  sockaddr_storage listens_at{};
  std::unique_ptr<TlsCertificates> tls;  // null: plaintext
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
  std::unique_ptr<grpc::Server> grpc;
  std::unique_ptr<AcceptLoop> accept_loop;
  std::unique_ptr<Caretaker> caretaker;
  std::unique_ptr<HttpEndpoint> http;
  std::unique_ptr<PeriodicTask> look;
  std::string grpc_address;
  std::string metrics_address;
};

absl::Status Server::Impl::OpenWatches() {
  GRAMIAN_ASSIGN_OR_RETURN(watches, WatchBoard::Open(state));
  watch_service = std::make_unique<WatchService>(state, *watches);
  admin = std::make_unique<AdminService>(state, *watches);
  return absl::OkStatus();
}

absl::Status Server::Impl::StartAccess() {
  const ServerOptions& options = state.options;
  GRAMIAN_RETURN_IF_ERROR(state.access.Load());
  GRAMIAN_RETURN_IF_ERROR(state.admission.Load());
  GRAMIAN_RETURN_IF_ERROR(state.audit.Open(options.audit_file));
  if (!options.tls_cert.empty()) {
    GRAMIAN_ASSIGN_OR_RETURN(
        tls, TlsCertificates::Load({options.tls_cert, options.tls_key, options.tls_client_ca}));
  }
  if (tls == nullptr && !state.access.has_file() && !state.admission.has_file())
    return absl::OkStatus();
  LookAtFiles();
  look = std::make_unique<PeriodicTask>(kLookInterval, [this] { LookAtFiles(); });
  return absl::OkStatus();
}

void Server::Impl::LookAtFiles() {
  if (tls != nullptr) {
    tls->Look();
    state.metrics.SetReloadSuccessful("tls", tls->is_current());
  }
  if (state.access.has_file()) {
    state.access.Look();
    state.metrics.SetReloadSuccessful("access", state.access.is_current());
  }
  if (state.admission.has_file()) {
    state.admission.Look();
    state.metrics.SetReloadSuccessful("quotas", state.admission.is_current());
  }
}

absl::Status Server::Impl::StartGrpc(const ListenAddress& address, int fd) {
  const ServerOptions& options = state.options;
  listens_at = AddressOf(fd);
  grpc_address = absl::StrCat(address.host, ":", PortOf(fd));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  TuneTransport(options, builder);
  LimitBuffers(options, builder);
  LimitConnections(options, builder);
  acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      tls != nullptr ? tls->credentials() : grpc::InsecureServerCredentials());
  builder.RegisterService(&activations);
  builder.RegisterService(&similarity);
  builder.RegisterService(watch_service.get());
  builder.RegisterService(admin.get());
  grpc = builder.BuildAndStart();
  if (grpc == nullptr) {
    close(fd);
    return absl::InternalError("gRPC does not start");
  }
  AcceptLoop::Options limits;
  limits.max_connections = options.max_connections;
  limits.unacknowledged_timeout = std::chrono::seconds(options.keepalive_timeout_seconds);
  GRAMIAN_ASSIGN_OR_RETURN(
      accept_loop, AcceptLoop::Start(fd, limits, [this](int connection) {
        grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
        parameters.fd = connection;
        acceptor->HandleNewConnection(&parameters);
      }));
  caretaker = std::make_unique<Caretaker>(state, *grpc->GetHealthCheckService());
  return absl::OkStatus();
}

absl::Status Server::Impl::StartHttp(const ListenAddress& address) {
  GRAMIAN_ASSIGN_OR_RETURN(
      http, HttpEndpoint::Start(
                address, {.metrics = [this] { return Scrape(); },
                          .debug = [this](absl::string_view path) { return DebugPage(path); },
                          .live = [this] { return WhyNotLive(); },
                          .ready = [this] { return WhyNotReady(); }}));
  metrics_address = absl::StrCat(address.host, ":", http->port());
  return absl::OkStatus();
}

std::string Server::Impl::Scrape() {
  return state.metrics.Scrape(
      {.engine = state.engine.Stats(),
       .queues = state.queue_lengths(),
       .connections = accept_loop->GetStats(),
       .process = ProcessStats::Read(),
       .sync_seconds = &files->sync_seconds(),
       .memory_limit_bytes = state.options.memory_bytes,
       .disk_reserve_bytes = state.options.disk_reserve_bytes,
       .watches = GaugesOf(watches->All()),
       .projects = ProjectGauges(state),
       .lost_audit_lines = state.audit.lost_lines(),
       .certificate_expiry = tls == nullptr ? std::nullopt : std::optional(tls->expiry())});
}

std::optional<std::string> Server::Impl::DebugPage(absl::string_view path) {
  if (path == "/debug/requests") return RequestsPage(state.calls.List());
  if (path == "/debug/cache") {
    return CachePage(state.engine.Stats(), state.engine.CachedOperators(kShownOperators));
  }
  if (path == "/debug/heap") return HeapReport();
  return std::nullopt;
}

std::string Server::Impl::WhyNotLive() {
  // A draining server ends by itself.
  if (state.gate.closed()) return "";
  const absl::Status status =
      tls != nullptr ? DialTls(listens_at, kDialTime) : DialHttp2(listens_at, kDialTime);
  if (status.ok()) return "";
  // At its limit the server closes the new connection at once, which is a sign of life.
  const AcceptLoop::Stats connections = accept_loop->GetStats();
  if (connections.open >= state.options.max_connections) return "";
  return absl::StrCat(status.message(), "\n");
}

std::string Server::Impl::WhyNotReady() {
  std::string problems = caretaker->Problems();
  if (accept_loop->GetStats().is_out_of_descriptors) {
    absl::StrAppend(&problems, "no descriptor is left for another connection\n");
  }
  return problems;
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
  impl_->look.reset();
  impl_->http.reset();
  impl_->caretaker.reset();
  if (impl_->accept_loop != nullptr) impl_->accept_loop->Stop();
  if (impl_->grpc != nullptr) impl_->grpc->Shutdown(std::chrono::system_clock::now());
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& requested,
                                                      FileSystem& files) {
  GRAMIAN_RETURN_IF_ERROR(Validate(requested));
  const ServerOptions options = WithMachineDefaults(requested);
  GRAMIAN_ASSIGN_OR_RETURN(const ListenAddress grpc_address,
                           ParseListenAddress(options.listen, "--listen"));
  GRAMIAN_ASSIGN_OR_RETURN(const ListenAddress http_address,
                           ParseListenAddress(options.metrics_listen, "--metrics-listen"));
  // First, because it fails fast; connections wait until there is a server.
  GRAMIAN_ASSIGN_OR_RETURN(const int listen_fd, OpenListenSocket(grpc_address));
  auto timed_files = std::make_unique<TimedFileSystem>(files);
  absl::StatusOr<std::unique_ptr<SimilarityEngine>> engine =
      SimilarityEngine::Open(ToEngineOptions(options, *timed_files));
  if (!engine.ok()) {
    close(listen_fd);
    return engine.status();
  }
  std::unique_ptr<Server> server(
      new Server(std::make_unique<Impl>(options, std::move(timed_files), *std::move(engine))));
  if (absl::Status status = server->impl_->OpenWatches(); !status.ok()) {
    close(listen_fd);
    return status;
  }
  if (const absl::Status access = server->impl_->StartAccess(); !access.ok()) {
    close(listen_fd);
    return access;
  }
  GRAMIAN_RETURN_IF_ERROR(server->impl_->StartGrpc(grpc_address, listen_fd));
  GRAMIAN_RETURN_IF_ERROR(server->impl_->StartHttp(http_address));
  return server;
}

const std::string& Server::grpc_address() const { return impl_->grpc_address; }
const std::string& Server::metrics_address() const { return impl_->metrics_address; }

std::string Server::ListeningLine() const {
  return absl::StrCat("gramiand listening grpc=", grpc_address(), " metrics=", metrics_address());
}

bool Server::Drain(std::chrono::milliseconds patience) {
  impl_->caretaker->BeginDrain();
  impl_->state.metrics.SetDraining(true);
  std::this_thread::sleep_for(std::chrono::seconds(impl_->state.options.drain_delay_seconds));
  impl_->state.gate.Close();
  const bool finished = impl_->state.gate.WaitIdle(patience);
  if (!finished) {
    // What is left is told so; it notices within a tile.
    impl_->state.gate.CutOff();
    impl_->state.gate.WaitIdle(kFlushTime);
  }
  impl_->accept_loop->Stop();
  impl_->grpc->Shutdown(std::chrono::system_clock::now() + kFlushTime);
  return finished;
}

void Server::Reload() {
  // What two looks found alike is taken.
  for (int look = 0; look < 2; ++look) impl_->LookAtFiles();
  if (const absl::Status status = impl_->state.audit.Reopen(); !status.ok())
    spdlog::error("{}", std::string(status.message()));
}

SimilarityEngine& Server::engine() { return impl_->state.engine; }

}  // namespace gramian
