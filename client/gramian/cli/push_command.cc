#include <algorithm>
#include <atomic>
#include <numeric>
#include <optional>
#include <random>
#include <stop_token>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gramian/cli/command.h"
#include "gramian/cli/layer_source.h"
#include "gramian/cli/progress_bar.h"
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

Layers count in natural order of their names (relu2 before relu10) unless --order says otherwise; fusion
multiplies them in this order. Rows of two layers are compared one by one, so all of them must come from
the same inputs in the same order: --probe-set names those inputs.
)";

struct PushOptions {
  std::vector<std::string> paths;
  std::string network;
  int64_t step = 0;
  std::string probe_set;
  std::vector<std::string> order;
  std::string dtype;
  std::string reduction = "none";
  int64_t chunk_rows = 0;
  std::optional<uint64_t> shuffle_seed;
  int64_t first_ordinal = 0;
  int64_t job_count = 4;
  bool replace = false;
};

struct LoadedLayer {
  LayerFile file;
  LayerData data;
};

absl::StatusOr<std::vector<LoadedLayer>> LoadLayers(const GlobalOptions& globals,
                                                    const PushOptions& options) {
  std::optional<DType> dtype;
  if (!options.dtype.empty()) {
    const absl::StatusOr<DType> parsed = ParseDType(options.dtype);
    if (!parsed.ok()) return parsed.status();
    dtype = *parsed;
  }
  const absl::StatusOr<Reduction> reduction = ParseReduction(options.reduction);
  if (!reduction.ok()) return reduction.status();
  globals.is_read = true;
  const absl::StatusOr<std::vector<LayerFile>> files = FindLayerFiles(options.paths, options.order);
  if (!files.ok()) return files.status();
  std::vector<LoadedLayer> layers;
  for (const LayerFile& file : *files) {
    absl::StatusOr<LayerData> data = LayerData::Load(file.path, dtype, *reduction);
    if (!data.ok()) return data.status();
    layers.push_back({file, *std::move(data)});
  }
  return layers;
}

// Sends the layers of one snapshot, several at a time. Thread-safe where it says so.
class Push {
 public:
  Push(Client& client, const GlobalOptions& globals, const PushOptions& options,
       const std::vector<LoadedLayer>& layers)
      : client_(client),
        options_(options),
        layers_(layers),
        snapshot_(SnapshotName(globals.project, options.network, options.step)),
        bar_(stderr, TotalBytes(layers)),
        results_(layers.size(), absl::CancelledError("not sent")) {}

  static int64_t TotalBytes(const std::vector<LoadedLayer>& layers) {
    return std::accumulate(layers.begin(), layers.end(), int64_t{0},
                           [](int64_t sum, const LoadedLayer& layer) {
                             return sum + layer.data.row_count() * layer.data.row_bytes();
                           });
  }

  // The committed layers, or the first failure that is not the consequence of another.
  absl::StatusOr<std::vector<LayerInfo>> Run() {
    std::vector<std::jthread> workers;
    const int64_t worker_count =
        std::clamp<int64_t>(options_.job_count, 1, static_cast<int64_t>(layers_.size()));
    for (int64_t i = 0; i < worker_count; ++i) workers.emplace_back([this] { SendSome(); });
    workers.clear();  // joins
    std::vector<LayerInfo> committed;
    absl::Status failure;
    for (absl::StatusOr<LayerInfo>& result : results_) {
      if (result.ok())
        committed.push_back(*std::move(result));
      else if (failure.ok() || absl::IsCancelled(failure))
        failure = result.status();
    }
    if (!failure.ok()) return failure;
    return committed;
  }

 private:
  // Thread-safe: each layer is taken by one thread.
  void SendSome() {
    for (size_t i = next_++; i < layers_.size() && !stop_.stop_requested(); i = next_++) {
      results_[i] = Send(layers_[i]);
      if (results_[i].ok()) continue;
      results_[i] = Named(results_[i].status(), layers_[i].file.layer);
      stop_.request_stop();
    }
  }

  // The same status, its message beginning with the layer unless it names it already.
  static absl::Status Named(const absl::Status& status, const std::string& layer) {
    if (status.message().find(layer) != absl::string_view::npos) return status;
    absl::Status named(status.code(), absl::StrCat(layer, ": ", status.message()));
    status.ForEachPayload(
        [&](absl::string_view url, const absl::Cord& value) { named.SetPayload(url, value); });
    return named;
  }

  absl::StatusOr<LayerInfo> Send(const LoadedLayer& layer) {
    LayerHeader header;
    header.snapshot = snapshot_;
    header.module_path = layer.file.layer;
    header.row_count = layer.data.row_count();
    header.feature_count = layer.data.feature_count();
    header.dtype = layer.data.dtype();
    header.reduction = options_.reduction;
    header.ordinal = options_.first_ordinal + layer.file.ordinal;
    header.probe_set = options_.probe_set;
    header.replace = options_.replace;
    UploadOptions upload;
    upload.stop = stop_.get_token();
    int64_t reported_bytes = 0;
    upload.progress = [&](const UploadProgress& progress) {
      bar_.Add(progress.sent_bytes - std::exchange(reported_bytes, progress.sent_bytes));
    };
    absl::StatusOr<ActivationWriter> writer = client_.OpenLayer(header, upload);
    if (!writer.ok()) return writer.status();
    for (const int64_t first_row : ChunkStarts(layer.data)) {
      const int64_t rows = std::min(ChunkRows(layer.data), layer.data.row_count() - first_row);
      const RowsView view = {layer.data.data() + first_row * layer.data.row_bytes(), rows, 0};
      if (absl::Status status = writer->Write(first_row, view); !status.ok()) return status;
    }
    return writer->Finish();
  }

