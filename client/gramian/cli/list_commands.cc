#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "gramian/cli/command.h"
#include "gramian/cli/text.h"
#include "gramian/client/resource_name.h"

namespace gramian::client::cli {
namespace {

using Align = Table::Align;

absl::Status ListNetworks(const GlobalOptions& globals) {
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<std::vector<NetworkInfo>> networks =
      (*client)->ListNetworks(ProjectName(globals.project));
  if (!networks.ok()) return networks.status();
  Table table({Align::kLeft, Align::kRight, Align::kRight});
  table.AddRow({"network", "snapshots", "last step"});
  for (const NetworkInfo& network : *networks) {
    table.AddRow({network.display_name, absl::StrCat(network.snapshot_count),
                  absl::StrCat(network.last_step)});
  }
  Print(table.Render());
  if (networks->empty()) Note("nothing there yet: `gramian push` uploads a snapshot");
  return absl::OkStatus();
}

absl::Status ListSnapshots(const GlobalOptions& globals, const std::string& network) {
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<std::vector<SnapshotInfo>> snapshots =
      (*client)->ListSnapshots(NetworkName(globals.project, network));
  if (!snapshots.ok()) return snapshots.status();
  Table table({Align::kLeft, Align::kRight, Align::kRight, Align::kLeft});
  table.AddRow({"snapshot", "layers", "size", ""});
  for (const SnapshotInfo& snapshot : *snapshots) {
    table.AddRow({absl::StrCat(network, "@", snapshot.step), absl::StrCat(snapshot.layer_count),
                  FormatBytes(snapshot.size_bytes), snapshot.pinned ? "pinned" : ""});
  }
  Print(table.Render());
  return absl::OkStatus();
}

absl::Status ListLayers(const GlobalOptions& globals, const std::string& text) {
  const absl::StatusOr<std::string> snapshot = ParseSnapshot(globals.project, text);
  if (!snapshot.ok()) return snapshot.status();
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<std::vector<LayerInfo>> layers = (*client)->ListLayers(*snapshot);
  if (!layers.ok()) return layers.status();
  Table table({Align::kRight, Align::kLeft, Align::kRight, Align::kRight, Align::kLeft,
               Align::kLeft, Align::kLeft, Align::kRight, Align::kLeft, Align::kLeft});
  table.AddRow({"#", "layer", "inputs", "features", "dtype", "reduction", "probe set", "size",
                "committed", "digest"});
  for (const LayerInfo& layer : *layers) {
    table.AddRow({absl::StrCat(layer.ordinal), layer.module_path, absl::StrCat(layer.row_count),
                  absl::StrCat(layer.feature_count), FormatElements(layer), layer.reduction,
                  layer.probe_set, FormatBytes(layer.size_bytes),
                  FormatLocalTime(layer.commit_time), layer.digest});
  }
  Print(table.Render());
  return absl::OkStatus();
}

std::string Seconds(int64_t seconds) { return FormatSeconds(static_cast<double>(seconds)); }

std::string BytesOrNone(int64_t bytes) { return bytes == 0 ? "no limit" : FormatBytes(bytes); }

void AddLimits(const ServerLimits& limits, Table& table) {
  table.AddRow({"largest chunk", FormatBytes(limits.chunk_bytes)});
  table.AddRow({"largest message", FormatBytes(limits.message_bytes)});
  table.AddRow({"inputs per layer", absl::StrCat(limits.row_count)});
  table.AddRow({"features per layer", absl::StrCat(limits.feature_count)});
  table.AddRow({"layers per snapshot", absl::StrCat(limits.layers_per_snapshot_count)});
  table.AddRow({"measures per request", absl::StrCat(limits.measure_count)});
  table.AddRow({"networks per request", absl::StrCat(limits.network_count)});
  table.AddRow({"elements of a page", absl::StrCat(limits.page_size)});
  table.AddRow({"length of a name", FormatBytes(limits.name_bytes)});
  table.AddRow({"", ""});
  table.AddRow({"memory", FormatBytes(limits.memory_bytes)});
  table.AddRow({"activations kept", FormatBytes(limits.store_bytes)});
  table.AddRow({"of a project", BytesOrNone(limits.project_bytes)});
  table.AddRow({"disk left alone", FormatBytes(limits.disk_reserve_bytes)});
  table.AddRow({"unpinned snapshots kept", BytesOrNone(limits.retain_bytes)});
  if (limits.retain_seconds > 0) {
    table.AddRow({"unused snapshots go after", Seconds(limits.retain_seconds)});
  }
  table.AddRow({"operators kept", FormatBytes(limits.cache_bytes)});
  table.AddRow({"scores kept", absl::StrCat(limits.score_count)});
  table.AddRow({"one computation", FormatBytes(limits.scratch_bytes)});
  table.AddRow({"", ""});
  table.AddRow({"open uploads", absl::StrCat(limits.open_upload_count)});
  table.AddRow({"waiting requests", absl::StrCat(limits.queue_count)});
  table.AddRow(
      {"calls of a project", limits.project_calls_per_second == 0
                                 ? "no limit"
                                 : absl::StrCat(limits.project_calls_per_second, " per second, ",
                                                limits.project_burst_calls, " at once")});
  table.AddRow({"watches of a project", absl::StrCat(limits.watch_count)});
  table.AddRow({"connections", absl::StrCat(limits.connection_count)});
  table.AddRow({"calls of a connection", absl::StrCat(limits.calls_per_connection_count)});
  table.AddRow({"idle upload ends after", Seconds(limits.upload_idle_seconds)});
  table.AddRow({"unread answer ends after", Seconds(limits.stream_stall_seconds)});
  table.AddRow({"idle connection ends after", Seconds(limits.connection_idle_seconds)});
  table.AddRow({"silent client is lost after",
                Seconds(limits.keepalive_seconds + limits.keepalive_timeout_seconds)});
  if (limits.connection_age_seconds > 0) {
    table.AddRow({"connection ends after", Seconds(limits.connection_age_seconds)});
    table.AddRow({"and its calls after", Seconds(limits.connection_grace_seconds)});
  }
}

absl::Status ShowInfo(const GlobalOptions& globals) {
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<ServerInfo> info = (*client)->GetServerInfo();
  if (!info.ok()) return info.status();
  Table table({Align::kLeft, Align::kLeft});
  table.AddRow({"server", absl::StrCat("gramiand ", info->version, " at ", globals.server)});
  table.AddRow({"started", FormatLocalTime(info->start_time)});
  table.AddRow({"computes with",
                absl::StrCat(info->compute_thread_count, " threads, OpenBLAS ", info->blas_core)});
  table.AddRow({"gRPC", info->grpc_version});
  table.AddRow({"", ""});
  AddLimits(info->limits, table);
  Print(table.Render());
  return absl::OkStatus();
}

std::string FormatBound(double bound) {
  if (std::isinf(bound)) return bound > 0 ? "inf" : "-inf";
  return absl::StrFormat("%.4g", bound);
}

std::string FormatTraits(const MeasureInfo& measure) {
  std::vector<std::string> traits;
  if (measure.is_metric) traits.push_back("distance");
  if (measure.is_symmetric) traits.push_back("symmetric");
  if (measure.applies_to_networks) traits.push_back("networks");
  if (measure.compares_tangents) traits.push_back("tangent data");
  return absl::StrJoin(traits, ", ");
}

absl::Status ShowMeasures(const GlobalOptions& globals, bool is_long) {
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<std::vector<MeasureInfo>> measures = (*client)->ListMeasures();
  if (!measures.ok()) return measures.status();
  if (!is_long) {
    Table table({Align::kLeft, Align::kLeft, Align::kLeft, Align::kLeft});
    table.AddRow({"measure", "range", "more similar", "traits"});
    for (const MeasureInfo& measure : *measures) {
      table.AddRow({measure.name,
                    absl::StrCat("[", FormatBound(measure.range_min), ", ",
                                 FormatBound(measure.range_max), "]"),
                    measure.larger_is_more_similar ? "larger" : "smaller", FormatTraits(measure)});
    }
    Print(table.Render());
    Note("`gramian measures --long` explains them and their parameters");
    return absl::OkStatus();
  }
  for (const MeasureInfo& measure : *measures) {
    Print(absl::StrCat(
        measure.name, "\n  ", measure.description, "\n  range [", FormatBound(measure.range_min),
        ", ", FormatBound(measure.range_max), "], ",
        measure.larger_is_more_similar ? "larger" : "smaller", " is more similar, at least ",
        measure.min_input_count, " inputs\n  ",
        measure.invariances.empty()
            ? "no invariance"
            : absl::StrCat("does not change with ", absl::StrJoin(measure.invariances, ", ")),
        "\n"));
    for (const MeasureInfo::Parameter& parameter : measure.parameters) {
      Print(absl::StrCat("  ", parameter.key, "=",
                         parameter.default_value.empty() ? "..." : parameter.default_value, "  ",
                         parameter.description, "\n"));
    }
    Print("\n");
  }
  return absl::OkStatus();
}

void AddLsCommand(CLI::App& app, const GlobalOptions& globals, Action& action) {
  CLI::App* command =
      app.add_subcommand("ls", "List networks, the snapshots of one, or the layers of a snapshot");
  command->footer(R"(
Examples:
  gramian ls                        all networks
  gramian ls snapshots resnet18     the steps of one network
  gramian ls layers resnet18@last   the layers of its newest snapshot
)");
  command->require_subcommand(0, 1);
  const auto networks = [&globals, &action] {
    action = [&globals] { return ListNetworks(globals); };
  };
  command->preparse_callback([networks](size_t) { networks(); });
  command->add_subcommand("networks", "All networks of the project")->callback(networks);
  auto name = std::make_shared<std::string>();
  CLI::App* snapshots = command->add_subcommand("snapshots", "The snapshots of a network, by step");
  snapshots->add_option("network", *name, "Network")->required();
  snapshots->callback([&globals, &action, name] {
    action = [&globals, name] { return ListSnapshots(globals, *name); };
  });
  CLI::App* layers =
      command->add_subcommand("layers", "The layers of a snapshot, in execution order");
  layers->add_option("snapshot", *name, "network@step or network@last")->required();
  layers->callback([&globals, &action, name] {
    action = [&globals, name] { return ListLayers(globals, *name); };
  });
}

}  // namespace

void AddListCommands(CLI::App& app, const GlobalOptions& globals, Action& action) {
  AddLsCommand(app, globals, action);

  CLI::App* info =
      app.add_subcommand("info", "What the server is, how it computes and what its limits are");
  info->footer("\nExample:\n  gramian info --server gpu7:7443\n");
  info->callback([&globals, &action] { action = [&globals] { return ShowInfo(globals); }; });

  CLI::App* measures = app.add_subcommand("measures", "The measures the server knows");
  auto is_long = std::make_shared<bool>(false);
  measures->add_flag("--long", *is_long, "Explain each of them and its parameters");
  measures->footer("\nExamples:\n  gramian measures\n  gramian measures --long\n");
  measures->callback([&globals, &action, is_long] {
    action = [&globals, is_long] { return ShowMeasures(globals, *is_long); };
  });
}

}  // namespace gramian::client::cli
