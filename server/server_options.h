// What gramiand is told on its command line or through its environment.
#ifndef GRAMIAN_SERVER_SERVER_OPTIONS_H_
#define GRAMIAN_SERVER_SERVER_OPTIONS_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "server/quota_list.h"

namespace gramian {

// Every field is a flag, an environment variable and a key of the config file:
// `upload_idle_seconds` is --upload-idle-seconds, GRAMIAN_UPLOAD_IDLE_SECONDS and
// `upload-idle-seconds = 600`; a flag wins over the environment, which wins over the file.
// GetServerInfo returns the limits.
struct ServerOptions {
  // host:port of the gRPC service; port 0 lets the system choose.
  std::string listen = "127.0.0.1:7443";
  // host:port of /metrics, /livez and /readyz, and of /debug for who asks from the same machine.
  std::string metrics_listen = "127.0.0.1:9464";
  // File that receives the line `gramiand listening grpc=HOST:PORT metrics=HOST:PORT`; empty for
  // none.
  std::string port_file;
  // trace, debug, info, warn, error or off.
  std::string log_level = "info";
  // text or json: a line of JSON for each message.
  std::string log_format = "text";
  // PEM files of the server's certificate and key; empty: no TLS. With the authorities of
  // `tls_client_ca` every client must show a certificate. Read again when they change.
  std::string tls_cert;
  std::string tls_key;
  std::string tls_client_ca;
  // Who may do what (access_list.h), read again when it changes; empty: everybody everything.
  std::string access_file;
  // Quotas of single projects (quota_list.h), read again when it changes; empty: those below for
  // all.
  std::string quota_file;
  // File that a line for every change is appended to; empty: the log.
  std::string audit_file;
  // Whether other machines may be served without TLS, and callers without token or certificate.
  bool allow_plaintext = false;
  bool allow_anonymous = false;
  // Threads that compute; 0 means the CPUs this process may use.
  int threads = 0;
  // How long SIGTERM lets work in flight finish.
  int64_t drain_seconds = 30;
  // How long before that /readyz already says no while requests are still taken, so that who routes
  // them can look elsewhere.
  int64_t drain_delay_seconds = 0;

  // Where activations and scores are kept; empty: in memory, gone with the process.
  std::string data_dir;
  // Where CreateBackup makes its folders; empty: nowhere.
  std::string backup_dir;
  // Free space of the data directory's file system that is left alone.
  int64_t disk_reserve_bytes = int64_t{1} << 30;
  // Unpinned snapshots nobody used for so long are deleted; 0 keeps them.
  int64_t retain_age = 0;  // seconds
  // Beyond so many bytes unpinned snapshots are deleted, least recently used first; 0 keeps them.
  int64_t retain_bytes = 0;

  // Connections to the gRPC port; 0 means three quarters of the descriptors this process may open.
  int64_t max_connections = 0;
  // RPCs of one connection at the same time; more wait in the client.
  int64_t max_streams = 128;
  // A client that is silent for so long is asked whether it is there, and dropped if it does not
  // answer in time.
  int64_t keepalive_seconds = 60;
  int64_t keepalive_timeout_seconds = 20;
  // A connection without an RPC for so long is closed.
  int64_t connection_idle_seconds = 900;
  // A connection is closed after so long, and its RPCs after the grace; 0: never. Behind a load
  // balancer this is how a new replica gets its share.
  int64_t connection_age_seconds = 0;
  int64_t connection_grace_seconds = 300;

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
  // Uploads of one project open at the same time, streams that fill them, and downloads.
  int64_t max_uploads = 1024;
  // An upload that brings nothing for so long is ended.
  int64_t upload_idle_seconds = 600;
  // A client that reads none of its blocks for so long loses its stream.
  int64_t stream_stall_seconds = 60;
  // Bytes of memory for activations kept in memory, operators and computations together; 0 means
  // what this process may use. Operators make room when nine tenths are taken.
  int64_t memory_bytes = 0;
  // Bytes of activations kept; 0 means a quarter of the memory or, with a data directory, what its
  // disk holds.
  int64_t store_bytes = 0;
  // Bytes of operators kept for reuse; 0 means a quarter of the memory.
  int64_t cache_bytes = 0;
  // Bytes all running computations may allocate together, and twice the bytes of views of operators
  // that wait to be read; 0 means a quarter of the memory.
  int64_t scratch_bytes = 0;
  // Scores kept for reuse; 0 means what a 64th of the memory holds, at most a million.
  int64_t max_scores = 0;
  // Requests that may wait for a thread, pairs that may wait for what another call computes, and
  // computations that may wait for memory.
  int64_t queue = 1024;
  // Quotas of each project; 0 for none: bytes of activations kept and announced, RPCs a second, and
  // how many may come at once (0: as many as in a second).
  int64_t project_bytes = 0;
  int64_t project_rate = 0;
  int64_t project_burst = 0;
  // Elements of one page of a list.
  int64_t page_size = 1000;
  // Bytes of one id or short text.
  int64_t name_bytes = 255;
  // Measures of one CompareLayers call.
  int64_t max_measures = 64;
  // Snapshots of one CompareNetworks call.
  int64_t max_networks = 1000;
  // Watches of one project.
  int64_t max_watches = 32;
};

// How ParseServerOptions ended.
struct ParsedOptions {
  ServerOptions options;
  // Whether to go on; otherwise leave with exit_code: 0 after --help, --version, --check-config and
  // --print-config, 2 after a bad flag, variable or file.
  bool run = true;
  int exit_code = 0;
};

// Reads flags, then environment, then the file of --config. Prints help, version, configuration or
// one line about what is wrong to `out` and `err`. Zeros that mean "a share of the machine" are
// replaced.
ParsedOptions ParseServerOptions(int argc, const char* const* argv, std::ostream& out,
                                 std::ostream& err);

// INVALID_ARGUMENT naming the first option that is out of its range or contradicts another.
absl::Status Validate(const ServerOptions& options);

// Errors of the Load of TlsCertificates, AccessControl and Admission for the files that `options`
// name.
absl::Status CheckAccessFiles(const ServerOptions& options);

// What a project may use of which no file says more.
Quotas DefaultQuotas(const ServerOptions& options);

// `options` with the zeros replaced by shares of this machine.
ServerOptions WithMachineDefaults(ServerOptions options);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_SERVER_OPTIONS_H_
