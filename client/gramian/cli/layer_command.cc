#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gramian/cli/command.h"
#include "gramian/cli/output_file.h"
#include "gramian/cli/significance_export.h"
#include "gramian/cli/text.h"
#include "gramian/client/resource_name.h"

namespace gramian::client::cli {
namespace {

struct LayerOptions {
  std::vector<std::string> layers;  // the pair, as written
  AssessmentQuery query;
  std::vector<std::string> outputs;

  bool assesses() const {
    return query.permutation_count != 0 || query.resample_count != 0 || query.split_count != 0;
  }
};

void PrintScores(const std::vector<Score>& scores) {
  using Align = Table::Align;
  Table table({Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight,
               Align::kLeft, Align::kLeft, Align::kRight});
  table.AddRow({"measure", "score", "n", "d a", "d b", "more similar", "form", "time"});
  for (const Score& score : scores) {
    table.AddRow({score.measure,
                  score.value.has_value() ? absl::StrFormat("%.6g", *score.value)
                                          : std::string(Name(score.status)),
                  absl::StrCat(score.input_count), absl::StrCat(score.feature_count_a),
                  absl::StrCat(score.feature_count_b),
                  score.larger_is_more_similar ? "larger" : "smaller",
                  std::string(Name(score.form)),
                  score.cached ? "cached" : FormatSeconds(score.compute_seconds)});
  }
  Print(table.Render());
  for (const Score& score : scores) NoteRecall(score.measure, score.recall);
}

// Biased estimators see similarity between unrelated layers when there are fewer inputs than
// features.
void WarnAboutBias(const std::vector<Score>& scores) {
  for (const Score& score : scores) {
    const int64_t features = std::max(score.feature_count_a, score.feature_count_b);
    if (score.input_count >= 2 * features || !absl::StrContains(score.measure, "gretton")) continue;
    Note(absl::StrCat("note: n = ", score.input_count, " is less than twice d = ", features, ": ",
                      score.measure, " is biased upwards; compare with cka-hsic=song"));
    return;
  }
}

template <typename Answer>
absl::Status Write(const Answer& answer, const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    const bool is_csv = absl::EndsWith(path, ".csv");
    const absl::Status status = WriteFile(path, is_csv ? ToCsv(answer) : ToJson(answer));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Assess(Client& client, const AssessmentQuery& query,
                    const std::vector<std::string>& outputs) {
  const absl::StatusOr<std::vector<Assessment>> assessments = client.AssessSimilarity(query);
  if (!assessments.ok()) return assessments.status();
  std::vector<Score> scores;
  for (const Assessment& assessment : *assessments) scores.push_back(assessment.score);
  PrintScores(scores);
  Print(absl::StrCat("\n", RenderAssessments(*assessments, query)));
  WarnAboutBias(scores);
  return Write(*assessments, outputs);
}

absl::Status RunLayer(const GlobalOptions& globals, const LayerOptions& options) {
  AssessmentQuery query = options.query;
  const absl::StatusOr<std::string> a = ParseLayer(globals.project, options.layers.front());
  if (!a.ok()) return a.status();
  const absl::StatusOr<std::string> b = ParseLayer(globals.project, options.layers.back());
  if (!b.ok()) return b.status();
  query.layer_a = *a;
  query.layer_b = *b;
  const absl::Status status = CheckOutputs(globals, options.outputs, {".csv", ".json"});
  if (!status.ok()) return status;
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  if (options.assesses()) return Assess(**client, query, options.outputs);
  const absl::StatusOr<std::vector<Score>> scores =
      (*client)->CompareLayers(*a, *b, query.measures);
  if (!scores.ok()) return scores.status();
  PrintScores(*scores);
  WarnAboutBias(*scores);
  return Write(*scores, options.outputs);
}

}  // namespace

void AddLayerCommand(CLI::App& app, const GlobalOptions& globals, Action& action) {
  auto options = std::make_shared<LayerOptions>();
  AssessmentQuery& query = options->query;
  CLI::App* command =
      app.add_subcommand("layer", "Compare one pair of layers with several measures");
  command->add_option("layers", options->layers, "Two of network@step/layer")
      ->required()
      ->expected(2);
  command
      ->add_option("-m,--measure", query.measures,
                   "Measures, e.g. cka, ms-cka-t=4, distcorr; `gramian measures` lists them")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("-o,--output", options->outputs,
                      "Also write .csv or .json; may be given several times");
  command->add_option("--permutations", query.permutation_count,
                      "Also the score's place among so many permutations of the inputs: p, z");
  command->add_option("--level", query.level, "Of the threshold that permutations give")
      ->capture_default_str();
  command->add_option("--bootstrap", query.resample_count,
                      "Also an interval from so many bootstrap samples of the inputs");
  command->add_option("--confidence", query.confidence, "Of the bootstrap interval")
      ->capture_default_str();
  command->add_option("--halves", query.split_count,
                      "Also how well halves of the inputs agree, in so many random splits");
  command->add_option("--seed", query.seed, "The same seed gives the same answer")
      ->capture_default_str();
  command->footer(R"(
Examples:
  gramian layer a@100/relu1 b@100/relu1 -m cka,cka-hsic=song,distcorr,ms-cka-t=4
  gramian layer a@last/encoder/0:relu b@last/encoder/0:relu -o scores.json
  gramian layer a@100/relu1 b@100/relu1 --permutations 1000 --bootstrap 1000 --seed 1
)");
  command->callback([&globals, &action, options] {
    action = [&globals, options] { return RunLayer(globals, *options); };
  });
}

}  // namespace gramian::client::cli
