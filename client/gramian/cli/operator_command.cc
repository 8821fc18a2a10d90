#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "gramian/cli/command.h"
#include "gramian/cli/output_file.h"
#include "gramian/cli/text.h"
#include "gramian/client/resource_name.h"

namespace gramian::client::cli {
namespace {

constexpr int64_t kShownRows = 20;
constexpr int64_t kShownColumns = 8;

struct OperatorOptions {
  std::string source;
  bool spectrum = false;
  bool coordinates = false;
  std::string rows;
  int64_t count = 0;
  double time = 1;
  std::string kernel;
  FusionOptions fusion;
  std::vector<std::string> outputs;
};

// "first:count", or a single row.
absl::Status ParseRows(absl::string_view text, OperatorQuery& query) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  query.count = 1;
  const bool is_valid =
      parts.size() <= 2 && absl::SimpleAtoi(parts[0], &query.first_row) && query.first_row >= 0 &&
      (parts.size() == 1 || (absl::SimpleAtoi(parts[1], &query.count) && query.count > 0));
  if (is_valid) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--rows ", text, ": write FIRST or FIRST:COUNT, e.g. --rows 0:10"));
}

absl::StatusOr<OperatorQuery> MakeQuery(const GlobalOptions& globals,
                                        const OperatorOptions& options) {
  OperatorQuery query;
  const bool is_layer = absl::StrContains(options.source, '/');
  absl::StatusOr<std::string> source = is_layer ? ParseLayer(globals.project, options.source)
                                                : ParseSnapshot(globals.project, options.source);
  if (!source.ok()) return source.status();
  query.source = *std::move(source);
  absl::StatusOr<Fusion> fusion = ParseFusion(options.fusion);
  if (!fusion.ok()) return fusion.status();
  query.fusion = *std::move(fusion);
  query.kernel = options.kernel;
  query.count = options.count;
  query.time = options.time;
  if (options.coordinates) query.kind = OperatorQuery::Kind::kCoordinates;
  if (!options.rows.empty()) {
    query.kind = OperatorQuery::Kind::kMarkovRows;
    if (absl::Status status = ParseRows(options.rows, query); !status.ok()) return status;
  }
  return query;
}

// The upper left corner, and how much more there is.
void PrintView(const OperatorView& view, int64_t first_row) {
  const int64_t rows = std::min(view.row_count, kShownRows);
  const int64_t columns = std::min(view.column_count, kShownColumns);
  Table table(std::vector<Table::Align>(static_cast<size_t>(columns) + 1, Table::Align::kRight));
  for (int64_t i = 0; i < rows; ++i) {
    std::vector<std::string> row = {absl::StrCat(first_row + i)};
    for (int64_t j = 0; j < columns; ++j) {
      row.push_back(
          absl::StrFormat("%.6g", view.values[static_cast<size_t>(i * view.column_count + j)]));
    }
    table.AddRow(std::move(row));
  }
  Print(table.Render());
  if (rows < view.row_count || columns < view.column_count) {
    Note(absl::StrCat("shown: ", rows, " x ", columns, " of ", view.row_count, " x ",
                      view.column_count, "; --output FILE.npy writes all of it"));
  }
}

absl::Status RunOperator(const GlobalOptions& globals, const OperatorOptions& options) {
  const absl::StatusOr<OperatorQuery> query = MakeQuery(globals, options);
  if (!query.ok()) return query.status();
  absl::Status status = CheckOutputs(globals, options.outputs, {".csv", ".json", ".npy"});
  if (!status.ok()) return status;
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<OperatorView> view = (*client)->GetOperator(*query);
  if (!view.ok()) return view.status();
  PrintView(*view, query->first_row);
  for (const std::string& path : options.outputs) {
    const bool is_csv = absl::EndsWith(path, ".csv");
    const bool is_json = absl::EndsWith(path, ".json");
    status = WriteFile(path, is_csv ? ToCsv(*view) : is_json ? ToJson(*view) : ToNpy(*view));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

void AddOperatorCommand(CLI::App& app, const GlobalOptions& globals, Action& action) {
  CLI::App* command = app.add_subcommand(
      "operator", "Look at the Markov operator of a layer, or of a network's fused layers");
  auto options = std::make_shared<OperatorOptions>();
  command->add_option("source", options->source, "network@step, or network@step/layer")->required();
  CLI::Option* spectrum = command->add_flag("--spectrum", options->spectrum,
                                            "Its eigenvalues, largest first (the default)");
  CLI::Option* coordinates = command->add_flag("--coordinates", options->coordinates,
                                               "Diffusion coordinates of the inputs");
  CLI::Option* rows = command->add_option("--rows", options->rows,
                                          "Rows of the Markov matrix: FIRST or FIRST:COUNT");
  spectrum->excludes(coordinates)->excludes(rows);
  coordinates->excludes(rows);
  command->add_option("--count", options->count,
                      "At most so many eigenvalues or coordinates (default: all)");
  command->add_option("--time", options->time, "Diffusion time of the coordinates")
      ->capture_default_str();
  command->add_option("--kernel", options->kernel,
                      "linear (default), cosine, rbf-bandwidth=median:1, ...");
  AddFusionOptions(*command, options->fusion);
  command->add_option("-o,--output", options->outputs, "Also write .csv, .json or .npy");
  command->footer(R"(
Examples:
  gramian operator a@last --spectrum --count 10
  gramian operator a@last/relu3 --coordinates --time 4 --count 2 -o map.npy
  gramian operator a@last/relu3 --rows 0:10
)");
  command->callback([&globals, &action, options] {
    action = [&globals, options] { return RunOperator(globals, *options); };
  });
}

}  // namespace gramian::client::cli
