#include <cmath>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gramian/cli/align_export.h"
#include "gramian/cli/command.h"
#include "gramian/cli/export.h"
#include "gramian/cli/output_file.h"
#include "gramian/client/resource_name.h"

namespace gramian::client::cli {
namespace {

constexpr std::pair<const char*, GraphMetric> kMetrics[] = {{"angular", GraphMetric::kAngular},
                                                            {"euclidean", GraphMetric::kEuclidean}};
constexpr std::pair<const char*, EdgeWeight> kWeights[] = {
    {"gaussian", EdgeWeight::kGaussian},
    {"symgaussian", EdgeWeight::kSymmetricGaussian},
    {"uniform", EdgeWeight::kUniform},
    {"distance", EdgeWeight::kDistance},
    {"singular", EdgeWeight::kSingular}};
constexpr std::pair<const char*, Descriptor> kDescriptors[] = {
    {"geodesic", Descriptor::kGeodesic},
    {"cosine", Descriptor::kCosine},
    {"anchored-heat", Descriptor::kAnchoredHeat},
    {"heat", Descriptor::kHeat},
    {"wave", Descriptor::kWave},
    {"labels", Descriptor::kLabels}};
constexpr std::pair<const char*, MapSolver> kSolvers[] = {{"auto", MapSolver::kAuto},
                                                          {"direct", MapSolver::kDirect},
                                                          {"iterative", MapSolver::kIterative}};
constexpr std::pair<const char*, TransferKind> kTransfers[] = {
    {"orthogonal", TransferKind::kOrthogonal}, {"linear", TransferKind::kLinear}};

struct AlignOptions {
  std::string layer_a;
  std::string layer_b;
  std::string metric = "angular";
  std::string weight = "gaussian";
  std::string solver = "auto";
  std::string transfer = "orthogonal";
  std::vector<std::string> anchors;
  std::string anchors_file;
  int64_t anchor_count = 0;
  std::vector<std::string> descriptors;
  std::string labels_a;
  std::string labels_b;
  int64_t neighbors = 0;
  int64_t basis = 50;
  int64_t refine = -1;
  MapWeights map_weights;
  std::string functions;
  std::string points;
  std::string truth;
  std::vector<std::string> outputs;
  std::string map_file;
  std::string matches_file;
  std::string distortion_file;
  std::string functions_file;
  std::string points_file;
};

template <typename Value, size_t count>
absl::StatusOr<Value> Lookup(absl::string_view option, absl::string_view text,
                             const std::pair<const char*, Value> (&names)[count]) {
  std::vector<absl::string_view> known;
  for (const auto& [name, value] : names) {
    if (text == name) return value;
    known.emplace_back(name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat(option, " is one of ", absl::StrJoin(known, ", "), ", not '", text, "'"));
}

// "I" or "I:J": input I of the first layer is input I, or J, of the second.
absl::StatusOr<Anchor> ParseAnchor(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  Anchor anchor;
  if (parts.size() <= 2 && absl::SimpleAtoi(parts.front(), &anchor.input_a) &&
      absl::SimpleAtoi(parts.back(), &anchor.input_b)) {
    return anchor;
  }
  return absl::InvalidArgumentError("write INPUT or INPUT:INPUT, counted from 0");
}

// The lines of a file; none without a path.
absl::StatusOr<std::vector<std::string>> ReadLines(const std::string& path) {
  if (path.empty()) return std::vector<std::string>();
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read '", path, "'"));
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  if (lines.back().empty()) lines.pop_back();
  return lines;
}

// Whole numbers, one per line.
absl::StatusOr<std::vector<int64_t>> ReadLabels(const std::string& path) {
  const absl::StatusOr<std::vector<std::string>> lines = ReadLines(path);
  if (!lines.ok()) return lines.status();
  std::vector<int64_t> labels;
  for (const std::string& line : *lines) {
    if (absl::SimpleAtoi(line, &labels.emplace_back())) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("line ", labels.size(), " of '", path, "' is no whole number: '", line, "'"));
  }
  return labels;
}

// Those of --anchors, then those of --anchors-file, one per line as there.
absl::StatusOr<std::vector<Anchor>> ReadAnchors(const AlignOptions& options) {
  std::vector<Anchor> anchors;
  for (const std::string& text : options.anchors) {
    absl::StatusOr<Anchor> anchor = ParseAnchor(text);
    if (!anchor.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--anchors ", text, ": ", anchor.status().message()));
    }
    anchors.push_back(*anchor);
  }
  const absl::StatusOr<std::vector<std::string>> lines = ReadLines(options.anchors_file);
  if (!lines.ok()) return lines.status();
  for (size_t i = 0; i < lines->size(); ++i) {
    absl::StatusOr<Anchor> anchor = ParseAnchor((*lines)[i]);
    if (!anchor.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("line ", i + 1, " of '", options.anchors_file,
                                                     "', '", (*lines)[i],
                                                     "': ", anchor.status().message()));
    }
    anchors.push_back(*anchor);
  }
  return anchors;
}

absl::Status FillNames(const GlobalOptions& globals, const AlignOptions& options,
                       AlignmentQuery& query) {
  const std::pair<const std::string*, std::string*> names[] = {
      {&options.layer_a, &query.layer_a},
      {&options.layer_b, &query.layer_b},
      {&options.functions, &query.functions},
      {&options.points, &query.points},
      {&options.truth, &query.truth}};
  for (const auto& [text, name] : names) {
    if (text->empty()) continue;
    absl::StatusOr<std::string> parsed = ParseLayer(globals.project, *text);
    if (!parsed.ok()) return parsed.status();
    *name = *std::move(parsed);
  }
  return absl::OkStatus();
}

// Sets `value` from a StatusOr, or returns why not.
template <typename Value>
absl::Status Take(absl::StatusOr<Value> parsed, Value& value) {
  if (parsed.ok()) value = *std::move(parsed);
  return parsed.status();
}

absl::StatusOr<AlignmentQuery> MakeQuery(const GlobalOptions& globals,
                                         const AlignOptions& options) {
  AlignmentQuery query;
  absl::Status status = FillNames(globals, options, query);
  status.Update(Take(Lookup("--graph", options.metric, kMetrics), query.graph_metric));
  status.Update(Take(Lookup("--weights", options.weight, kWeights), query.edge_weight));
  status.Update(Take(Lookup("--solver", options.solver, kSolvers), query.solver));
  status.Update(Take(Lookup("--transfer", options.transfer, kTransfers), query.transfer));
  status.Update(Take(ReadLabels(options.labels_a), query.labels_a));
  status.Update(Take(ReadLabels(options.labels_b), query.labels_b));
  for (const std::string& text : options.descriptors) {
    status.Update(
        Take(Lookup("--descriptors", text, kDescriptors), query.descriptors.emplace_back()));
  }
  status.Update(Take(ReadAnchors(options), query.anchors));
  query.weights = options.map_weights;
  query.neighbor_count = options.neighbors;
  query.function_count = options.basis;
  if (options.refine >= 0) query.refinement_count = options.refine;
  if (!status.ok()) return status;
  return query;
}

// Evenly over the inputs, each with itself.
absl::Status SpreadAnchors(Client& client, int64_t count, AlignmentQuery& query) {
  if (count == 0) return absl::OkStatus();
  const absl::StatusOr<LayerInfo> layer = client.GetLayer(query.layer_a);
  if (!layer.ok()) return layer.status();
  if (count < 0 || count > layer->row_count) {
    return absl::InvalidArgumentError(
        absl::StrCat("--anchor-count ", count, ": the layer has ", layer->row_count, " inputs"));
  }
  for (int64_t i = 0; i < count; ++i) {
    const int64_t input = i * layer->row_count / count;
    query.anchors.push_back({input, input});
  }
  return absl::OkStatus();
}

// What goes into files of its own.
std::vector<std::pair<std::string, AlignmentMatrix>> FilesOf(const AlignOptions& options,
                                                             const LayerAlignment& alignment) {
  const auto column = [](auto begin, auto end) {
    AlignmentMatrix matrix{end - begin, 1, {}};
    matrix.values.assign(begin, end);
    return matrix;
  };
  std::vector<std::pair<std::string, AlignmentMatrix>> files = {
      {options.map_file, alignment.map},
      {options.matches_file, column(alignment.matches.begin(), alignment.matches.end())},
      {options.distortion_file, column(alignment.distortion.begin(), alignment.distortion.end())},
      {options.functions_file, alignment.carried_functions},
      {options.points_file, alignment.carried_points}};
  std::erase_if(files, [](const auto& file) { return file.first.empty(); });
  return files;
}

absl::Status CheckFiles(const GlobalOptions& globals, const AlignOptions& options) {
  if (!options.functions_file.empty() && options.functions.empty()) {
    return absl::InvalidArgumentError("--functions-file needs --functions");
  }
  if (!options.points_file.empty() && options.points.empty()) {
    return absl::InvalidArgumentError("--points-file needs --points");
  }
  std::vector<std::string> paths;
  for (const auto& [path, matrix] : FilesOf(options, LayerAlignment())) paths.push_back(path);
  absl::Status status = CheckExtensions(paths, {".csv", ".npy"});
  status.Update(CheckExtensions(options.outputs, {".json"}));
  if (!status.ok()) return status;
  paths.insert(paths.end(), options.outputs.begin(), options.outputs.end());
  return CheckOutputs(globals, paths, {".csv", ".npy", ".json"});
}

absl::Status RunAlign(const GlobalOptions& globals, const AlignOptions& options) {
  absl::StatusOr<AlignmentQuery> query = MakeQuery(globals, options);
  if (!query.ok()) return query.status();
  absl::Status status = CheckFiles(globals, options);
  if (!status.ok()) return status;
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  status = SpreadAnchors(**client, options.anchor_count, *query);
  if (!status.ok()) return status;
  const absl::StatusOr<LayerAlignment> alignment = (*client)->AlignLayers(*query);
  if (!alignment.ok()) return alignment.status();
  Print(RenderAlignment(*alignment, absl::StrCat(options.layer_a, " to ", options.layer_b)));
  for (const std::string& caution : CautionsOf(*alignment, query->anchors.size())) Note(caution);
  for (const std::string& path : options.outputs) {
    status.Update(WriteFile(path, ToJson(*alignment)));
  }
  for (const auto& [path, matrix] : FilesOf(options, *alignment)) {
    status.Update(WriteFile(path, RenderMatrix(matrix, Extension(path))));
  }
  return status;
}

void AddMapOptions(CLI::App& command, AlignOptions& options) {
  command
      .add_option(
          "--anchors", options.anchors,
          "Inputs that correspond: I, or I:J for input J of the second layer, counted from 0")
      ->delimiter(',');
  command.add_option("--anchors-file", options.anchors_file,
                     "File with anchors written the same way, one per line");
  command.add_option("--anchor-count", options.anchor_count,
                     "So many inputs, evenly spread, as anchors of themselves");
  command
      .add_option("--descriptors", options.descriptors,
                  "What the layers are to agree on: geodesic (default with anchors), cosine, "
                  "anchored-heat, heat, wave, labels")
      ->delimiter(',');
  command.add_option("--labels-a", options.labels_a,
                     "File with the label of each input of the first layer, one number per line");
  command.add_option("--labels-b", options.labels_b, "The same of the second layer");
  command.add_option("--graph", options.metric, "Distance of inputs: angular, euclidean")
      ->capture_default_str();
  command
      .add_option("--weights", options.weight,
                  "Of edges: gaussian, symgaussian, uniform, distance, singular")
      ->capture_default_str();
  command.add_option("--neighbors", options.neighbors,
                     "Of each input (default: n / 20, from 30 to 300)");
  command.add_option("--basis", options.basis, "Functions of each layer, 3 to 500")
      ->capture_default_str();
  command.add_option("--refine", options.refine,
                     "Steps of ZoomOut (default: 10 for a fitted map, else 0)");
  command.add_option("--solver", options.solver, "auto, direct or iterative; they agree")
      ->capture_default_str();
}

void AddWeightOptions(CLI::App& command, MapWeights& weights) {
  command
      .add_option("--descriptor-weight", weights.descriptor,
                  "How much descriptors are to be mapped to each other")
      ->capture_default_str();
  command.add_option("--laplacian-weight", weights.laplacian, "How much smoothness is to be kept")
      ->capture_default_str();
  command
      .add_option("--commutativity-weight", weights.commutativity,
                  "How much products with descriptors are to be kept")
      ->capture_default_str();
}

void AddCarryOptions(CLI::App& command, AlignOptions& options) {
  command.add_option("--transfer", options.transfer, "How points are carried: orthogonal, linear")
      ->capture_default_str();
  command.add_option("--points", options.points,
                     "Layer with points of the first layer's space, to be carried over");
  command.add_option("--truth", options.truth, "Layer that says where they should come to lie");
  command.add_option("--functions", options.functions,
                     "Layer whose features are functions on the first layer's inputs");
  command.add_option("--points-file", options.points_file, "Write the points carried over");
  command.add_option("--functions-file", options.functions_file,
                     "Write the functions carried over");
  command.add_option("--map", options.map_file, "Write the functional map: .npy or .csv");
  command.add_option("--matches", options.matches_file,
                     "Write the input of the first layer for each of the second");
  command.add_option("--distortion", options.distortion_file,
                     "Write how much the map distorts at each input of the second layer");
  command.add_option("-o,--output", options.outputs, "Write the report with its matrices: .json");
}

}  // namespace

