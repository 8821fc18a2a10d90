#include <filesystem>
#include <memory>
#include <numeric>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gramian/cli/command.h"
#include "gramian/cli/npy.h"
#include "gramian/cli/output_file.h"
#include "gramian/cli/progress_bar.h"
#include "gramian/cli/safetensors.h"
#include "gramian/cli/text.h"
#include "gramian/client/resource_name.h"

namespace gramian::client::cli {
namespace {

namespace fs = std::filesystem;

constexpr char kFooter[] = R"(
Examples:
  gramian pull resnet18@1000 -o acts/                        one .npy file per layer, as push reads them
  gramian pull resnet18@last -o resnet18.safetensors         all layers in one file
  gramian pull resnet18@last/layer4.1.relu -o relu.npy       one layer

A folder is made if it is not there; files in it are replaced. NumPy has no bfloat16: such layers are
written as two-byte elements, which push takes for bfloat16.
)";

struct PullOptions {
  std::string source;
  std::string output;
};

// Writes what comes to a file, after `head`, and tells the progress bar.
class FileSink : public DownloadSink {
 public:
  FileSink(OutputFile& file, std::string digest, ProgressBar& bar)
      : file_(file), digest_(std::move(digest)), bar_(bar) {}

  absl::Status Begin(const LayerInfo& layer) override {
    if (layer.digest == digest_) return absl::OkStatus();
    return absl::AbortedError(
        absl::StrCat(layer.module_path, " was replaced while the snapshot was read; begin anew"));
  }

  absl::Status Append(std::span<const std::byte> data) override {
    bar_.Add(static_cast<int64_t>(data.size()));
    return file_.Write(data);
  }

 private:
  OutputFile& file_;
  const std::string digest_;
  ProgressBar& bar_;
};

int64_t TotalBytes(const std::vector<LayerInfo>& layers) {
  return std::accumulate(
      layers.begin(), layers.end(), int64_t{0},
      [](int64_t sum, const LayerInfo& layer) { return sum + layer.size_bytes; });
}

absl::Status PullNpy(Client& client, const LayerInfo& layer, const std::string& path,
                     ProgressBar& bar) {
  absl::StatusOr<OutputFile> file = OutputFile::Create(path);
  if (!file.ok()) return file.status();
  const int64_t shape[] = {layer.row_count, layer.feature_count};
  if (absl::Status status = file->Write(EncodeNpyHeader(layer.dtype, shape)); !status.ok())
    return status;
  FileSink sink(*file, layer.digest, bar);
  if (absl::Status status = client.DownloadLayer(layer.name, sink).status(); !status.ok())
    return status;
  return file->Commit();
}

absl::Status PullSafetensors(Client& client, const std::vector<LayerInfo>& layers,
                             const std::string& path, ProgressBar& bar) {
  const absl::StatusOr<std::string> header = EncodeSafetensorsHeader(layers);
  if (!header.ok()) return header.status();
  absl::StatusOr<OutputFile> file = OutputFile::Create(path);
  if (!file.ok()) return file.status();
  if (absl::Status status = file->Write(*header); !status.ok()) return status;
  for (const LayerInfo& layer : layers) {
    FileSink sink(*file, layer.digest, bar);
    if (absl::Status status = client.DownloadLayer(layer.name, sink).status(); !status.ok())
      return status;
  }
  return file->Commit();
}

absl::Status PullFolder(Client& client, const std::vector<LayerInfo>& layers,
                        const std::string& path, ProgressBar& bar) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return absl::UnknownError(absl::StrCat("cannot make ", path, ": ", error.message()));
  for (const LayerInfo& layer : layers) {
    const fs::path file = fs::path(path) / (EncodeId(layer.module_path) + ".npy");
    if (absl::Status status = PullNpy(client, layer, file.string(), bar); !status.ok())
      return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<LayerInfo>> FindLayers(Client& client, const std::string& name) {
  if (name.find("/layers/") == std::string::npos) return client.ListLayers(name);
  absl::StatusOr<LayerInfo> layer = client.GetLayer(name);
  if (!layer.ok()) return layer.status();
  return std::vector<LayerInfo>{*std::move(layer)};
}

absl::StatusOr<std::string> ParseSource(const GlobalOptions& globals, const std::string& text) {
  const size_t at = text.find('@');
  const bool is_layer = at != std::string::npos && text.find('/', at) != std::string::npos;
  return is_layer ? ParseLayer(globals.project, text) : ParseSnapshot(globals.project, text);
}

absl::Status RunPull(const GlobalOptions& globals, const PullOptions& options) {
  const absl::StatusOr<std::string> name = ParseSource(globals, options.source);
  if (!name.ok()) return name.status();
  const absl::string_view extension = Extension(options.output);
  const bool is_npy = extension == ".npy";
  const bool is_safetensors = extension == ".safetensors";
  if (is_npy && name->find("/layers/") == std::string::npos) {
    return absl::InvalidArgumentError(
        "a .npy file holds one layer: name it as network@step/layer, or write a folder or "
        ".safetensors");
  }
  globals.is_read = true;
  if (is_npy || is_safetensors) {
    if (absl::Status status = CheckWritable({options.output}); !status.ok()) return status;
  }
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<std::vector<LayerInfo>> layers = FindLayers(**client, *name);
  if (!layers.ok()) return layers.status();
  const absl::Time start = absl::Now();
  absl::Status status;
  {
    ProgressBar bar(stderr, TotalBytes(*layers));
    if (is_npy) {
      status = PullNpy(**client, layers->front(), options.output, bar);
    } else if (is_safetensors) {
      status = PullSafetensors(**client, *layers, options.output, bar);
    } else {
      status = PullFolder(**client, *layers, options.output, bar);
    }
  }
  if (!status.ok()) return status;
  Print(absl::StrCat(options.source, ": ", layers->size(),
                     layers->size() == 1 ? " layer, " : " layers, ",
                     FormatBytes(TotalBytes(*layers)), " to ", options.output, " in ",
                     FormatSeconds(absl::ToDoubleSeconds(absl::Now() - start)), "\n"));
  return absl::OkStatus();
}

}  // namespace

void AddPullCommand(CLI::App& app, const GlobalOptions& globals, Action& action) {
  CLI::App* command = app.add_subcommand("pull", "Download a layer, or all layers of a snapshot");
  auto options = std::make_shared<PullOptions>();
  command->footer(kFooter);
  command->add_option("source", options->source, "network@step or network@step/layer")->required();
  command
      ->add_option("-o,--output", options->output,
                   "A .npy file (one layer), a .safetensors file, or a folder for .npy files")
      ->required();
  command->callback([&globals, &action, options] {
    action = [&globals, options] { return RunPull(globals, *options); };
  });
}

}  // namespace gramian::client::cli
