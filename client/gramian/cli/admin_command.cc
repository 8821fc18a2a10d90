// What who runs a server asks of it: admin backup.
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gramian/cli/command.h"
#include "gramian/cli/text.h"

namespace gramian::client::cli {
namespace {

absl::Status Backup(const GlobalOptions& globals, const std::string& name) {
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<BackupInfo> backup = (*client)->CreateBackup(
      name.empty() ? absl::FormatTime("%Y%m%dT%H%M%SZ", absl::Now(), absl::UTCTimeZone()) : name);
  if (!backup.ok()) return backup.status();
  Print(absl::StrCat("backup ", backup->path, ": ", backup->layer_count, " layers, ",
                     FormatBytes(backup->size_bytes), "\n"));
  if (backup->linked) {
    Note("it shares the files of the server, on the same file system: copy it elsewhere as well");
  }
  return absl::OkStatus();
}

}  // namespace

void AddAdminCommand(CLI::App& app, const GlobalOptions& globals, Action& action) {
  CLI::App* admin = app.add_subcommand("admin", "Look after a server: backup");
  admin->require_subcommand(1);
  auto name = std::make_shared<std::string>();
  CLI::App* backup = admin->add_subcommand(
      "backup", "Copy all that the server keeps into a folder of its --backup-dir");
  backup->add_option("name", *name, "Name of the folder; without it, date and time");
  backup->footer(
      "\nThe folder is a data directory: start gramiand with a copy of it to restore. Uploads "
      "that\n"
      "are open meanwhile are not in it; they go on undisturbed.\n"
      "\nExamples:\n  gramian admin backup\n  gramian --timeout 86400 admin backup "
      "before-upgrade\n");
  backup->callback(
      [&globals, &action, name] { action = [&globals, name] { return Backup(globals, *name); }; });
}

}  // namespace gramian::client::cli
