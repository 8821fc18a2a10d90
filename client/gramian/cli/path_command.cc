#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gramian/cli/command.h"
#include "gramian/cli/output_file.h"
#include "gramian/cli/path_export.h"
#include "gramian/client/resource_name.h"

namespace gramian::client::cli {
namespace {

struct PathOptions {
  std::vector<std::string> snapshots;
  std::string input;
  std::string target;
  std::vector<std::string> layers;
  std::string measure = "cka";
  std::vector<double> fractions;
  int directions = 0;
  std::vector<std::string> outputs;
};

// An end of the path: a layer of `snapshot`, or `network@step/layer` for one of another.
absl::StatusOr<std::string> ParseEnd(const GlobalOptions& globals, const std::string& snapshot,
                                     const std::string& end) {
  if (end.empty()) return std::string();
  if (absl::StatusOr<std::string> elsewhere = ParseLayer(globals.project, end); elsewhere.ok()) {
    return elsewhere;
  }
  return LayerName(snapshot, end);
}

absl::StatusOr<PathQuery> MakeQuery(const GlobalOptions& globals, const PathOptions& options) {
  PathQuery query;
  for (const std::string& text : options.snapshots) {
    const absl::StatusOr<std::string> snapshot = ParseSnapshot(globals.project, text);
    if (!snapshot.ok()) return snapshot.status();
    const absl::StatusOr<std::string> input = ParseEnd(globals, *snapshot, options.input);
    if (!input.ok()) return input.status();
    const absl::StatusOr<std::string> target = ParseEnd(globals, *snapshot, options.target);
    if (!target.ok()) return target.status();
    query.paths.push_back({*snapshot, options.layers, *input, *target});
  }
  query.measure = options.measure;
  query.geodesic_fractions = options.fractions;
  query.direction_count = options.directions;
  query.picture_dimension_count = options.outputs.empty() ? 0 : 2;
  return query;
}

std::string Render(const PathReport& report, absl::string_view extension) {
  if (extension == ".csv") return ToCsv(report);
  return extension == ".json" ? ToJson(report) : RenderSvg(report);
}

absl::Status RunPath(const GlobalOptions& globals, const PathOptions& options) {
  const absl::StatusOr<PathQuery> query = MakeQuery(globals, options);
  if (!query.ok()) return query.status();
  absl::Status status = CheckOutputs(globals, options.outputs, {".csv", ".json", ".svg"});
  if (!status.ok()) return status;
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<PathReport> report = (*client)->AnalyzePath(*query);
  if (!report.ok()) return report.status();
  Print(RenderPaths(*report));
  for (const std::string& path : options.outputs) {
    status = WriteFile(path, Render(*report, Extension(path)));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

void AddPathCommand(CLI::App& app, const GlobalOptions& globals, Action& action) {
  CLI::App* command = app.add_subcommand(
      "path", "See networks as paths through the space of representations: input, layers, target");
  auto options = std::make_shared<PathOptions>();
  command->add_option("snapshots", options->snapshots, "network@step or network@last")->required();
  command->add_option("--input", options->input,
                      "Layer to begin at: one of each network, or network@step/layer for all "
                      "(default: the first layer)");
  command->add_option("--target", options->target,
                      "Layer to lead to, likewise (default: the last layer)");
  command->add_option("--layers", options->layers, "Only these layers on the way, in this order")
      ->delimiter(',');
  command
      ->add_option("-m,--measure", options->measure,
                   "Whose scores place layers: cka, cka-hsic=song, ms-cka-t=4, ... on a sphere, "
                   "stress in a Euclidean space, procrustes and procrustes-form=angular among "
                   "shapes, airm among positive definite matrices")
      ->capture_default_str();
  command
      ->add_option("--fractions", options->fractions,
                   "Points of the geodesic, 0 to 1, whose distances go into the .json file")
      ->delimiter(',');
  command->add_option("--directions", options->directions,
                      "Also the Frechet mean of all points and so many principal directions");
  command->add_option("-o,--output", options->outputs,
                      "Also write .csv, .json or .svg (a figure); may be given several times");
  command->footer(R"(
Angles are in radians. `angle` is that between the steps before and after a point, pi (3.14) goes
straight on; `to target` that between the next step and the direction to the target, above pi/2
(1.57) it leads away. `on geodesic` and `away` say where the nearest point of the straight way is.
Examples:
  gramian path a@100 --input input --target onehot
  gramian path a@last b@last --input data@0/input --target data@0/onehot -o paths.svg
  gramian path a@last -m stress-rescale=median --directions 2 -o path.json
)");
  command->callback([&globals, &action, options] {
    action = [&globals, options] { return RunPath(globals, *options); };
  });
}

}  // namespace gramian::client::cli
