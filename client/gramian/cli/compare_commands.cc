#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "gramian/cli/command.h"
#include "gramian/cli/output_file.h"
#include "gramian/cli/status_line.h"
#include "gramian/cli/terminal.h"
#include "gramian/cli/text.h"
#include "gramian/client/resource_name.h"

namespace gramian::client::cli {
namespace {

constexpr char kMeasureHelp[] =
    "Measures, e.g. cka, ms-cka-t=4, distcorr; `gramian measures` lists them";
constexpr char kOutputHelp[] =
    "Also write .csv, .json, .npy or .svg (a figure); may be given several times";

struct CompareOptions {
  std::vector<std::string> targets;  // what is compared, as written
  std::vector<std::string> measures = {"cka"};
  std::vector<std::string> outputs;
  FusionOptions fusion;
};

void AddCommonOptions(CLI::App& command, CompareOptions& options) {
  command.add_option("-m,--measure", options.measures, kMeasureHelp)
      ->delimiter(',')
      ->capture_default_str();
  command.add_option("-o,--output", options.outputs, kOutputHelp);
}

// The range of the measure with this canonical name: that of a listed measure whose name agrees
// with it longest.
std::pair<double, double> RangeOf(const std::vector<MeasureInfo>& measures,
                                  absl::string_view name) {
  std::pair<double, double> range = {0, 1};
  size_t longest = 0;
  for (const MeasureInfo& measure : measures) {
    const auto [end, unused] =
        std::mismatch(measure.name.begin(), measure.name.end(), name.begin(), name.end());
    const auto common = static_cast<size_t>(end - measure.name.begin());
    if (common <= longest) continue;
    longest = common;
    range = {measure.range_min, measure.range_max};
  }
  return range;
}

// Short names of the rows or columns of a fused matrix stay as they are; for layers the axis is
// their snapshot.
std::string AxisOf(const std::vector<std::string>& names) {
  if (names.empty()) return "";
  const size_t layers = names.front().find("/layers/");
  return layers == std::string::npos
             ? ""
             : ShortName(absl::string_view(names.front()).substr(0, layers));
}

Figure MakeFigure(SimilarityMatrix matrix, const std::vector<MeasureInfo>& measures,
                  const std::string& note) {
  HeatmapStyle style;
  style.note = note;
  style.title = matrix.measure;
  style.row_axis = AxisOf(matrix.row_names);
  style.column_axis = AxisOf(matrix.column_names);
  const auto [range_min, range_max] = RangeOf(measures, matrix.measure);
  style.scale = ChooseScale(range_min, range_max, matrix);
  return {std::move(matrix), std::move(style)};
}

void Show(const Figure& figure, const GlobalOptions& globals, absl::Duration elapsed) {
  const Terminal terminal = Terminal::Detect(STDOUT_FILENO);
  const bool as_heatmap = globals.view == "heatmap" || (globals.view == "auto" && terminal.is_tty);
  Print(as_heatmap ? RenderText(figure.matrix, figure.style, terminal)
                   : RenderTable(figure.matrix));
  const auto cell_count = static_cast<int64_t>(figure.matrix.cells.size());
  std::string remark = absl::StrCat(
      cell_count, cell_count == 1 ? " cell, " : " cells, ", figure.matrix.cached_count,
      " of them from the cache; answered in ", FormatSeconds(absl::ToDoubleSeconds(elapsed)));
  if (figure.matrix.form != ComputeForm::kNone)
    absl::StrAppend(&remark, " (", Name(figure.matrix.form), ")");
  Note(remark);
  NoteRecall(figure.matrix.measure, figure.matrix.recall);
}

using Compare = std::function<absl::StatusOr<SimilarityMatrix>(
    Client&, const std::string& measure, const MatrixProgressCallback& progress)>;

// Asks for one matrix per measure, shows each as it comes and writes them all; `note` goes into the
// figures.
absl::Status RunMatrices(const GlobalOptions& globals, const CompareOptions& options,
                         const std::string& note, const Compare& compare) {
  absl::Status status = CheckOutputs(globals, options.outputs, {".csv", ".json", ".npy", ".svg"});
  if (!status.ok()) return status;
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<std::vector<MeasureInfo>> measures = (*client)->ListMeasures();
  if (!measures.ok()) return measures.status();
  std::vector<Figure> figures;
  for (const std::string& measure : options.measures) {
    const absl::Time start = absl::Now();
    absl::StatusOr<SimilarityMatrix> matrix;
    {
      StatusLine line(stderr);
      matrix = compare(**client, measure, [&](const MatrixProgress& progress) {
        line.Draw(absl::StrCat(progress.done_count, " of ", progress.cell_count, " cells, ",
                               FormatSeconds(progress.elapsed_seconds)));
      });
    }
    if (!matrix.ok()) return matrix.status();
    figures.push_back(MakeFigure(*std::move(matrix), *measures, note));
    Show(figures.back(), globals, absl::Now() - start);
  }
  return WriteFigures(figures, options.outputs);
}

absl::StatusOr<std::vector<std::string>> ParseSnapshots(const GlobalOptions& globals,
                                                        const std::vector<std::string>& texts) {
  std::vector<std::string> names;
  for (const std::string& text : texts) {
    absl::StatusOr<std::string> name = ParseSnapshot(globals.project, text);
    if (!name.ok()) return name.status();
    names.push_back(*std::move(name));
  }
  return names;
}

absl::Status RunCompare(const GlobalOptions& globals, const CompareOptions& options) {
  const absl::StatusOr<std::vector<std::string>> snapshots =
      ParseSnapshots(globals, options.targets);
  if (!snapshots.ok()) return snapshots.status();
  return RunMatrices(
      globals, options, /*note=*/"",
      [&](Client& client, const std::string& measure, const MatrixProgressCallback& progress) {
        return client.CompareSnapshots(snapshots->front(), snapshots->back(), measure, progress);
      });
}

absl::Status RunNetworks(const GlobalOptions& globals, const CompareOptions& options) {
  const absl::StatusOr<std::vector<std::string>> snapshots =
      ParseSnapshots(globals, options.targets);
  if (!snapshots.ok()) return snapshots.status();
  const absl::StatusOr<Fusion> fusion = ParseFusion(options.fusion);
  if (!fusion.ok()) return fusion.status();
  std::string note = absl::StrCat("layers fused by alternating diffusion, ", options.fusion.order);
  if (fusion->power != 1) absl::StrAppend(&note, ", power ", fusion->power);
  return RunMatrices(
      globals, options, note,
      [&](Client& client, const std::string& measure, const MatrixProgressCallback& progress) {
        return client.CompareNetworks(*snapshots, measure, *fusion, progress);
      });
}

}  // namespace

void AddCompareCommands(CLI::App& app, const GlobalOptions& globals, Action& action) {
  auto options = std::make_shared<CompareOptions>();

  CLI::App* compare = app.add_subcommand(
      "compare", "Compare every layer of a snapshot with every layer of another");
  compare
      ->add_option("snapshots", options->targets,
                   "Two of network@step or network@last: rows, columns")
      ->required()
      ->expected(2);
  AddCommonOptions(*compare, *options);
  compare->footer(R"(
Examples:
  gramian compare a@100 b@100                                  CKA, every layer of a with every layer of b
  gramian compare a@0 a@last -m ms-cka-t=4 -o map.svg          a figure: how far each layer has moved
  gramian compare a@100 b@100 -m cka,cka-hsic=song -o m.csv    one file per measure: m.<measure>.csv
)");
  compare->callback([&globals, &action, options] {
    action = [&globals, options] { return RunCompare(globals, *options); };
  });

  CLI::App* networks = app.add_subcommand(
      "networks", "Compare whole networks, their layers fused by alternating diffusion");
  networks
      ->add_option("snapshots", options->targets,
                   "network@step or network@last, in the order wanted")
      ->required();
  AddCommonOptions(*networks, *options);
  AddFusionOptions(*networks, options->fusion);
  networks->footer(R"(
Examples:
  gramian networks a@last b@last c@last -m ms-cka-t=4 -o networks.svg
  gramian networks a@0 a@100 a@200 -m ms-distcorr-t=4 --fusion product --power 2
)");
  networks->callback([&globals, &action, options] {
    action = [&globals, options] { return RunNetworks(globals, *options); };
  });
}

}  // namespace gramian::client::cli
