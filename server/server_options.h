// What gramiand is told on its command line or through its environment.
#ifndef GRAMIAN_SERVER_SERVER_OPTIONS_H_
#define GRAMIAN_SERVER_SERVER_OPTIONS_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/status/status.h"

namespace gramian {

// Every field is a flag and an environment variable: `upload_idle_seconds` is --upload-idle-seconds
// and GRAMIAN_UPLOAD_IDLE_SECONDS; a flag wins. GetServerInfo returns the limits.
struct ServerOptions {
  // host:port of the gRPC service; port 0 lets the system choose.
  std::string listen = "127.0.0.1:7443";
  // host:port of /metrics, /livez and /readyz.
  std::string metrics_listen = "127.0.0.1:9464";
  // File that receives the line `gramiand listening grpc=HOST:PORT metrics=HOST:PORT`; empty for
  // none.
  std::string port_file;
  // trace, debug, info, warn, error or off.
  std::string log_level = "info";
  // Threads that compute; 0 means the CPUs this process may use.
  int threads = 0;
  // How long SIGTERM lets work in flight finish.
  int64_t drain_seconds = 30;

  // Largest data of one upload chunk.
  int64_t chunk_bytes = int64_t{1} << 20;
  // Largest message received; must hold a chunk and its frame.
  int64_t message_bytes = int64_t{4} << 20;
  // Rows of a layer.
  int64_t max_rows = 10'000'000;
  // Features of a layer.
  int64_t max_features = int64_t{1} << 20;
  // Layers of a snapshot.
  int64_t max_layers = 4096;
  // Uploads open at the same time.
  int64_t max_uploads = 1024;
  // An upload that brings nothing for so long is ended.
  int64_t upload_idle_seconds = 600;
  // A client that reads none of its blocks for so long loses its stream.
  int64_t stream_stall_seconds = 60;
  // Bytes of activations kept; 0 means a quarter of the memory.
  int64_t store_bytes = 0;
  // Bytes of operators kept for reuse; 0 means a quarter of the memory.
  int64_t cache_bytes = 0;
  // Bytes one computation may allocate; 0 means a quarter of the memory.
  int64_t scratch_bytes = 0;
  // Requests that may wait for a thread.
  int64_t queue = 1024;
  // Elements of one page of a list.
  int64_t page_size = 1000;
  // Bytes of one id or short text.
  int64_t name_bytes = 255;
  // Measures of one CompareLayers call.
  int64_t max_measures = 64;
  // Snapshots of one CompareNetworks call.
  int64_t max_networks = 1000;
};

// How ParseServerOptions ended.
struct ParsedOptions {
  ServerOptions options;
  // Whether to go on; otherwise leave with exit_code: 0 after --help and --version, 2 after a bad
  // flag.
  bool run = true;
  int exit_code = 0;
};

// Reads flags, then environment. Prints help, version or one line about what is wrong to `out` and
// `err`. Zeros that mean "a share of the machine" are replaced.
ParsedOptions ParseServerOptions(int argc, const char* const* argv, std::ostream& out,
                                 std::ostream& err);

// INVALID_ARGUMENT naming the first option that is out of its range or contradicts another.
absl::Status Validate(const ServerOptions& options);

// `options` with the zeros replaced by shares of this machine.
ServerOptions WithMachineDefaults(ServerOptions options);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_SERVER_OPTIONS_H_
