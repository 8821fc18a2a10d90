#include "server/server_options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <type_traits>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gramian/base/machine.h"
#include "gramian/base/status_macros.h"
#include "gramian/engine/result_store.h"
#include "server/access_control.h"
#include "server/admission.h"
#include "server/config_file.h"
#include "server/listen_socket.h"
#include "server/tls_certificates.h"
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

// What is wrong with the text of a number; empty if it may be one.
std::string RefuseEmpty(const std::string& text) {
  return text.empty() ? "a number is missing" : "";
}

template <typename T>
CLI::Option* Add(CLI::App& app, const std::string& flag, T& value, const std::string& meaning) {
  CLI::Option* const option =
      app.add_option(flag, value, meaning)->envname(EnvironmentTwin(flag))->capture_default_str();
  // CLI11 reads nothing as 0, which is no limit for some flags and the least one for others.
  if constexpr (std::is_arithmetic_v<T>) option->transform(CLI::Validator(RefuseEmpty, ""));
  return option;
}

// What is given without a value; variable and key say true or false.
void AddFlag(CLI::App& app, const std::string& flag, bool& value, const std::string& meaning) {
  app.add_flag(flag, value, meaning)->envname(EnvironmentTwin(flag))->default_str("false");
}

// A size takes a suffix: 512MiB, 4g.
void AddBytes(CLI::App& app, const std::string& flag, int64_t& value, const std::string& meaning) {
  Add(app, flag, value, meaning)->transform(CLI::AsSizeValue(false));
}

// So does a time of days: 90s, 12h, 30d.
void AddTime(CLI::App& app, const std::string& flag, int64_t& value, const std::string& meaning) {
  const std::map<std::string, int64_t> units = {
      {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86'400}, {"w", 604'800}};
  Add(app, flag, value, meaning)->transform(CLI::AsNumberWithUnit(units));
}

void AddServing(CLI::App& app, ServerOptions& options) {
  Add(app, "--listen", options.listen, "host:port of the gRPC service; port 0 chooses one");
  Add(app, "--metrics-listen", options.metrics_listen, "host:port of /metrics, /livez and /readyz");
  Add(app, "--port-file", options.port_file, "file to write the line with the ports to");
  Add(app, "--log-level", options.log_level, "trace, debug, info, warn, error or off")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
  Add(app, "--log-format", options.log_format, "text, or json: a line of JSON for each message")
      ->check(CLI::IsMember({"text", "json"}));
  Add(app, "--threads", options.threads, "threads that compute; 0: the CPUs available");
  Add(app, "--drain-seconds", options.drain_seconds, "how long SIGTERM lets work finish");
  Add(app, "--drain-delay-seconds", options.drain_delay_seconds,
      "how long before that requests are still taken while /readyz says no");
}

void AddAccess(CLI::App& app, ServerOptions& options) {
  Add(app, "--tls-cert", options.tls_cert, "PEM file of the certificate chain; empty: no TLS");
  Add(app, "--tls-key", options.tls_key, "PEM file of its private key");
  Add(app, "--tls-client-ca", options.tls_client_ca,
      "PEM file of the authorities whose certificates clients must show");
  Add(app, "--access-file", options.access_file,
      "JSON file of tokens, certificate names, roles and projects; empty: everybody everything");
  Add(app, "--quota-file", options.quota_file,
      "JSON file of quotas of single projects; empty: those of the flags for all");
  Add(app, "--audit-file", options.audit_file,
      "file that a line for every change is appended to; empty: the log");
  AddFlag(app, "--allow-plaintext", options.allow_plaintext,
          "serve other machines without TLS, where somebody else encrypts");
  AddFlag(app, "--allow-anonymous", options.allow_anonymous,
          "serve other machines without asking who calls");
}

