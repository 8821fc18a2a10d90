#include "gramian/cli/command.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gramian/cli/output_file.h"

namespace gramian::client::cli {
namespace {

constexpr char kFooter[] = R"(
First steps:
  gramian push runs/a --network a --step 100      a folder of .npy files becomes a snapshot
  gramian ls layers a@100                         what is there
  gramian compare a@100 b@last                    every layer of a with every layer of b
  gramian networks a@100 b@100 c@100              whole networks, fused by alternating diffusion
  gramian COMMAND --help                          more about a command

Exit codes: 0 done; 1 refused by the server, or a file cannot be used; 2 wrong command line;
3 worth a retry (the server cannot be reached, is busy, or did not answer in time); 130 interrupted.
)";

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kRetry = 3;

absl::Status CheckGlobals(const GlobalOptions& globals) {
  if (!(globals.timeout_seconds > 0))
    return absl::InvalidArgumentError("--timeout must be positive");
  if (globals.server.empty())
    return absl::InvalidArgumentError("--server is empty, must be HOST:PORT");
  return absl::OkStatus();
}

// The first line of the file or, without one, GRAMIAN_TOKEN; empty if there is neither. Never an
// argument: everybody on the machine sees those.
absl::StatusOr<std::string> ReadToken(const std::string& path) {
  if (path.empty()) {
    const char* variable = std::getenv("GRAMIAN_TOKEN");
    return std::string(variable == nullptr ? "" : variable);
  }
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line) || absl::StripAsciiWhitespace(line).empty())
    return absl::InvalidArgumentError(absl::StrCat("--token-file ", path, " holds no token"));
  return std::string(absl::StripAsciiWhitespace(line));
}

void AddSecurityOptions(CLI::App& app, GlobalOptions& globals) {
  app.add_option("--tls-ca", globals.tls.ca_file,
                 "PEM file of the authority of the server's certificate; without it no TLS")
      ->envname("GRAMIAN_TLS_CA");
  app.add_option("--tls-cert", globals.tls.cert_file, "PEM file of this client's certificate")
      ->envname("GRAMIAN_CLIENT_CERT");
  app.add_option("--tls-key", globals.tls.key_file, "PEM file of its private key")
      ->envname("GRAMIAN_CLIENT_KEY");
  app.add_option("--tls-server-name", globals.tls.server_name,
                 "Name the server's certificate must have (default: the host of --server)")
      ->envname("GRAMIAN_TLS_SERVER_NAME");
  app.add_option("--token-file", globals.token_file,
                 "File with the token that says who calls (default: GRAMIAN_TOKEN holds it)")
      ->envname("GRAMIAN_TOKEN_FILE");
  app.add_flag("--allow-plaintext", globals.allow_plaintext,
               "Send the token to other machines without TLS, where somebody else encrypts");
}

// What is wrong with the command line: CLI11 says only that a command is missing where it does not
// know the one given.
std::string DescribeUsageError(const CLI::App& app, const CLI::Error& error) {
  const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
  if (error.get_name() != "RequiredError" || unknown.empty()) return error.what();
  const bool is_option = absl::StartsWith(unknown.front(), "-");
  return absl::StrCat("there is no ", is_option ? "option" : "command", " '", unknown.front(), "'");
}

// One line on standard error: what went wrong and what to do.
void PrintError(const absl::Status& status) {
  absl::FPrintF(stderr, "gramian: %s%s\n", std::string(status.message()), Advice(status));
}

// Data that never reached its file is no success.
int FlushOutput(int exit_code) {
  std::cout.flush();
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good()) return exit_code;
  if (exit_code != 0) return exit_code;
  PrintError(absl::DataLossError("standard output could not be written"));
  return kFailed;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> GlobalOptions::Connect() const {
  is_read = true;
  ClientOptions options;
  options.connect_timeout = std::min(absl::Seconds(5), absl::Seconds(timeout_seconds));
  options.call_timeout = absl::Seconds(timeout_seconds);
  options.stream_timeout = absl::Seconds(timeout_seconds);
  options.tls = tls;
  options.allow_plaintext = allow_plaintext;
  absl::StatusOr<std::string> token = ReadToken(token_file);
  if (!token.ok()) return token.status();
  options.token = *std::move(token);
  return Client::Connect(server, options);
}

absl::Status CheckOutputs(const GlobalOptions& globals, const std::vector<std::string>& paths,
                          const std::vector<std::string>& extensions) {
  if (absl::Status status = CheckExtensions(paths, extensions); !status.ok()) return status;
  globals.is_read = true;
  return CheckWritable(paths);
}

