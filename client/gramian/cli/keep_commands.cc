// What is kept: rm, pin, unpin.
#include <memory>

#include "absl/strings/str_cat.h"
#include "gramian/cli/command.h"
#include "gramian/cli/text.h"
#include "gramian/client/resource_name.h"

namespace gramian::client::cli {
namespace {

struct RemoveOptions {
  std::string snapshot;
  std::string network;
};

std::string Count(int64_t count, absl::string_view what) {
  return absl::StrCat(count, " ", what, count == 1 ? "" : "s");
}

absl::Status RemoveSnapshot(const GlobalOptions& globals, const std::string& text) {
  const absl::StatusOr<std::string> snapshot = ParseSnapshot(globals.project, text);
  if (!snapshot.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        snapshot.status().message(), "; a whole network goes with `gramian rm --network NAME`"));
  }
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<DeletedSnapshot> deleted = (*client)->DeleteSnapshot(*snapshot);
  if (!deleted.ok()) return deleted.status();
  Print(absl::StrCat("removed ", text, ": ", Count(deleted->layer_count, "layer"), ", ",
                     FormatBytes(deleted->size_bytes), "\n"));
  return absl::OkStatus();
}

absl::Status RemoveNetwork(const GlobalOptions& globals, const std::string& network) {
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<DeletedNetwork> deleted =
      (*client)->DeleteNetwork(NetworkName(globals.project, network));
  if (!deleted.ok()) return deleted.status();
  Print(absl::StrCat(
      "removed the network ", network, ": ", Count(deleted->snapshot_count, "snapshot"), ", ",
      Count(deleted->layer_count, "layer"), ", ", FormatBytes(deleted->size_bytes), "\n"));
  return absl::OkStatus();
}

absl::Status Remove(const GlobalOptions& globals, const RemoveOptions& options) {
  if (options.snapshot.empty() == options.network.empty()) {
    return absl::InvalidArgumentError(
        "rm needs either a snapshot, network@step, or --network NAME");
  }
  return options.network.empty() ? RemoveSnapshot(globals, options.snapshot)
                                 : RemoveNetwork(globals, options.network);
}

absl::Status Pin(const GlobalOptions& globals, const std::string& text, bool pinned) {
  const absl::StatusOr<std::string> snapshot = ParseSnapshot(globals.project, text);
  if (!snapshot.ok()) return snapshot.status();
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<SnapshotInfo> changed = (*client)->PinSnapshot(*snapshot, pinned);
  if (!changed.ok()) return changed.status();
  Print(absl::StrCat(ShortName(changed->name),
                     changed->pinned ? " is pinned\n" : " is not pinned\n"));
  return absl::OkStatus();
}

}  // namespace

void AddKeepCommands(CLI::App& app, const GlobalOptions& globals, Action& action) {
  CLI::App* rm = app.add_subcommand("rm", "Delete a snapshot with all its layers, or a network");
  auto options = std::make_shared<RemoveOptions>();
  rm->add_option("snapshot", options->snapshot, "network@step; the step must be a number");
  rm->add_option("--network", options->network, "The network to delete, with all its snapshots");
  rm->footer("\nExamples:\n  gramian rm resnet18@1000\n  gramian rm --network resnet18\n");
  rm->callback([&globals, &action, options] {
    action = [&globals, options] { return Remove(globals, *options); };
  });

  auto snapshot = std::make_shared<std::string>();
  CLI::App* pin = app.add_subcommand("pin", "Keep a snapshot, whatever the server's retention");
  pin->add_option("snapshot", *snapshot, "network@step or network@last")->required();
  pin->footer("\nExample:\n  gramian pin resnet18@90000\n");
  pin->callback([&globals, &action, snapshot] {
    action = [&globals, snapshot] { return Pin(globals, *snapshot, true); };
  });

  CLI::App* unpin = app.add_subcommand("unpin", "Leave a snapshot to the server's retention");
  unpin->add_option("snapshot", *snapshot, "network@step or network@last")->required();
  unpin->footer("\nExample:\n  gramian unpin resnet18@90000\n");
  unpin->callback([&globals, &action, snapshot] {
    action = [&globals, snapshot] { return Pin(globals, *snapshot, false); };
  });
}

}  // namespace gramian::client::cli