  int64_t ChunkRows(const LayerData& data) const {
    if (options_.chunk_rows > 0) return options_.chunk_rows;
    return std::max<int64_t>(1, (int64_t{1} << 20) / data.row_bytes());
  }

  // Where chunks begin, in the order they are sent: shuffled when asked for, to show that the order
  // does not matter.
  std::vector<int64_t> ChunkStarts(const LayerData& data) const {
    std::vector<int64_t> starts;
    for (int64_t row = 0; row < data.row_count(); row += ChunkRows(data)) starts.push_back(row);
    if (!options_.shuffle_seed.has_value()) return starts;
    std::mt19937_64 random(*options_.shuffle_seed);
    for (size_t i = starts.size(); i > 1; --i) std::swap(starts[i - 1], starts[random() % i]);
    return starts;
  }

  // Constant after construction.
  Client& client_;
  const PushOptions& options_;
  const std::vector<LoadedLayer>& layers_;
  const std::string snapshot_;

  ProgressBar bar_;              // thread-safe
  std::stop_source stop_;        // thread-safe
  std::atomic<size_t> next_{0};  // the layer to send next
  std::vector<absl::StatusOr<LayerInfo>>
      results_;  // each element belongs to the thread that took its layer
};

void PrintSummary(const PushOptions& options, const std::vector<LayerInfo>& layers,
                  absl::Duration elapsed) {
  using enum Table::Align;
  Table table({kRight, kLeft, kRight, kRight, kLeft, kRight, kLeft});
  table.AddRow({"#", "layer", "inputs", "features", "dtype", "size", "digest"});
  int64_t size_bytes = 0;
  for (const LayerInfo& layer : layers) {
    size_bytes += layer.size_bytes;
    table.AddRow({absl::StrCat(layer.ordinal), layer.module_path, absl::StrCat(layer.row_count),
                  absl::StrCat(layer.feature_count), std::string(Name(layer.dtype)),
                  FormatBytes(layer.size_bytes), layer.digest.substr(0, 12)});
  }
  Print(table.Render());
  const double seconds = absl::ToDoubleSeconds(elapsed);
  Print(absl::StrCat(options.network, "@", options.step, ": ", layers.size(),
                     layers.size() == 1 ? " layer, " : " layers, ", FormatBytes(size_bytes), " in ",
                     FormatSeconds(seconds), " (",
                     FormatBytes(static_cast<int64_t>(static_cast<double>(size_bytes) / seconds)),
                     "/s)\n"));
}

absl::Status RunPush(const GlobalOptions& globals, const PushOptions& options) {
  if (options.step < 0) return absl::InvalidArgumentError("--step must not be negative");
  const absl::StatusOr<std::vector<LoadedLayer>> layers = LoadLayers(globals, options);
  if (!layers.ok()) return layers.status();
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::Time start = absl::Now();
  const absl::StatusOr<std::vector<LayerInfo>> committed =
      Push(**client, globals, options, *layers).Run();
  if (!committed.ok()) return committed.status();
  PrintSummary(options, *committed, absl::Now() - start);
  return absl::OkStatus();
}

}  // namespace

void AddPushCommand(CLI::App& app, const GlobalOptions& globals, Action& action) {
  CLI::App* command =
      app.add_subcommand("push", "Upload .npy files: one snapshot, one layer per file");
  auto options = std::make_shared<PushOptions>();
  command->footer(kFooter);
  command->add_option("paths", options->paths, ".npy files, or folders of them")->required();
  command->add_option("--network", options->network, "Network the layers belong to")->required();
  command
      ->add_option("--step", options->step,
                   "Training step of the snapshot; 0 for a pretrained model")
      ->capture_default_str();
  command->add_option("--probe-set", options->probe_set,
                      "Name of the inputs the rows belong to (default: default)");
  command
      ->add_option("--order", options->order, "All layers in execution order, separated by commas")
      ->delimiter(',');
  command->add_option("--dtype", options->dtype,
                      "What the elements are: float16, bfloat16, float32 or float64");
  command
      ->add_option(
          "--reduction", options->reduction,
          "How more than two dimensions become one row per input: none, flatten or avg_pool")
      ->capture_default_str();
  command->add_option("--chunk-rows", options->chunk_rows,
                      "Rows per chunk (default: as many as make 1 MiB)");
  command->add_option("--shuffle-chunks", options->shuffle_seed,
                      "Send the chunks in an order drawn with this seed");
  command->add_option(
      "--first-ordinal", options->first_ordinal,
      "Place of the first layer in execution order, for pushing a snapshot bit by bit");
  command->add_option("--jobs", options->job_count, "Layers sent at the same time")
      ->capture_default_str();
  command->add_flag("--replace", options->replace,
                    "Put new content in the place of layers that are there");
  command->callback([&globals, &action, options] {
    action = [&globals, options] { return RunPush(globals, *options); };
  });
}

}  // namespace gramian::client::cli
