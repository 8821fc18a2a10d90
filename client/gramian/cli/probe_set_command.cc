#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "gramian/cli/command.h"
#include "gramian/cli/input_ids.h"
#include "gramian/cli/text.h"
#include "gramian/client/digest.h"
#include "gramian/client/resource_name.h"

namespace gramian::client::cli {
namespace {

using Align = Table::Align;

struct ProbeSetOptions {
  std::string id;
  std::string ids_file;
  int64_t count = 0;
};

absl::Status Create(const GlobalOptions& globals, const ProbeSetOptions& options) {
  if (options.ids_file.empty() == (options.count == 0)) {
    return absl::InvalidArgumentError(
        "probe-set create needs either a file of input ids or --count");
  }
  globals.is_read = true;
  NewProbeSet probe_set;
  probe_set.id = options.id;
  probe_set.input_count = options.count;
  if (!options.ids_file.empty()) {
    absl::StatusOr<std::vector<std::string>> ids = ReadInputIds(options.ids_file);
    if (!ids.ok()) return ids.status();
    probe_set.input_count = static_cast<int64_t>(ids->size());
    probe_set.input_ids_digest = ComputeInputIdsDigest(*ids);
    if (FitOneMessage(*ids))
      probe_set.input_ids = *std::move(ids);
    else
      Note("note: too many ids for one message: only their number and digest are kept");
  }
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<ProbeSetInfo> created =
      (*client)->CreateProbeSet(ProjectName(globals.project), probe_set);
  if (!created.ok()) return created.status();
  Print(absl::StrCat(created->display_name, ": ", created->input_count, " inputs",
                     created->input_ids_digest.empty() ? "" : ", digest of their ids ",
                     created->input_ids_digest, "\n"));
  return absl::OkStatus();
}

absl::Status List(const GlobalOptions& globals) {
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<std::vector<ProbeSetInfo>> probe_sets =
      (*client)->ListProbeSets(ProjectName(globals.project));
  if (!probe_sets.ok()) return probe_sets.status();
  Table table({Align::kLeft, Align::kRight, Align::kLeft, Align::kLeft});
  table.AddRow({"probe set", "inputs", "created", "digest of the ids"});
  for (const ProbeSetInfo& probe_set : *probe_sets) {
    table.AddRow({probe_set.display_name, absl::StrCat(probe_set.input_count),
                  FormatLocalTime(probe_set.create_time),
                  probe_set.input_ids_digest.empty() ? "-" : probe_set.input_ids_digest});
  }
  Print(table.Render());
  return absl::OkStatus();
}

absl::Status Show(const GlobalOptions& globals, const std::string& id) {
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<ProbeSetInfo> probe_set =
      (*client)->GetProbeSet(ProbeSetName(globals.project, id));
  if (!probe_set.ok()) return probe_set.status();
  Print(absl::StrCat(absl::StrJoin(probe_set->input_ids, "\n"),
                     probe_set->input_ids.empty() ? "" : "\n"));
  const bool has_digest = !probe_set->input_ids_digest.empty();
  Note(absl::StrCat(probe_set->display_name, ": ", probe_set->input_count, " inputs, created ",
                    FormatLocalTime(probe_set->create_time),
                    has_digest ? ", digest of their ids " : ", a count only",
                    probe_set->input_ids_digest));
  return absl::OkStatus();
}

absl::Status Remove(const GlobalOptions& globals, const std::string& id) {
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  if (absl::Status status = (*client)->DeleteProbeSet(ProbeSetName(globals.project, id));
      !status.ok())
    return status;
  Print(absl::StrCat("removed the probe set ", id, "\n"));
  return absl::OkStatus();
}

}  // namespace

void AddProbeSetCommand(CLI::App& app, const GlobalOptions& globals, Action& action) {
  CLI::App* command =
      app.add_subcommand("probe-set", "The inputs that rows belong to: create, list, show, remove");
  command->require_subcommand(1);
  command->footer(R"(
Examples:
  gramian probe-set create imagenet-val ids.txt      the ids of the inputs in order, one per line
  gramian probe-set create noise --count 4096        inputs without ids
  gramian push acts/ --network a --probe-set imagenet-val --input-ids ids.txt
  gramian probe-set ls
  gramian probe-set show imagenet-val > ids.txt
  gramian probe-set rm imagenet-val

Rows of two layers are compared one by one. Once a probe set is created, layers that name it have as many
rows as it has inputs, and a push that says its --input-ids must have them in the same order.
)");
  auto options = std::make_shared<ProbeSetOptions>();

  CLI::App* create = command->add_subcommand("create", "Create a probe set");
  create->add_option("id", options->id, "What layers name it by")->required();
  create->add_option("ids", options->ids_file, "Text file with the id of each input, one per line");
  create->add_option("--count", options->count, "Number of inputs, where they have no ids")
      ->check(CLI::PositiveNumber);
  create->footer("\nExample:\n  gramian probe-set create imagenet-val ids.txt\n");
  create->callback([&globals, &action, options] {
    action = [&globals, options] { return Create(globals, *options); };
  });

  CLI::App* list = command->add_subcommand("ls", "All probe sets of the project");
  list->footer("\nExample:\n  gramian probe-set ls\n");
  list->callback([&globals, &action] { action = [&globals] { return List(globals); }; });

  CLI::App* show = command->add_subcommand("show", "Its input ids, one per line");
  show->add_option("id", options->id, "Probe set")->required();
  show->footer("\nExample:\n  gramian probe-set show imagenet-val\n");
  show->callback([&globals, &action, options] {
    action = [&globals, options] { return Show(globals, options->id); };
  });

  CLI::App* rm = command->add_subcommand("rm", "Delete a probe set that no layer names");
  rm->add_option("id", options->id, "Probe set")->required();
  rm->footer("\nExample:\n  gramian probe-set rm imagenet-val\n");
  rm->callback([&globals, &action, options] {
    action = [&globals, options] { return Remove(globals, options->id); };
  });
}

}  // namespace gramian::client::cli