void AddKeeping(CLI::App& app, ServerOptions& options) {
  Add(app, "--data-dir", options.data_dir, "where activations are kept; empty: in memory");
  Add(app, "--backup-dir", options.backup_dir,
      "where `gramian admin backup` makes its folders; empty: nowhere");
  AddBytes(app, "--disk-reserve-bytes", options.disk_reserve_bytes,
           "free space of the data directory's file system that is left alone");
  AddTime(app, "--retain-age", options.retain_age,
          "unpinned snapshots nobody used for so long are deleted, e.g. 30d; 0 keeps them");
  AddBytes(app, "--retain-bytes", options.retain_bytes,
           "beyond this unpinned snapshots are deleted, least recently used first; 0 keeps them");
}

void AddConnections(CLI::App& app, ServerOptions& options) {
  Add(app, "--max-connections", options.max_connections,
      "connections to the gRPC port; 0: three quarters of the descriptors");
  Add(app, "--max-streams", options.max_streams, "RPCs of one connection at the same time");
  Add(app, "--keepalive-seconds", options.keepalive_seconds,
      "a client silent for so long is asked whether it is there");
  Add(app, "--keepalive-timeout-seconds", options.keepalive_timeout_seconds,
      "and dropped if it does not answer for so long");
  Add(app, "--connection-idle-seconds", options.connection_idle_seconds,
      "a connection without an RPC for so long is closed");
  Add(app, "--connection-age-seconds", options.connection_age_seconds,
      "a connection is closed after so long; 0: never");
  Add(app, "--connection-grace-seconds", options.connection_grace_seconds,
      "how much longer its RPCs may take");
}

void AddLimits(CLI::App& app, ServerOptions& options) {
  AddBytes(app, "--chunk-bytes", options.chunk_bytes, "largest data of an upload chunk");
  AddBytes(app, "--message-bytes", options.message_bytes, "largest message received");
  Add(app, "--max-rows", options.max_rows, "rows of a layer");
  Add(app, "--max-features", options.max_features, "features of a layer");
  Add(app, "--max-layers", options.max_layers, "layers of a snapshot");
  Add(app, "--max-uploads", options.max_uploads,
      "uploads, upload streams and downloads of one project open at the same time");
  Add(app, "--upload-idle-seconds", options.upload_idle_seconds,
      "an upload that brings nothing for so long is ended");
  Add(app, "--stream-stall-seconds", options.stream_stall_seconds,
      "a client that reads nothing for so long loses its stream");
  Add(app, "--queue", options.queue,
      "requests that may wait: for a thread, for another's computation, for memory");
  Add(app, "--page-size", options.page_size, "elements of one page of a list");
  Add(app, "--name-bytes", options.name_bytes, "bytes of one id or short text");
  Add(app, "--max-measures", options.max_measures, "measures of one CompareLayers call");
  Add(app, "--max-networks", options.max_networks, "snapshots of one CompareNetworks call");
  Add(app, "--max-watches", options.max_watches, "watches of one project");
}

void AddBudgets(CLI::App& app, ServerOptions& options) {
  AddBytes(app, "--memory-bytes", options.memory_bytes,
           "activations kept in memory, operators and computations together; 0: all there is");
  AddBytes(app, "--store-bytes", options.store_bytes,
           "activations kept; 0: a quarter of the memory or, with --data-dir, what the disk holds");
  AddBytes(app, "--cache-bytes", options.cache_bytes,
           "operators kept for reuse; 0: a quarter of the memory");
  Add(app, "--max-scores", options.max_scores,
      "scores kept for reuse; 0: what a 64th of the memory holds, at most a million");
  AddBytes(
      app, "--scratch-bytes", options.scratch_bytes,
      "memory of all running computations, half as much for answers; 0: a quarter of the memory");
  AddBytes(app, "--project-bytes", options.project_bytes,
           "quota of each project: activations kept; 0: none");
  Add(app, "--project-rate", options.project_rate, "quota of each project: RPCs a second; 0: none");
  Add(app, "--project-burst", options.project_burst,
      "RPCs of a project that may come at once; 0: those of a second");
}