void AddAlignCommand(CLI::App& app, const GlobalOptions& globals, Action& action) {
  CLI::App* command = app.add_subcommand(
      "align", "Align two layers by a functional map: what corresponds, and how to carry it over");
  auto options = std::make_shared<AlignOptions>();
  command->add_option("layer_a", options->layer_a, "network@step/layer to map from")->required();
  command->add_option("layer_b", options->layer_b, "network@step/layer to map to")->required();
  AddMapOptions(*command, *options);
  AddWeightOptions(*command, options->map_weights);
  AddCarryOptions(*command, *options);
  command->footer(R"(
Without anchors and descriptors the layers must have seen the same inputs, and the scores say how
alike they are. `corrected` and `overlap` tell a true correspondence from a shuffled one, `published`
and `official`, the paper's and its code's, do not. Files of matrices are .npy or .csv.
Examples:
  gramian align a@last/relu3 b@last/relu3
  gramian align a@last/emb b@last/emb --anchors 3,77:12,140 --map map.npy --matches matches.csv
  gramian align a@last/emb b@last/emb --anchor-count 10 --points a@0/new --points-file new.npy
)");
  command->callback([&globals, &action, options] {
    action = [&globals, options] { return RunAlign(globals, *options); };
  });
}

}  // namespace gramian::client::cli
