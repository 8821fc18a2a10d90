#include <cmath>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gramian/cli/command.h"
#include "gramian/cli/npy.h"
#include "gramian/cli/output_file.h"
#include "gramian/cli/tangent_export.h"
#include "gramian/client/resource_name.h"

namespace gramian::client::cli {
namespace {

struct TangentOptions {
  std::string layer_a;
  std::string layer_b;
  std::vector<std::string> grid;
  std::string coordinates;
  std::string weights_file;
  std::vector<std::string> outputs;
};

// `SIZE:SPACING` or `SIZE:SPACING:periodic`.
absl::StatusOr<GridAxis> ParseAxis(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  GridAxis axis;
  axis.periodic = parts.size() == 3 && parts[2] == "periodic";
  const bool has_end = parts.size() == 2 || axis.periodic;
  if (has_end && absl::SimpleAtoi(parts[0], &axis.size) &&
      absl::SimpleAtod(parts[1], &axis.spacing)) {
    return axis;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--grid: '", text,
                   "' is not SIZE:SPACING or SIZE:SPACING:periodic, such as 48:0.1309:periodic"));
}

// A .npy file of float64 or float32 with one element per input.
absl::StatusOr<std::vector<double>> ReadWeights(const std::string& path) {
  const absl::StatusOr<NpyFile> file = NpyFile::Open(path, std::nullopt);
  if (!file.ok()) return file.status();
  const NpyHeader& header = file->header();
  std::vector<double> weights(static_cast<size_t>(header.element_count()));
  if (header.dtype == DType::kFloat64) {
    std::memcpy(weights.data(), file->data().data(), weights.size() * sizeof(double));
    return weights;
  }
  if (header.dtype != DType::kFloat32) {
    return absl::InvalidArgumentError(absl::StrCat(path, " has ", Name(header.dtype),
                                                   " elements; weights are float64 or float32"));
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    float weight = 0;
    std::memcpy(&weight, file->data().data() + i * sizeof(float), sizeof(float));
    weights[i] = weight;
  }
  return weights;
}

absl::StatusOr<TangentQuery> MakeQuery(const GlobalOptions& globals,
                                       const TangentOptions& options) {
  TangentQuery query;
  absl::StatusOr<std::string> layer = ParseLayer(globals.project, options.layer_a);
  if (!layer.ok()) return layer.status();
  query.layer_a = *layer;
  layer = ParseLayer(globals.project, options.layer_b);
  if (!layer.ok()) return layer.status();
  query.layer_b = *layer;
  for (const std::string& text : options.grid) {
    const absl::StatusOr<GridAxis> axis = ParseAxis(text);
    if (!axis.ok()) return axis.status();
    query.grid.push_back(*axis);
  }
  if (!options.coordinates.empty()) {
    layer = ParseLayer(globals.project, options.coordinates);
    if (!layer.ok()) return layer.status();
    query.coordinates = *layer;
  }
  query.with_field = !options.outputs.empty();
  return query;
}

std::string Encode(const TangentReport& report, absl::string_view extension) {
  if (extension == ".csv") return ToCsv(report);
  return extension == ".json" ? ToJson(report) : ToNpy(report);
}

absl::Status RunTangents(const GlobalOptions& globals, const TangentOptions& options) {
  absl::StatusOr<TangentQuery> query = MakeQuery(globals, options);
  if (!query.ok()) return query.status();
  absl::Status status = CheckOutputs(globals, options.outputs, {".csv", ".json", ".npy"});
  if (!status.ok()) return status;
  globals.is_read = true;
  if (!options.weights_file.empty()) {
    absl::StatusOr<std::vector<double>> weights = ReadWeights(options.weights_file);
    if (!weights.ok()) return weights.status();
    query->weights = *std::move(weights);
  }
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<TangentReport> report = (*client)->CompareTangents(*query);
  if (!report.ok()) return report.status();
  Print(RenderTangents(*report));
  for (const std::string& path : options.outputs) {
    status = WriteFile(path, Encode(*report, Extension(path)));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

void AddTangentCommand(CLI::App& app, const GlobalOptions& globals, Action& action) {
  CLI::App* command = app.add_subcommand(
      "msa", "Compare two layers by the geometry they give to the inputs: pullback metrics");
  auto options = std::make_shared<TangentOptions>();
  command->add_option("layer_a", options->layer_a, "network@step/layer")->required();
  command->add_option("layer_b", options->layer_b, "network@step/layer")->required();
  CLI::Option* grid =
      command
          ->add_option("--grid", options->grid,
                       "Of activations: the inputs are a regular grid, SIZE:SPACING[:periodic] for "
                       "each axis, the last one running fastest")
          ->delimiter(',');
  command
      ->add_option("--coordinates", options->coordinates,
                   "Of activations: the layer network@step/layer whose rows are the coordinates of "
                   "the inputs")
      ->excludes(grid);
  command->add_option(
      "--weights", options->weights_file,
      "A .npy file with the volume that each input stands for (default: all alike)");
  command->add_option("-o,--output", options->outputs,
                      "Also write the comparison at each input: .csv, .json or .npy (spectral "
                      "ratios); may be given several times");
  command->footer(R"(
Tangent data are pushed with --rows: Jacobians of a layer along the m coordinates of the inputs, or
factors of them. Activations need --grid or --coordinates instead. The similarity is 1 for layers
that differ by a conformal map of the inputs' manifold only; compare values with the same m.
Examples:
  gramian push jacobians/ --network a --rows jacobian        (n, d, m) arrays, kept as n factors
  gramian msa a@0/relu1 b@0/relu1
  gramian msa a@0/relu1 b@0/relu1 --grid 48:0.1309:periodic,48:0.1309:periodic --weights area.npy
  gramian msa a@0/relu1 b@0/relu1 --coordinates data@0/points -o field.csv
)");
  command->callback([&globals, &action, options] {
    action = [&globals, options] { return RunTangents(globals, *options); };
  });
}

}  // namespace gramian::client::cli
