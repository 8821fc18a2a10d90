#ifndef GRAMIAN_CLI_COMMAND_H_
#define GRAMIAN_CLI_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gramian/cli/export.h"
#include "gramian/client/client.h"

namespace gramian::client::cli {

// What every command may be told.
struct GlobalOptions {
  std::string server = "127.0.0.1:7443";
  std::string project = "default";
  double timeout_seconds = 600;
  std::string view = "auto";  // auto, heatmap or table
  TlsOptions tls;
  std::string token_file;
  bool allow_plaintext = false;

  // Set once the whole command line has been read: by Connect, or by a command before it opens a
  // file. INVALID_ARGUMENT before that is a wrong command line.
  mutable bool is_read = false;

  absl::StatusOr<std::unique_ptr<Client>> Connect() const;
};

// What -o asks for, checked before anything else is done: INVALID_ARGUMENT for a path that ends in
// none of `extensions`, otherwise as CheckWritable.
absl::Status CheckOutputs(const GlobalOptions& globals, const std::vector<std::string>& paths,
                          const std::vector<std::string>& extensions);

// What the command line asks for; set by the subcommand that was given.
using Action = std::function<absl::Status()>;

// Each adds its subcommands to `app`. When one of them is given, `action` is set to what it does;
// `globals` is read then.
void AddPushCommand(CLI::App& app, const GlobalOptions& globals, Action& action);
void AddPullCommand(CLI::App& app, const GlobalOptions& globals, Action& action);
void AddListCommands(CLI::App& app, const GlobalOptions& globals,
                     Action& action);  // ls, info, measures
void AddKeepCommands(CLI::App& app, const GlobalOptions& globals,
                     Action& action);  // rm, pin, unpin
void AddProbeSetCommand(CLI::App& app, const GlobalOptions& globals, Action& action);
void AddCompareCommands(CLI::App& app, const GlobalOptions& globals,
                        Action& action);  // compare, networks
void AddLayerCommand(CLI::App& app, const GlobalOptions& globals, Action& action);
void AddAccuracyCommand(CLI::App& app, const GlobalOptions& globals, Action& action);
void AddMatchCommands(CLI::App& app, const GlobalOptions& globals,
                      Action& action);  // match, search, embed
void AddOperatorCommand(CLI::App& app, const GlobalOptions& globals, Action& action);
void AddPathCommand(CLI::App& app, const GlobalOptions& globals, Action& action);
void AddAlignCommand(CLI::App& app, const GlobalOptions& globals, Action& action);
void AddTokenCommand(CLI::App& app, const GlobalOptions& globals, Action& action);
void AddTangentCommand(CLI::App& app, const GlobalOptions& globals, Action& action);
void AddAdminCommand(CLI::App& app, const GlobalOptions& globals, Action& action);  // admin backup
void AddWatchCommand(CLI::App& app, const GlobalOptions& globals, Action& action);
void AddTopCommand(CLI::App& app, const GlobalOptions& globals, Action& action);
void AddQuotasCommand(CLI::App& app, const GlobalOptions& globals, Action& action);
void AddLogLevelCommand(CLI::App& app, const GlobalOptions& globals,
                        Action& action);  // admin log-level

// Options that fusing commands share; ParseFusion reads them.
struct FusionOptions {
  std::string order = "symmetrised";
  double power = 1;
  std::vector<std::string> layers;
};
void AddFusionOptions(CLI::App& command, FusionOptions& options);
absl::StatusOr<Fusion> ParseFusion(const FusionOptions& options);

// Writes text to standard output, as it is.
void Print(absl::string_view text);

// A remark for people, on standard error.
void Note(absl::string_view text);
// Notes how approximate a score is; nothing of an exact one.
void NoteRecall(absl::string_view measure, float recall);

// What to do about a failure, as an ending for its message; empty when the message says it all.
std::string Advice(const absl::Status& status);

// What a process ended by Ctrl-C exits with.
inline constexpr int kInterrupted = 130;

// The exit code for a status: 0 done, 1 refused by the server or a file, 3 worth a retry (the
// server cannot be reached, is busy, has no room now or did not answer in time), kInterrupted when
// cancelled.
int ExitCode(const absl::Status& status);

// Runs the command line and returns the exit code of the process: as ExitCode, or 2 for a wrong
// command line, or 1 if standard output could not be written.
int RunCommandLine(int argc, char** argv);

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_COMMAND_H_
