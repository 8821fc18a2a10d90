#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gramian/cli/command.h"
#include "gramian/cli/input_ids.h"
#include "gramian/cli/interrupt.h"
#include "gramian/cli/layer_source.h"
#include "gramian/cli/push.h"
#include "gramian/cli/text.h"
#include "gramian/client/resource_name.h"

namespace gramian::client::cli {
namespace {

constexpr char kFooter[] = R"(
Examples:
  gramian push acts/ --network resnet18 --step 1000          one layer per .npy file, named by its stem
  gramian push acts/*.npy --network bert --order embed,block0,block1,head
  gramian push conv3.npy --network resnet18 --reduction avg_pool      (n, c, h, w) -> n x c
  gramian push acts/ --network a --dtype bfloat16            files whose '<u2' elements are bfloat16

Only what the server does not have is sent; a push that was interrupted goes on when the command is given
again.

Layers count in natural order of their names (relu2 before relu10) unless --order says otherwise; fusion
multiplies them in this order. Rows of two layers are compared one by one, so all of them must come from
the same inputs in the same order: --probe-set names those inputs (see gramian probe-set), and --input-ids
lets the server check their order.
)";

constexpr int64_t kJobLimit = 64;

struct PushOptions {
  std::vector<std::string> paths;
  std::string network;
  int64_t step = 0;
  std::vector<std::string> order;
  std::string dtype;
  std::string rows = "activations";
  std::string ids_file;
  PushPlan plan;
};

absl::StatusOr<std::vector<LoadedLayer>> LoadLayers(const GlobalOptions& globals,
                                                    PushOptions& options) {
  std::optional<DType> dtype;
  if (!options.dtype.empty()) {
    const absl::StatusOr<DType> parsed = ParseDType(options.dtype);
    if (!parsed.ok()) return parsed.status();
    dtype = *parsed;
  }
  const absl::StatusOr<Reduction> reduction = ParseReduction(options.plan.reduction);
  if (!reduction.ok()) return reduction.status();
  const absl::StatusOr<RowKind> row_kind = ParseRowKind(options.rows);
  if (!row_kind.ok()) return row_kind.status();
  options.plan.row_kind = *row_kind;
  globals.is_read = true;
  const absl::StatusOr<std::vector<LayerFile>> files = FindLayerFiles(options.paths, options.order);
  if (!files.ok()) return files.status();
  std::vector<LoadedLayer> layers;
  for (const LayerFile& file : *files) {
    absl::StatusOr<LayerData> data = LayerData::Load(file.path, dtype, *reduction, *row_kind);
    if (!data.ok()) return data.status();
    layers.push_back({file, *std::move(data)});
  }
  return layers;
}

void PrintSummary(const PushOptions& options, const PushResult& result, absl::Duration elapsed) {
  using enum Table::Align;
  Table table({kRight, kLeft, kRight, kRight, kLeft, kRight, kLeft});
  table.AddRow({"#", "layer", "inputs", "features", "dtype", "size", "digest"});
  const int64_t size_bytes = result.total_bytes;
  for (const LayerInfo& layer : result.layers) {
    table.AddRow({absl::StrCat(layer.ordinal), layer.module_path, absl::StrCat(layer.row_count),
                  absl::StrCat(layer.feature_count), FormatElements(layer),
                  FormatBytes(layer.size_bytes), layer.digest.substr(0, 12)});
  }
  Print(table.Render());
  const double seconds = absl::ToDoubleSeconds(elapsed);
  Print(absl::StrCat(options.network, "@", options.step, ": ", result.layers.size(),
                     result.layers.size() == 1 ? " layer, " : " layers, ", FormatBytes(size_bytes),
                     " in ", FormatSeconds(seconds)));
  if (result.sent_bytes == size_bytes) {
    const double rate = static_cast<double>(size_bytes) / seconds;
    Print(absl::StrCat(" (", FormatBytes(static_cast<int64_t>(rate)), "/s)\n"));
  } else {
    Print(absl::StrCat("; ", FormatBytes(size_bytes - result.sent_bytes), " were there already\n"));
  }
}

absl::Status RunPush(const GlobalOptions& globals, PushOptions& options) {
  if (options.step < 0) return absl::InvalidArgumentError("--step must not be negative");
  const absl::StatusOr<std::vector<LoadedLayer>> layers = LoadLayers(globals, options);
  if (!layers.ok()) return layers.status();
  if (!options.ids_file.empty()) {
    absl::StatusOr<std::vector<std::string>> ids = ReadInputIds(options.ids_file);
    if (!ids.ok()) return ids.status();
    options.plan.input_ids = *std::move(ids);
  }
  // Who names all layers in order says their places.
  if (!options.order.empty() && !options.plan.first_ordinal.has_value())
    options.plan.first_ordinal = 0;
  options.plan.timeout = absl::Seconds(globals.timeout_seconds);
  options.plan.snapshot = SnapshotName(globals.project, options.network, options.step);
  const InterruptWatcher watcher;
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::Time start = absl::Now();
  const absl::StatusOr<PushResult> result =
      Push(**client, options.plan, *layers, watcher.stop()).Run();
  if (!result.ok() && watcher.was_interrupted()) {
    return absl::CancelledError(
        "interrupted; the same command goes on with what the server does not have yet");
  }
  if (!result.ok()) return result.status();
  PrintSummary(options, *result, absl::Now() - start);
  return absl::OkStatus();
}

}  // namespace

void AddPushCommand(CLI::App& app, const GlobalOptions& globals, Action& action) {
  CLI::App* command =
      app.add_subcommand("push", "Upload .npy files: one snapshot, one layer per file");
  auto options = std::make_shared<PushOptions>();
  options->plan.reduction = "none";
  command->footer(kFooter);
  command->add_option("paths", options->paths, ".npy files, or folders of them")->required();
  command->add_option("--network", options->network, "Network the layers belong to")->required();
  command
      ->add_option("--step", options->step,
                   "Training step of the snapshot; 0 for a pretrained model")
      ->capture_default_str();
  command->add_option("--probe-set", options->plan.probe_set,
                      "Name of the inputs the rows belong to (default: default)");
  command->add_option("--input-ids", options->ids_file,
                      "Text file with the id of the input of each row, one per line");
  command
      ->add_option("--order", options->order, "All layers in execution order, separated by commas")
      ->delimiter(',');
  command->add_option("--dtype", options->dtype,
                      "What the elements are: float16, bfloat16, float32 or float64");
  command
      ->add_option(
          "--reduction", options->plan.reduction,
          "How more than two dimensions become one row per input: none, flatten or avg_pool")
      ->capture_default_str();
  command
      ->add_option(
          "--rows", options->rows,
          "What a row holds: activations, or tangent data for `gramian msa`: jacobian (n, d, "
          "m), factor or pullback_metric (n, m (m + 1) / 2), softmax_jacobian (n, classes, "
          "1 + m)")
      ->capture_default_str();
  command
      ->add_option("--chunk-rows", options->plan.chunk_rows,
                   "Rows per chunk (default: as many as make 1 MiB)")
      ->check(CLI::PositiveNumber);
  command->add_option("--shuffle-chunks", options->plan.shuffle_seed,
                      "Send the chunks in an order drawn with this seed");
  command->add_option(
      "--first-ordinal", options->plan.first_ordinal,
      "Place of the first layer in execution order (default: behind the layers that are there, "
      "0 with --order)");
  command->add_option("--jobs", options->plan.job_count, "Layers sent at the same time")
      ->check(CLI::Range(int64_t{1}, kJobLimit))
      ->capture_default_str();
  command->add_flag("--replace", options->plan.replace,
                    "Put new content in the place of layers that are there");
  command->callback([&globals, &action, options] {
    action = [&globals, options] { return RunPush(globals, *options); };
  });
}

}  // namespace gramian::client::cli