void AddFusionOptions(CLI::App& command, FusionOptions& options) {
  command
      .add_option("--fusion", options.order,
                  "Order of the layers' operators: symmetrised (S1..SL SL..S1), product (S1..SL) "
                  "or reversed")
      ->check(CLI::IsMember({"symmetrised", "symmetrized", "product", "reversed"}))
      ->capture_default_str();
  command.add_option("--power", options.power, "Power of the fused operator, up to 64")
      ->capture_default_str();
  command
      .add_option("--layers", options.layers,
                  "Fuse only these layers, in this order (default: all, by ordinal)")
      ->delimiter(',');
}

absl::StatusOr<Fusion> ParseFusion(const FusionOptions& options) {
  Fusion fusion;
  if (options.order == "product") fusion.order = FusionOrder::kProduct;
  if (options.order == "reversed") fusion.order = FusionOrder::kReversed;
  if (!(options.power > 0)) return absl::InvalidArgumentError("--power must be positive");
  fusion.power = options.power;
  fusion.layers = options.layers;
  return fusion;
}

void Print(absl::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void Note(absl::string_view text) { absl::FPrintF(stderr, "%s\n", std::string(text)); }

void NoteRecall(absl::string_view measure, float recall) {
  if (recall == 1.0F) return;
  Note(absl::StrFormat("note: %s found %.4g %% of the neighbours", measure, 100.0 * recall));
}

std::string Advice(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      if (absl::StartsWith(status.message(), "no server answers"))
        return "; start one with `gramiand`, or name it with --server HOST:PORT or GRAMIAN_SERVER";
      return absl::StartsWith(status.message(), "the server at") ? ""
                                                                 : "; try again a little later";
    case absl::StatusCode::kResourceExhausted:
      return RetryDelay(status) > absl::ZeroDuration() ? "; try again a little later" : "";
    case absl::StatusCode::kDeadlineExceeded:
      return "; give it longer with --timeout SECONDS";
    case absl::StatusCode::kUnauthenticated:
      return "; say who calls with --token-file or --tls-cert and --tls-key";
    case absl::StatusCode::kNotFound:
      return reason.empty() ? "" : "; `gramian ls` shows what is there";
    case absl::StatusCode::kAlreadyExists:
      return "; --replace puts the new content in its place";
    case absl::StatusCode::kInvalidArgument:
      return absl::StrContains(status.message(), "measure '")
                 ? "; `gramian measures` lists them all"
                 : "";
    default:
      return "";
  }
}

int ExitCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return 0;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kRetry;
    case absl::StatusCode::kCancelled:
      return kInterrupted;
    case absl::StatusCode::kResourceExhausted:
      return RetryDelay(status) > absl::ZeroDuration() ? kRetry : kFailed;
    default:
      return 1;
  }
}

int RunCommandLine(int argc, char** argv) {
  CLI::App app(
      "Uploads activations of neural networks to a Gramian server and asks how alike they are.",
      "gramian");
  GlobalOptions globals;
  Action action;
  app.footer(kFooter);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App* failed, const CLI::Error& error) {
    return absl::StrCat("gramian: ", DescribeUsageError(*failed, error),
                        "; see `gramian --help` or `gramian COMMAND --help`\n");
  });
  app.fallthrough();
  app.add_option("--server", globals.server, "Address of the server")
      ->envname("GRAMIAN_SERVER")
      ->capture_default_str();
  app.add_option("--project", globals.project, "Project the networks belong to")
      ->envname("GRAMIAN_PROJECT")
      ->capture_default_str();
  app.add_option("--timeout", globals.timeout_seconds, "Seconds a request may take")
      ->capture_default_str();
  app.add_option("--view", globals.view,
                 "How a matrix is shown: a heatmap, a table, or (auto) what suits the output")
      ->check(CLI::IsMember({"auto", "heatmap", "table"}))
      ->capture_default_str();
  AddSecurityOptions(app, globals);
  AddPushCommand(app, globals, action);
  AddPullCommand(app, globals, action);
  AddListCommands(app, globals, action);
  AddKeepCommands(app, globals, action);
  AddProbeSetCommand(app, globals, action);
  AddCompareCommands(app, globals, action);
  AddLayerCommand(app, globals, action);
  AddAccuracyCommand(app, globals, action);
  AddMatchCommands(app, globals, action);
  AddOperatorCommand(app, globals, action);
  AddPathCommand(app, globals, action);
  AddAlignCommand(app, globals, action);
  AddTangentCommand(app, globals, action);
  AddAdminCommand(app, globals, action);
  AddWatchCommand(app, globals, action);
  AddTopCommand(app, globals, action);
  AddQuotasCommand(app, globals, action);
  AddLogLevelCommand(app, globals, action);
  AddTokenCommand(app, globals, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? FlushOutput(0) : kUsage;
  }
  absl::Status status = CheckGlobals(globals);
  if (status.ok()) status = action();
  if (status.ok()) return FlushOutput(0);
  PrintError(status);
  if (absl::IsInvalidArgument(status) && !globals.is_read) return kUsage;
  return ExitCode(status);
}

}  // namespace gramian::client::cli
