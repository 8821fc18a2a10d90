#include "server/server.h"

#include <grpc/impl/codegen/grpc_types.h>
#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "server/activation_service.h"
#include "server/admin_service.h"
#include "server/http_endpoint.h"
#include "server/listen_socket.h"
#include "server/rpc.h"
#include "server/similarity_service.h"

namespace gramian {
namespace {

// After a drain: the last answers are still on their way when nothing is in flight any more.
constexpr std::chrono::seconds kFlushTime{2};

// gRPC only says that it could not.
absl::Status WhyNotListening(const ListenAddress& address) {
  const absl::StatusOr<int> fd = OpenListenSocket(address);
  if (!fd.ok()) return fd.status();
  close(*fd);
  return absl::UnavailableError(
      absl::StrCat("gRPC cannot listen on ", address.host, ":", address.port));
}

EngineOptions ToEngineOptions(const ServerOptions& options) {
  EngineOptions engine;
  engine.threads = options.threads;
  engine.store.limit_bytes = options.store_bytes;
  engine.store.layers_per_snapshot = options.max_layers;
  engine.cache_limit_bytes = options.cache_bytes;
  engine.scratch_limit_bytes = options.scratch_bytes;
  return engine;
}

// Measured on loopback: docs/performance.md.
void TuneTransport(const ServerOptions& options, grpc::ServerBuilder& builder) {
  constexpr int kMib = 1 << 20;
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.message_bytes));
  // A second server on the same port is an error, not a lottery.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Probing for the bandwidth makes uploads stall; a fixed window bounds the memory of a stream as
  // well.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 8 * kMib);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, 16 * kMib - 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_WRITE_BUFFER_SIZE, 8 * kMib);
  builder.AddChannelArgument("grpc.experimental.tcp_read_chunk_size", kMib);
  builder.AddChannelArgument("grpc.experimental.tcp_max_read_chunk_size", 4 * kMib);
  // A client that vanished is noticed within 80 s; one that pings every 10 s is welcome.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 128);
}

}  // namespace

// Members are destroyed from the last to the first: the HTTP side, the network, the services, what
// they share.
struct Server::Impl {
  explicit Impl(const ServerOptions& options)
      : state(options, ToEngineOptions(options)),
        activations(state),
        similarity(state),
        admin(state) {}

  ServerState state;
  ActivationService activations;
  SimilarityService similarity;
  AdminService admin;
  std::unique_ptr<grpc::Server> grpc;
  std::unique_ptr<HttpEndpoint> http;
  std::string grpc_address;
  std::string metrics_address;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
  impl_->http.reset();
  impl_->grpc->Shutdown(std::chrono::system_clock::now());
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& requested) {
  GRAMIAN_RETURN_IF_ERROR(Validate(requested));
  const ServerOptions options = WithMachineDefaults(requested);
  GRAMIAN_ASSIGN_OR_RETURN(const ListenAddress grpc_address,
                           ParseListenAddress(options.listen, "--listen"));
  GRAMIAN_ASSIGN_OR_RETURN(const ListenAddress http_address,
                           ParseListenAddress(options.metrics_listen, "--metrics-listen"));
  auto impl = std::make_unique<Impl>(options);

  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  TuneTransport(options, builder);
  int port = 0;
  builder.AddListeningPort(options.listen, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&impl->activations);
  builder.RegisterService(&impl->similarity);
  builder.RegisterService(&impl->admin);
  impl->grpc = builder.BuildAndStart();
  if (impl->grpc == nullptr || port == 0) return WhyNotListening(grpc_address);
  impl->grpc_address = absl::StrCat(grpc_address.host, ":", port);

  ServerState* state = &impl->state;
  auto http = HttpEndpoint::Start(
      http_address,
      {.metrics =
           [state] { return state->metrics.Scrape(state->engine.Stats(), state->queue_lengths()); },
       .ready = [state] { return !state->gate.closed(); }});
  if (!http.ok()) {
    impl->grpc->Shutdown(std::chrono::system_clock::now());
    return http.status();
  }
  impl->http = *std::move(http);
  impl->metrics_address = absl::StrCat(http_address.host, ":", impl->http->port());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

const std::string& Server::grpc_address() const { return impl_->grpc_address; }
const std::string& Server::metrics_address() const { return impl_->metrics_address; }

std::string Server::ListeningLine() const {
  return absl::StrCat("gramiand listening grpc=", grpc_address(), " metrics=", metrics_address());
}

bool Server::Drain(std::chrono::milliseconds patience) {
  impl_->state.gate.Close();
  impl_->state.metrics.SetDraining(true);
  impl_->grpc->GetHealthCheckService()->SetServingStatus(false);
  const bool finished = impl_->state.gate.WaitIdle(patience);
  if (!finished) {
    // What is left is told so; it notices within a tile.
    impl_->state.gate.CutOff();
    impl_->state.gate.WaitIdle(kFlushTime);
  }
  impl_->grpc->Shutdown(std::chrono::system_clock::now() + kFlushTime);
  return finished;
}

SimilarityEngine& Server::engine() { return impl_->state.engine; }

}  // namespace gramian
