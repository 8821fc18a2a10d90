// accuracy: how often logits are right about labels, and by how much two layers differ in that.
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gramian/cli/command.h"
#include "gramian/cli/text.h"
#include "gramian/client/resource_name.h"

namespace gramian::client::cli {
namespace {

using Align = Table::Align;

struct AccuracyOptions {
  std::string layer_a;
  std::string layer_b;  // may be empty
  std::string labels;
};

// The share of inputs whose largest logit is that of their label.
absl::StatusOr<double> AccuracyOf(const GlobalOptions& globals, Client& client,
                                  const std::string& logits, const std::string& labels) {
  const absl::StatusOr<std::string> layer = ParseLayer(globals.project, logits);
  if (!layer.ok()) return layer.status();
  const absl::StatusOr<std::string> truth = ParseLayer(globals.project, labels);
  if (!truth.ok()) return truth.status();
  const absl::StatusOr<std::vector<Score>> scores =
      client.CompareLayers(*layer, *truth, {"disagreement"});
  if (!scores.ok()) return scores.status();
  const Score& score = scores->front();
  if (!score.value.has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat(logits, " and ", labels, " have no disagreement: ", Name(score.status)));
  }
  return 1.0 - *score.value;
}

absl::Status ShowAccuracy(const GlobalOptions& globals, const AccuracyOptions& options) {
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  Table table({Align::kLeft, Align::kRight});
  std::vector<double> accuracies;
  for (const std::string& layer : {options.layer_a, options.layer_b}) {
    if (layer.empty()) continue;
    const absl::StatusOr<double> accuracy = AccuracyOf(globals, **client, layer, options.labels);
    if (!accuracy.ok()) return accuracy.status();
    accuracies.push_back(*accuracy);
    table.AddRow({layer, absl::StrFormat("%.4f", *accuracy)});
  }
  if (accuracies.size() == 2) {
    table.AddRow(
        {"accuracy difference", absl::StrFormat("%.4f", std::abs(accuracies[0] - accuracies[1]))});
  }
  Print(table.Render());
  return absl::OkStatus();
}

}  // namespace

void AddAccuracyCommand(CLI::App& app, const GlobalOptions& globals, Action& action) {
  CLI::App* command = app.add_subcommand(
      "accuracy", "Show the accuracy of one or two layers of logits, and the difference");
  auto options = std::make_shared<AccuracyOptions>();
  command->add_option("layer_a", options->layer_a, "network@step/layer with logits")->required();
  command->add_option("layer_b", options->layer_b, "another one");
  command
      ->add_option("--labels", options->labels,
                   "network@step/layer with the labels of the same inputs, one-hot")
      ->required();
  command->footer(R"(
Example:
  gramian accuracy net0@100/logits net1@100/logits --labels data@0/onehot
)");
  command->callback([&globals, &action, options] {
    action = [&globals, options] { return ShowAccuracy(globals, *options); };
  });
}

}  // namespace gramian::client::cli