absl::Status CheckRange(absl::string_view flag, int64_t value, int64_t min, int64_t max) {
  if (value >= min && value <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(flag, " is ", value, ", must be from ", min, " to ", max));
}

absl::Status CheckRanges(const ServerOptions& options) {
  constexpr int64_t kMany = int64_t{1} << 62;
  // Of things that are counted one by one, and of seconds: ten years.
  constexpr int64_t kCount = 1'000'000'000;
  constexpr int64_t kLong = 315'360'000;
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
      {"--max-layers", options.max_layers, 1, kCount},
      {"--max-uploads", options.max_uploads, 1, kCount},
      {"--upload-idle-seconds", options.upload_idle_seconds, 1, kLong},
      {"--stream-stall-seconds", options.stream_stall_seconds, 1, 86'400},
      {"--drain-delay-seconds", options.drain_delay_seconds, 0, 3600},
      {"--disk-reserve-bytes", options.disk_reserve_bytes, 0, kMany},
      {"--retain-age", options.retain_age, 0, kLong},
      {"--retain-bytes", options.retain_bytes, 0, kMany},
      {"--max-connections", options.max_connections, 0, 1'000'000},
      {"--max-streams", options.max_streams, 1, 1'000'000},
      {"--keepalive-seconds", options.keepalive_seconds, 1, 86'400},
      {"--keepalive-timeout-seconds", options.keepalive_timeout_seconds, 1, 86'400},
      {"--connection-idle-seconds", options.connection_idle_seconds, 1, 86'400},
      {"--connection-age-seconds", options.connection_age_seconds, 0, 1'000'000},
      {"--connection-grace-seconds", options.connection_grace_seconds, 1, 1'000'000},
      {"--memory-bytes", options.memory_bytes, 0, kMany},
      {"--project-bytes", options.project_bytes, 0, kMany},
      {"--project-rate", options.project_rate, 0, 1'000'000'000},
      {"--project-burst", options.project_burst, 0, 1'000'000'000},
      {"--store-bytes", options.store_bytes, 0, kMany},
      {"--cache-bytes", options.cache_bytes, 0, kMany},
      {"--scratch-bytes", options.scratch_bytes, 0, kMany},
      {"--max-scores", options.max_scores, 0, kCount},
      {"--queue", options.queue, 0, kCount},
      {"--max-watches", options.max_watches, 0, 1024},
      {"--page-size", options.page_size, 1, 1'000'000},
      {"--name-bytes", options.name_bytes, 1, 4096},
      {"--max-measures", options.max_measures, 1, 100'000},
      {"--max-networks", options.max_networks, 1, 100'000},
  };
  for (const Range& range : ranges) {
    absl::Status status = CheckRange(range.flag, range.value, range.min, range.max);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// Activations kept in memory and what computations need must fit together; operators make room.
absl::Status CheckBudgets(const ServerOptions& options) {
  const int64_t kept = options.data_dir.empty() ? options.store_bytes : 0;
  if (options.memory_bytes == 0 || kept <= options.memory_bytes - options.scratch_bytes) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--memory-bytes is ", options.memory_bytes, ", must hold --scratch-bytes ",
      options.scratch_bytes, kept > 0 ? absl::StrCat(" and --store-bytes ", kept) : ""));
}

// Which of the files go together.
absl::Status CheckAccess(const ServerOptions& options) {
  if (options.tls_cert.empty() != options.tls_key.empty())
    return absl::InvalidArgumentError("--tls-cert and --tls-key need each other");
  if (!options.tls_client_ca.empty() && options.tls_cert.empty())
    return absl::InvalidArgumentError("--tls-client-ca needs --tls-cert and --tls-key");
  const absl::StatusOr<ListenAddress> address = ParseListenAddress(options.listen, "--listen");
  if (!address.ok() || IsLoopback(*address)) return absl::OkStatus();
  const std::string who = absl::StrCat("--listen ", options.listen, " is for other machines: ");
  if (options.tls_cert.empty() && !options.allow_plaintext) {
    return absl::InvalidArgumentError(
        absl::StrCat(who, "give it --tls-cert and --tls-key, or --allow-plaintext"));
  }
  if (options.access_file.empty() && options.tls_client_ca.empty() && !options.allow_anonymous) {
    return absl::InvalidArgumentError(
        absl::StrCat(who, "give it --access-file or --tls-client-ca, or --allow-anonymous"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const ServerOptions& options) {
  for (const absl::Status& status :
       {CheckRanges(options), CheckBudgets(options),
        ParseListenAddress(options.listen, "--listen").status(),
        ParseListenAddress(options.metrics_listen, "--metrics-listen").status(),
        CheckAccess(options)}) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckAccessFiles(const ServerOptions& options) {
  if (!options.tls_cert.empty()) {
    GRAMIAN_RETURN_IF_ERROR(
        TlsCertificates::Load({options.tls_cert, options.tls_key, options.tls_client_ca}).status());
  }
  GRAMIAN_RETURN_IF_ERROR(AccessControl(options.access_file).Load());
  return Admission(DefaultQuotas(options), options.quota_file).Load();
}

Quotas DefaultQuotas(const ServerOptions& options) {
  Quotas quotas;
  quotas.stored_bytes = options.project_bytes;
  quotas.calls_per_second = options.project_rate;
  // Who has another rate has its default too.
  quotas.burst_calls = options.project_burst == options.project_rate ? 0 : options.project_burst;
  return quotas;
}

ServerOptions WithMachineDefaults(ServerOptions options) {
  // What a disk holds is up to --disk-reserve-bytes.
  constexpr int64_t kAnyDisk = int64_t{1} << 60;
  if (options.threads == 0) options.threads = UsableCpuCount();
  if (options.memory_bytes == 0) options.memory_bytes = UsableMemoryBytes();
  const int64_t quarter = options.memory_bytes / 4;
  if (options.store_bytes == 0) options.store_bytes = options.data_dir.empty() ? quarter : kAnyDisk;
  if (options.cache_bytes == 0) options.cache_bytes = quarter;
  if (options.max_scores == 0) {
    options.max_scores = std::clamp<int64_t>(options.memory_bytes / 64 / kScoreBytes, 1, 1'000'000);
  }
  if (options.scratch_bytes == 0) options.scratch_bytes = quarter;
  if (options.max_connections == 0) options.max_connections = UsableDescriptorCount() / 4 * 3;
  if (options.project_burst == 0) options.project_burst = options.project_rate;
  return options;
}

namespace {

// What the command line asks for besides serving.
struct Modes {
  bool check_config = false;
  bool print_config = false;
  std::string config_mistake;
};

void AddOptions(CLI::App& app, ServerOptions& options, Modes& modes) {
  app.set_version_flag("--version", std::string("gramiand ") + kVersion);
  const char* file = std::getenv("GRAMIAN_CONFIG");
  app.set_config("--config", file == nullptr ? "" : file,
                 "TOML file with flags as keys (Env:GRAMIAN_CONFIG)",
                 file != nullptr && *file != '\0');
  app.config_formatter(std::make_shared<ConfigFile>(app, &modes.config_mistake));
  app.add_flag("--check-config", modes.check_config, "say whether the configuration is fine, leave")
      ->configurable(false);
  app.add_flag("--print-config", modes.print_config, "print the configuration as a file, leave")
      ->configurable(false);
  AddServing(app, options);
  AddAccess(app, options);
  AddKeeping(app, options);
  AddConnections(app, options);
  AddLimits(app, options);
  AddBudgets(app, options);
}

// Messages of several lines become one.
std::string OneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

// Whether `text` names `flag`, and not only one that begins so.
bool Names(absl::string_view text, const std::string& flag) {
  const size_t at = text.find(flag);
  if (at == absl::string_view::npos) return false;
  const absl::string_view rest = text.substr(at + flag.size());
  return rest.empty() ||
         (rest[0] != '-' && !absl::ascii_isalnum(static_cast<unsigned char>(rest[0])));
}

// The variable that a mistake comes from, as an addition to its message; empty for one of the
// command line or the file.
std::string WhereFrom(const CLI::App& app, int argc, const char* const* argv,
                      absl::string_view what) {
  for (const CLI::Option* option : app.get_options()) {
    const std::string flag = absl::StrCat("--", option->get_single_name());
    const std::string& variable = option->get_envname();
    if (variable.empty() || std::getenv(variable.c_str()) == nullptr || !Names(what, flag))
      continue;
    const bool is_given = std::any_of(argv, argv + argc, [&](const char* argument) {
      return Names(argument, flag) && absl::StartsWith(argument, flag);
    });
    if (!is_given) return absl::StrCat("; the environment says so by ", variable);
  }
  return "";
}

// A variable with a slip of the pen would be ignored without a word.
void WarnOfStrangers(const CLI::App& app, std::ostream& err) {
  // Of this program and of the client.
  std::set<std::string> known = {
      "GRAMIAN_CONFIG",          "GRAMIAN_SERVER",      "GRAMIAN_PROJECT",
      "GRAMIAN_TOKEN",           "GRAMIAN_TOKEN_FILE",  "GRAMIAN_TLS_CA",
      "GRAMIAN_TLS_SERVER_NAME", "GRAMIAN_CLIENT_CERT", "GRAMIAN_CLIENT_KEY"};
  for (const CLI::Option* option : app.get_options()) known.insert(option->get_envname());
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string name(*variable, std::strcspn(*variable, "="));
    if (!absl::StartsWith(name, "GRAMIAN_") || known.count(name) > 0) continue;
    err << "gramiand: " << OneLine(name) << " in the environment belongs to no flag\n";
  }
}

}  // namespace

ParsedOptions ParseServerOptions(int argc, const char* const* argv, std::ostream& out,
                                 std::ostream& err) {
  ParsedOptions parsed;
  Modes modes;
  CLI::App app(
      "gramiand: takes activations of network layers and answers how alike they are.\n"
      "Every flag has an environment twin, e.g. GRAMIAN_LISTEN for --listen, and may be a key of\n"
      "the file of --config, e.g. listen = \"0.0.0.0:7443\"; a flag wins over the environment, "
      "that\nover the file.",
      "gramiand");
  AddOptions(app, parsed.options, modes);
  const auto refuse = [&](absl::string_view what) {
    err << "gramiand: " << OneLine(absl::StrCat(what, WhereFrom(app, argc, argv, what))) << '\n';
    parsed.run = false;
    parsed.exit_code = 2;
    return parsed;
  };
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != static_cast<int>(CLI::ExitCodes::Success)) {
      return refuse(absl::StrCat(error.what(), " (--help lists the flags)"));
    }
    app.exit(error, out, err);
    parsed.run = false;
    return parsed;
  }
  if (!modes.config_mistake.empty()) return refuse(modes.config_mistake);
  const absl::Status status = Validate(parsed.options);
  if (!status.ok()) return refuse(status.message());
  if (modes.print_config) {
    const std::string config = app.config_to_str();
    if (!modes.config_mistake.empty()) return refuse(modes.config_mistake);
    out << config;
  }
  if (modes.check_config) {
    const absl::Status files = CheckAccessFiles(parsed.options);
    if (!files.ok()) return refuse(files.message());
  }
  if (modes.check_config) out << "the configuration is fine\n";
  WarnOfStrangers(app, err);
  parsed.run = !modes.print_config && !modes.check_config;
  parsed.options = WithMachineDefaults(parsed.options);
  return parsed;
}

}  // namespace gramian
