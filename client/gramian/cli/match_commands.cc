#include <map>

#include "absl/strings/str_cat.h"
#include "gramian/cli/command.h"
#include "gramian/cli/match_export.h"
#include "gramian/cli/output_file.h"
#include "gramian/client/resource_name.h"

namespace gramian::client::cli {
namespace {

constexpr char kMeasureHelp[] =
    "A measure, e.g. cka, ms-cka-t=4, distcorr; `gramian measures` lists them";

const std::map<std::string, MatchMethod> kMethods = {{"argmax", MatchMethod::kArgmax},
                                                     {"hungarian", MatchMethod::kHungarian},
                                                     {"monotone", MatchMethod::kMonotone}};
const std::map<std::string, MatchTruth> kTruths = {{"none", MatchTruth::kUnknown},
                                                   {"order", MatchTruth::kSameOrder},
                                                   {"name", MatchTruth::kSameName}};
const std::map<std::string, NetworkRule> kRules = {{"fused", NetworkRule::kFused},
                                                   {"matched", NetworkRule::kMatched},
                                                   {"best", NetworkRule::kBest}};
const std::map<std::string, LinkageMethod> kLinkages = {{"average", LinkageMethod::kAverage},
                                                        {"complete", LinkageMethod::kComplete}};

struct Options {
  std::vector<std::string> snapshots;
  std::string measure = "cka";
  std::vector<std::string> outputs;
  std::string method = "argmax";
  std::string truth = "none";
  std::string rule = "fused";
  std::string linkage = "average";
  FusionOptions fusion;
  int count = 10;
  int dimensions = 2;
};

void AddRuleOptions(CLI::App& command, Options& options) {
  command
      .add_option("--rule", options.rule,
                  "Score of two networks: of their layers fused by alternating diffusion, the mean "
                  "of layers matched one-to-one, or that of the best pair")
      ->check(CLI::IsMember(kRules))
      ->capture_default_str();
  AddFusionOptions(command, options.fusion);
}

template <typename Report>
absl::Status Write(const Report& report, const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    const absl::Status status =
        WriteFile(path, Extension(path) == ".csv" ? ToCsv(report) : ToJson(report));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Write(const EmbedReport& report, const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    const absl::string_view extension = Extension(path);
    const absl::Status status = WriteFile(path, extension == ".svg"   ? RenderSvg(report)
                                                : extension == ".csv" ? ToCsv(report)
                                                                      : ToJson(report));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ParseSnapshots(const GlobalOptions& globals,
                                                        const Options& options) {
  std::vector<std::string> names;
  for (const std::string& text : options.snapshots) {
    absl::StatusOr<std::string> name = ParseSnapshot(globals.project, text);
    if (!name.ok()) return name.status();
    names.push_back(*std::move(name));
  }
  return names;
}

// Connects, asks with `ask`, prints and writes the answer.
template <typename Ask>
absl::Status Run(const GlobalOptions& globals, const Options& options,
                 const std::vector<std::string>& extensions, const Ask& ask) {
  const absl::StatusOr<std::vector<std::string>> snapshots = ParseSnapshots(globals, options);
  if (!snapshots.ok()) return snapshots.status();
  const absl::StatusOr<Fusion> fusion = ParseFusion(options.fusion);
  if (!fusion.ok()) return fusion.status();
  const absl::Status status = CheckOutputs(globals, options.outputs, extensions);
  if (!status.ok()) return status;
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const auto report = ask(**client, *snapshots, *fusion);
  if (!report.ok()) return report.status();
  Print(Render(*report));
  return Write(*report, options.outputs);
}

absl::Status RunMatch(const GlobalOptions& globals, const Options& options) {
  return Run(globals, options, {".csv", ".json"},
             [&](Client& client, const std::vector<std::string>& snapshots, const Fusion&) {
               MatchQuery query;
               query.snapshot_a = snapshots.front();
               query.snapshot_b = snapshots.back();
               query.measure = options.measure;
               query.method = kMethods.at(options.method);
               query.truth = kTruths.at(options.truth);
               return client.MatchLayers(query);
             });
}

absl::Status RunSearch(const GlobalOptions& globals, const Options& options) {
  return Run(globals, options, {".csv", ".json"},
             [&](Client& client, const std::vector<std::string>& snapshots, const Fusion& fusion) {
               SearchQuery query;
               query.snapshot = snapshots.front();
               query.candidates.assign(snapshots.begin() + 1, snapshots.end());
               query.measure = options.measure;
               query.rule = kRules.at(options.rule);
               query.fusion = fusion;
               query.count = options.count;
               return client.SearchNetworks(query);
             });
}

absl::Status RunEmbed(const GlobalOptions& globals, const Options& options) {
  return Run(globals, options, {".csv", ".json", ".svg"},
             [&](Client& client, const std::vector<std::string>& snapshots, const Fusion& fusion) {
               EmbedQuery query;
               query.snapshots = snapshots;
               query.measure = options.measure;
               query.rule = kRules.at(options.rule);
               query.fusion = fusion;
               query.dimension_count = options.dimensions;
               query.linkage = kLinkages.at(options.linkage);
               return client.EmbedNetworks(query);
             });
}

void AddMatch(CLI::App& app, const GlobalOptions& globals, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("match", "Find for each layer of a network its counterpart in another");
  command->add_option("snapshots", options->snapshots, "Two of network@step or network@last")
      ->required()
      ->expected(2);
  command->add_option("-m,--measure", options->measure, kMeasureHelp)->capture_default_str();
  command
      ->add_option("--method", options->method,
                   "The most similar layer, one-to-one, or never going back in order")
      ->check(CLI::IsMember(kMethods))
      ->capture_default_str();
  command
      ->add_option("--truth", options->truth,
                   "What is right, for the accuracy: the layer at the same place, or of that name")
      ->check(CLI::IsMember(kTruths))
      ->capture_default_str();
  command->add_option("-o,--output", options->outputs,
                      "Also write .csv or .json; may be given several times");
  command->footer(R"(
Examples:
  gramian match a@100 b@100 --truth order
  gramian match a@last b@last -m cka-hsic=song --method hungarian -o match.csv
)");
  command->callback([&globals, &action, options] {
    action = [&globals, options] { return RunMatch(globals, *options); };
  });
}

void AddSearch(CLI::App& app, const GlobalOptions& globals, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("search", "Find the networks most similar to one");
  command
      ->add_option("snapshots", options->snapshots,
                   "network@step, then those to look among (default: the newest snapshot of every "
                   "other network that saw the same inputs)")
      ->required();
  command->add_option("-m,--measure", options->measure, kMeasureHelp)->capture_default_str();
  AddRuleOptions(*command, *options);
  command->add_option("-k,--count", options->count, "At most so many")->capture_default_str();
  command->add_option("-o,--output", options->outputs,
                      "Also write .csv or .json; may be given several times");
  command->footer(R"(
Examples:
  gramian search a@last -k 5
  gramian search a@last b@last c@last -m procrustes --rule matched -o nearest.json
)");
  command->callback([&globals, &action, options] {
    action = [&globals, options] { return RunSearch(globals, *options); };
  });
}

void AddEmbed(CLI::App& app, const GlobalOptions& globals, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "embed", "Show networks together: a picture by multidimensional scaling and a tree");
  command->add_option("snapshots", options->snapshots, "network@step or network@last")->required();
  command->add_option("-m,--measure", options->measure, kMeasureHelp)->capture_default_str();
  AddRuleOptions(*command, *options);
  command
      ->add_option("--linkage", options->linkage,
                   "Distance of two clusters: the mean or the largest of their networks")
      ->check(CLI::IsMember(kLinkages))
      ->capture_default_str();
  command->add_option("--dimensions", options->dimensions, "Of the picture")->capture_default_str();
  command->add_option("-o,--output", options->outputs,
                      "Also write .csv, .json or .svg (a figure); may be given several times");
  command->footer(R"(
A line of the tree is the distance at which the clusters in brackets become one.
Examples:
  gramian embed a@last b@last c@last -m ms-cka-t=4 -o networks.svg
  gramian embed a@0 a@50 a@100 b@100 --rule matched --linkage complete
)");
  command->callback([&globals, &action, options] {
    action = [&globals, options] { return RunEmbed(globals, *options); };
  });
}

}  // namespace

void AddMatchCommands(CLI::App& app, const GlobalOptions& globals, Action& action) {
  AddMatch(app, globals, action);
  AddSearch(app, globals, action);
  AddEmbed(app, globals, action);
}

}  // namespace gramian::client::cli
