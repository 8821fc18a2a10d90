// Similarity as a time series: watch create, ls, show, rm.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gramian/cli/command.h"
#include "gramian/cli/text.h"
#include "gramian/client/resource_name.h"

namespace gramian::client::cli {
namespace {

using Align = Table::Align;

struct WatchOptions {
  std::string id;
  std::string network;
  std::string reference;
  std::string measure = "cka";
  std::vector<std::string> layers;
};

// The id of a resource name's last part.
std::string IdOf(const std::string& name) {
  return DecodeId(name.substr(name.rfind('/') + 1)).value_or(name);
}

std::string StepOf(int64_t step) { return step < 0 ? "-" : absl::StrCat(step); }

std::string ScoreOf(const WatchInfo& watch) {
  switch (watch.state) {
    case WatchState::kScored:
      return FormatScore(watch.score);
    case WatchState::kFailed:
      return "failed";
    case WatchState::kWaiting:
      break;
  }
  return "waiting";
}

absl::Status Create(const GlobalOptions& globals, const WatchOptions& options) {
  const absl::StatusOr<std::string> reference = ParseSnapshot(globals.project, options.reference);
  if (!reference.ok()) return reference.status();
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  WatchSpec spec;
  spec.name = WatchName(globals.project, options.id);
  spec.network = NetworkName(globals.project, options.network);
  spec.reference = *reference;
  spec.layers = options.layers;
  spec.measure = options.measure;
  const absl::StatusOr<WatchInfo> created = (*client)->CreateWatch(spec);
  if (!created.ok()) return created.status();
  Print(absl::StrCat(options.id, ": ", created->spec.measure, " of ", options.network, " and ",
                     ShortName(created->spec.reference),
                     ", shown at /metrics as gramian_watch_score{project=\"", globals.project,
                     "\",watch=\"", options.id, "\"}\n"));
  return absl::OkStatus();
}

absl::Status List(const GlobalOptions& globals) {
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<std::vector<WatchInfo>> watches =
      (*client)->ListWatches(ProjectName(globals.project));
  if (!watches.ok()) return watches.status();
  Table table({Align::kLeft, Align::kLeft, Align::kLeft, Align::kLeft, Align::kRight, Align::kRight,
               Align::kRight});
  table.AddRow({"watch", "network", "reference", "measure", "score", "step", "failures"});
  for (const WatchInfo& watch : *watches) {
    table.AddRow({IdOf(watch.spec.name), IdOf(watch.spec.network), ShortName(watch.spec.reference),
                  watch.spec.measure, ScoreOf(watch), StepOf(watch.step),
                  absl::StrCat(watch.failure_count)});
  }
  Print(table.Render());
  return absl::OkStatus();
}

absl::Status Show(const GlobalOptions& globals, const std::string& id) {
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<WatchInfo> watch = (*client)->GetWatch(WatchName(globals.project, id));
  if (!watch.ok()) return watch.status();
  Table table({Align::kLeft, Align::kLeft});
  table.AddRow({"watch", IdOf(watch->spec.name)});
  table.AddRow({"network", IdOf(watch->spec.network)});
  table.AddRow({"reference", ShortName(watch->spec.reference)});
  table.AddRow({"layers", watch->spec.layers.empty() ? "all, fused"
                                                     : absl::StrJoin(watch->spec.layers, ", ")});
  table.AddRow({"measure", watch->spec.measure});
  table.AddRow({"created", FormatLocalTime(watch->create_time)});
  table.AddRow(
      {"score", watch->state == WatchState::kScored ? FormatExact(watch->score) : ScoreOf(*watch)});
  if (!watch->message.empty()) table.AddRow({"because", watch->message});
  table.AddRow({"step", StepOf(watch->step)});
  table.AddRow({"step of the reference", StepOf(watch->reference_step)});
  if (watch->step >= 0) table.AddRow({"evaluated", FormatLocalTime(watch->evaluate_time)});
  table.AddRow({"evaluations", absl::StrCat(watch->evaluation_count)});
  table.AddRow({"failures", absl::StrCat(watch->failure_count)});
  Print(table.Render());
  return absl::OkStatus();
}

absl::Status Remove(const GlobalOptions& globals, const std::string& id) {
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::Status status = (*client)->DeleteWatch(WatchName(globals.project, id));
  if (status.ok()) Print(absl::StrCat("removed the watch ", id, "\n"));
  return status;
}

void AddCreate(CLI::App& command, const GlobalOptions& globals, Action& action,
               const std::shared_ptr<WatchOptions>& options) {
  CLI::App* create = command.add_subcommand("create", "Create a watch");
  create->add_option("id", options->id, "Its name, a label of its gauges")->required();
  create->add_option("network", options->network, "The network whose newest snapshot is compared")
      ->required();
  create
      ->add_option("reference", options->reference,
                   "What it is compared with: network@step or network@last")
      ->required();
  create->add_option("--measure", options->measure, "Measure")->capture_default_str();
  create
      ->add_option("--layers", options->layers,
                   "Module paths of the layers, of both sides (default: all); several are fused")
      ->delimiter(',');
  create->footer("\nExample:\n  gramian watch create drift run7 run7@1000 --layers head\n");
  create->callback([&globals, &action, options] {
    action = [&globals, options] { return Create(globals, *options); };
  });
}

}  // namespace

void AddWatchCommand(CLI::App& app, const GlobalOptions& globals, Action& action) {
  CLI::App* command = app.add_subcommand(
      "watch", "Similarity as a time series in /metrics: create, list, show, remove");
  command->require_subcommand(1);
  command->footer(R"(
Examples:
  gramian watch create drift run7 run7@1000 --layers head    how far run7 has left its step 1000
  gramian watch create teacher student resnet50@last         whole networks, fused
  gramian watch ls
  gramian watch show drift
  gramian watch rm drift

The newest snapshot of the network is compared anew whenever it or the reference changes.
)");
  auto options = std::make_shared<WatchOptions>();
  AddCreate(*command, globals, action, options);

  CLI::App* list = command->add_subcommand("ls", "All watches of the project");
  list->footer("\nExample:\n  gramian watch ls\n");
  list->callback([&globals, &action] { action = [&globals] { return List(globals); }; });

  CLI::App* show = command->add_subcommand("show", "A watch and what it last found");
  show->add_option("id", options->id, "Watch")->required();
  show->footer("\nExample:\n  gramian watch show drift\n");
  show->callback([&globals, &action, options] {
    action = [&globals, options] { return Show(globals, options->id); };
  });

  CLI::App* rm = command->add_subcommand("rm", "Remove a watch and its gauges");
  rm->add_option("id", options->id, "Watch")->required();
  rm->footer("\nExample:\n  gramian watch rm drift\n");
  rm->callback([&globals, &action, options] {
    action = [&globals, options] { return Remove(globals, options->id); };
  });
}

}  // namespace gramian::client::cli
