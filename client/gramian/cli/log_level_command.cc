// admin log-level: what a running server logs.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/cli/command.h"

namespace gramian::client::cli {
namespace {

// In the order of LogLevel.
constexpr const char* kLevels[] = {"trace", "debug", "info", "warn", "error", "off"};

absl::Status SetLevel(const GlobalOptions& globals, const std::string& name) {
  int index = 0;
  while (kLevels[index] != name) ++index;  // CLI11 has checked that it is one of them
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<LogLevel> before = (*client)->SetLogLevel(static_cast<LogLevel>(index));
  if (!before.ok()) return before.status();
  Print(absl::StrCat("the server logs ", name, ", before it was ",
                     kLevels[static_cast<int>(*before)], "\n"));
  return absl::OkStatus();
}

}  // namespace

void AddLogLevelCommand(CLI::App& app, const GlobalOptions& globals, Action& action) {
  const std::vector<CLI::App*> earlier =
      app.get_subcommands([](const CLI::App* command) { return command->get_name() == "admin"; });
  CLI::App* admin = earlier.empty() ? nullptr : earlier.front();
  if (admin == nullptr) {
    admin = app.add_subcommand("admin", "What who runs the server may do");
    admin->require_subcommand(1);
    admin->footer("\nExample:\n  gramian admin log-level debug\n");
  }
  auto level = std::make_shared<std::string>();
  CLI::App* command = admin->add_subcommand(
      "log-level", "Set what the server logs from now on, until it is restarted");
  command->add_option("level", *level, "trace, debug, info, warn, error or off")
      ->required()
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
  command->footer("\nExample:\n  gramian admin log-level debug\n");
  command->callback([&globals, &action, level] {
    action = [&globals, level] { return SetLevel(globals, *level); };
  });
}

}  // namespace gramian::client::cli
