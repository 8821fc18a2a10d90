#include "server/server_options.h"

#include <CLI/CLI.hpp>
#include <cctype>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/listen_socket.h"
#include "server/machine.h"
#include "server/version.h"

namespace gramian {
namespace {

// GRAMIAN_MAX_ROWS for --max-rows.
std::string EnvironmentTwin(const std::string& flag) {
  std::string name = "GRAMIAN_";
  for (const char c : flag.substr(2)) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

template <typename T>
CLI::Option* Add(CLI::App& app, const std::string& flag, T& value, const std::string& meaning) {
  return app.add_option(flag, value, meaning)
      ->envname(EnvironmentTwin(flag))
      ->capture_default_str();
}

// A size takes a suffix: 512MiB, 4g.
void AddBytes(CLI::App& app, const std::string& flag, int64_t& value, const std::string& meaning) {
  Add(app, flag, value, meaning)->transform(CLI::AsSizeValue(false));
}

void AddServing(CLI::App& app, ServerOptions& options) {
  Add(app, "--listen", options.listen, "host:port of the gRPC service; port 0 chooses one");
  Add(app, "--metrics-listen", options.metrics_listen, "host:port of /metrics, /livez and /readyz");
  Add(app, "--port-file", options.port_file, "file to write the line with the ports to");
  Add(app, "--log-level", options.log_level, "trace, debug, info, warn, error or off")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
  Add(app, "--threads", options.threads, "threads that compute; 0: the CPUs available");
  Add(app, "--drain-seconds", options.drain_seconds, "how long SIGTERM lets work finish");
}

void AddLimits(CLI::App& app, ServerOptions& options) {
  AddBytes(app, "--chunk-bytes", options.chunk_bytes, "largest data of an upload chunk");
  AddBytes(app, "--message-bytes", options.message_bytes, "largest message received");
  Add(app, "--max-rows", options.max_rows, "rows of a layer");
  Add(app, "--max-features", options.max_features, "features of a layer");
  Add(app, "--max-layers", options.max_layers, "layers of a snapshot");
  Add(app, "--max-uploads", options.max_uploads, "uploads open at the same time");
  Add(app, "--upload-idle-seconds", options.upload_idle_seconds,
      "an upload that brings nothing for so long is ended");
  Add(app, "--stream-stall-seconds", options.stream_stall_seconds,
      "a client that reads nothing for so long loses its stream");
  AddBytes(app, "--store-bytes", options.store_bytes,
           "activations kept; 0: a quarter of the memory");
  AddBytes(app, "--cache-bytes", options.cache_bytes,
           "operators kept for reuse; 0: a quarter of the memory");
  AddBytes(app, "--scratch-bytes", options.scratch_bytes,
           "memory of one computation; 0: a quarter of the memory");
  Add(app, "--queue", options.queue, "requests that may wait for a thread");
  Add(app, "--page-size", options.page_size, "elements of one page of a list");
  Add(app, "--name-bytes", options.name_bytes, "bytes of one id or short text");
  Add(app, "--max-measures", options.max_measures, "measures of one CompareLayers call");
  Add(app, "--max-networks", options.max_networks, "snapshots of one CompareNetworks call");
}

absl::Status CheckRange(absl::string_view flag, int64_t value, int64_t min, int64_t max) {
  if (value >= min && value <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(flag, " is ", value, ", must be from ", min, " to ", max));
}

}  // namespace

absl::Status Validate(const ServerOptions& options) {
  constexpr int64_t kMany = int64_t{1} << 62;
  // A message is an int to gRPC; a chunk travels with at most 64 bytes of frame.
  constexpr int64_t kFrameBytes = 64;
  struct Range {
    const char* flag;
    int64_t value;
    int64_t min;
    int64_t max;
  };
  const Range ranges[] = {
      {"--threads", options.threads, 0, 1024},
      {"--drain-seconds", options.drain_seconds, 0, 86'400},
      {"--chunk-bytes", options.chunk_bytes, 8, int64_t{1} << 30},
      {"--message-bytes", options.message_bytes, options.chunk_bytes + kFrameBytes,
       (int64_t{1} << 31) - 1},
      {"--max-rows", options.max_rows, 1, kMany},
      {"--max-features", options.max_features, 1, kMany},
      {"--max-layers", options.max_layers, 1, kMany},
      {"--max-uploads", options.max_uploads, 1, kMany},
      {"--upload-idle-seconds", options.upload_idle_seconds, 1, kMany},
      {"--stream-stall-seconds", options.stream_stall_seconds, 1, 86'400},
      {"--store-bytes", options.store_bytes, 0, kMany},
      {"--cache-bytes", options.cache_bytes, 0, kMany},
      {"--scratch-bytes", options.scratch_bytes, 0, kMany},
      {"--queue", options.queue, 0, kMany},
      {"--page-size", options.page_size, 1, 1'000'000},
      {"--name-bytes", options.name_bytes, 1, 4096},
      {"--max-measures", options.max_measures, 1, 100'000},
      {"--max-networks", options.max_networks, 1, 100'000},
  };
  for (const Range& range : ranges) {
    absl::Status status = CheckRange(range.flag, range.value, range.min, range.max);
    if (!status.ok()) return status;
  }
  absl::Status status = ParseListenAddress(options.listen, "--listen").status();
  if (!status.ok()) return status;
  return ParseListenAddress(options.metrics_listen, "--metrics-listen").status();
}

ServerOptions WithMachineDefaults(ServerOptions options) {
  const int64_t quarter = UsableMemoryBytes() / 4;
  if (options.threads == 0) options.threads = UsableCpuCount();
  if (options.store_bytes == 0) options.store_bytes = quarter;
  if (options.cache_bytes == 0) options.cache_bytes = quarter;
  if (options.scratch_bytes == 0) options.scratch_bytes = quarter;
  return options;
}

ParsedOptions ParseServerOptions(int argc, const char* const* argv, std::ostream& out,
                                 std::ostream& err) {
  ParsedOptions parsed;
  CLI::App app(
      "gramiand: takes activations of network layers and answers how alike they are.\n"
      "Every flag has an environment twin, e.g. GRAMIAN_LISTEN for --listen; a flag wins.",
      "gramiand");
  app.set_version_flag("--version", std::string("gramiand ") + kVersion);
  AddServing(app, parsed.options);
  AddLimits(app, parsed.options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    parsed.run = false;
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
      app.exit(error, out, err);
    } else {
      parsed.exit_code = 2;
      err << "gramiand: " << error.what() << " (--help lists the flags)\n";
    }
    return parsed;
  }
  const absl::Status status = Validate(parsed.options);
  if (!status.ok()) {
    parsed.run = false;
    parsed.exit_code = 2;
    err << "gramiand: " << status.message() << '\n';
    return parsed;
  }
  parsed.options = WithMachineDefaults(parsed.options);
  return parsed;
}

}  // namespace gramian
