#include "server/server.h"

#include <grpc/impl/codegen/grpc_types.h>
#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gramian/base/status_macros.h"
#include "server/activation_service.h"
#include "server/admin_service.h"
#include "server/http_endpoint.h"
#include "server/rpc.h"
#include "server/similarity_service.h"

namespace gramian {
namespace {

// After the patience of a drain: what is cancelled needs a tile's time to notice.
constexpr std::chrono::seconds kCancelTime{2};

struct Address {
  std::string host;
  std::string port;
};

absl::StatusOr<Address> SplitAddress(const std::string& address, const char* flag) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == address.size()) {
    return absl::InvalidArgumentError(absl::StrCat(flag, " is '", address, "', must be host:port"));
  }
  return Address{address.substr(0, colon), address.substr(colon + 1)};
}

// Why `address` cannot be bound; the network libraries only say that it cannot.
std::string BindProblem(const Address& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  // An IPv6 address is written in brackets.
  const std::string host(absl::StripSuffix(absl::StripPrefix(address.host, "["), "]"));
  const int error = getaddrinfo(host.c_str(), address.port.c_str(), &hints, &found);
  if (error != 0) return gai_strerror(error);
  std::string problem = "refused by the system";
  const int fd = socket(found->ai_family, found->ai_socktype, 0);
  const int reuse = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
  if (bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 1) != 0)
    problem = std::strerror(errno);
  close(fd);
  freeaddrinfo(found);
  return problem;
}

absl::Status CannotListen(const std::string& address, const Address& parts) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address, ": ", BindProblem(parts)));
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
  GRAMIAN_ASSIGN_OR_RETURN(const Address grpc_parts, SplitAddress(options.listen, "--listen"));
  GRAMIAN_ASSIGN_OR_RETURN(const Address http_parts,
                           SplitAddress(options.metrics_listen, "--metrics-listen"));
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
  if (impl->grpc == nullptr || port == 0) return CannotListen(options.listen, grpc_parts);
  impl->grpc_address = absl::StrCat(grpc_parts.host, ":", port);

  ServerState* state = &impl->state;
  auto http = HttpEndpoint::Start(
      options.metrics_listen,
      {.metrics =
           [state] { return state->metrics.Scrape(state->engine.Stats(), state->queue_lengths()); },
       .ready = [state] { return !state->gate.closed(); }});
  if (!http.ok()) {
    impl->grpc->Shutdown(std::chrono::system_clock::now());
    return CannotListen(options.metrics_listen, http_parts);
  }
  impl->http = *std::move(http);
  impl->metrics_address = absl::StrCat(http_parts.host, ":", impl->http->port());
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
  impl_->grpc->Shutdown(std::chrono::system_clock::now() +
                        (finished ? std::chrono::seconds(0) : kCancelTime));
  return finished;
}

SimilarityEngine& Server::engine() { return impl_->state.engine; }

}  // namespace gramian
