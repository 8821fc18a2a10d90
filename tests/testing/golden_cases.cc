#include "tests/testing/golden_cases.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/golden_names.h"
#include "tests/testing/npy_file.h"

namespace gramian::testing {
namespace {

using nlohmann::json;

json ReadJson(const std::string& path) {
  std::ifstream file(path);
  return json::parse(file);
}

std::string Path(const std::string& folder, const std::string& file) {
  return absl::StrCat(GRAMIAN_GOLDEN_DIR, "/", folder, "/", file);
}

// Nothing for a golden measure (or parameters) that this build does not have.
std::optional<Question> Translate(const std::string& measure, const json& params, double n) {
  for (const auto family : {TranslateAlignment, TranslatePaths}) {
    if (std::optional<Question> question = family(measure, params, n)) return question;
  }
  for (const auto family :
       {TranslateShape, TranslateRsa, TranslateNeighbors, TranslateStatistics}) {
    if (std::optional<Question> question = family(measure, params)) return question;
  }
  return std::nullopt;
}

// Why a correct score differs from this one record; empty if it does not.
std::string ExcuseOf(const json& record) {
  for (const auto family :
       {ExcuseAlignment, ExcusePaths, ExcuseShape, ExcuseRsa, ExcuseNeighbors}) {
    if (std::string excuse = family(record); !excuse.empty()) return excuse;
  }
  return "";
}

// A record's parameters and where it comes from.
json ParamsOf(const json& record) {
  json params = record.at("params");
  params["library"] = record.at("source").at("library");
  return params;
}

// The absolute tolerance of a record for `expected`; 1e-9 and 1e-10 where it states none.
double ToleranceOf(const json& record, double expected) {
  const json& tolerance = record.at("tolerance");
  const bool is_stated = tolerance.contains("abs") || tolerance.contains("rel");
  return std::max(tolerance.value("abs", is_stated ? 0.0 : 1.0e-10),
                  tolerance.value("rel", is_stated ? 0.0 : 1.0e-9) * std::abs(expected));
}

// Adds a score that `record` asks, to be met or excused; false if it holds no number and no excuse.
bool AddAsked(const json& record, const Question& question, GoldenScore score, GoldenSet& set) {
  score.measure = question.measure;
  score.scale = question.scale;
  score.offset = question.offset;
  score.excuse = question.excuse.empty() ? ExcuseOf(record) : question.excuse;
  const json& value = record.at("value");
  // Of repeated runs of a stochastic estimate.
  const bool is_estimate = value.is_object() && value.contains("std");
  score.has_value = value.is_number() || is_estimate;
  if (is_estimate) {
    score.expected = value.at("mean");
    score.tolerance = 3.0 * value.at("std").get<double>();
  } else if (score.has_value) {
    score.expected = value;
    score.tolerance = ToleranceOf(record, score.expected);
  } else if (score.excuse.empty()) {
    return false;
  }
  (score.excuse.empty() ? set.scores : set.excused).push_back(std::move(score));
  return true;
}

// "net1" or "net1[:3]" as its layers.
std::vector<std::string> LayersOf(const std::string& network) {
  const int depth = absl::EndsWith(network, "[:3]") ? 3 : 4;
  std::vector<std::string> layers;
  for (int layer = 1; layer <= depth; ++layer) {
    layers.push_back(absl::StrCat(network.substr(0, 4), "_layer", layer));
  }
  return layers;
}

// Fused measures. The library's distance operator is -HDH, positive; the golden one is HDH, so that
// a product of L layers carries (-1)^L and its t-th power (-1)^(tL).
Question TranslateFused(const std::string& measure, const json& params, GoldenScore& score) {
  const std::string mode = params.at("mode");
  score.fusion.order = mode == "product" ? FusionOrder::kProduct
                       : mode == "sym"   ? FusionOrder::kSymmetrized
                                         : FusionOrder::kReversed;
  const std::string t = NumberIn(params, "t");
  if (measure == "fused_distcorr_form") return {absl::StrCat("ms-distcorr-t=", t)};
  if (params.at("rsm") == "gram") return {absl::StrCat("ms-cka-t=", t)};
  // Without the root: the cosine itself at fusion power t.
  score.fusion.power = params.at("t").get<double>();
  Question question{"distcorr-form=squared"};
  const auto sign_exponent = static_cast<int64_t>(score.fusion.power) *
                             static_cast<int64_t>(score.x.size() + score.y.size());
  if (mode == "product" && sign_exponent % 2 != 0) question.scale = -1.0;
  return question;
}

void AddOperator(const json& record, GoldenSet& set) {
  GoldenOperator golden;
  golden.id = record.at("id");
  golden.rsm = record.at("params").at("rsm");
  golden.x = record.at("x");
  golden.absolute = record.at("tolerance").value("abs", 0.0);
  golden.relative = record.at("tolerance").value("rel", 0.0);
  for (const auto& [key, value] : record.at("value").items()) {
    if (value.is_number()) golden.values[key] = value;
  }
  golden.top_eigenvalues = record.at("value").at("top5_eigenvalues_S").get<std::vector<double>>();
  set.operators.push_back(std::move(golden));
}

void AddSpectra(const json& record, GoldenSet& set) {
  for (const auto& [rsm, value] : record.at("value").items()) {
    set.spectra.push_back({record.at("id"), rsm, LayersOf(record.at("x")),
                           value.at("relative_eigenvalues_of_M_Mt_top6").get<std::vector<double>>(),
                           record.at("tolerance").value("abs", 0.0),
                           record.at("tolerance").value("rel", 0.0)});
  }
}

void AddScore(const json& record, double n, GoldenSet& set) {
  const std::string measure = record.at("measure");
  const json& params = record.at("params");
  GoldenScore score;
  score.id = record.at("id");
  score.golden_measure = measure;
  std::optional<Question> question;
  if (absl::StartsWith(measure, "fused_")) {
    score.is_network = true;
    score.x = LayersOf(record.at("x"));
    score.y = LayersOf(record.at("y"));
    question = TranslateFused(measure, params, score);
  } else {
    question = Translate(measure, ParamsOf(record), n);
    if (question.has_value() && !question->measure.empty()) {
      score.x = {record.at("x").get<std::string>()};
      score.y = {record.at("y").get<std::string>()};
    }
  }
  if (!question.has_value()) {
    ++set.other_measures[measure];
    return;
  }
  if (!AddAsked(record, *question, score, set)) set.without_value[score.id] = record.dump();
}

// Whether it is a list about a pair of layers.
bool AddList(const json& record, GoldenSet& set) {
  const std::string measure = record.at("measure");
  if (measure != "rank_centred" && measure != "svcca_kept_components" &&
      measure != "cca_coefficients") {
    return false;
  }
  if (!record.at("value").is_array()) return false;
  GoldenList list;
  list.id = record.at("id");
  list.measure = measure;
  list.variance = record.at("params").value("variance", 0.0);
  list.x = record.at("x");
  list.y = record.at("y");
  list.values = record.at("value").get<std::vector<double>>();
  list.tolerance = ToleranceOf(record, 1.0);
  set.lists.push_back(std::move(list));
  return true;
}

}  // namespace

GoldenSet LoadGolden(const std::string& folder) {
  const json file = ReadJson(Path(folder, "expected.json"));
  const double n = folder == "small" ? 50.0 : 500.0;
  GoldenSet set;
  for (const json& record : file.at("values")) {
    ++set.record_count;
    const std::string measure = record.at("measure");
    if (measure == "markov_operator") {
      AddOperator(record, set);
    } else if (measure == "fused_spectrum") {
      AddSpectra(record, set);
    } else if (std::optional<GoldenGeometry> geometry = ReadGoldenGeometry(record)) {
      set.geometry.push_back(*std::move(geometry));
    } else if (!AddList(record, set)) {
      AddScore(record, n, set);
    }
  }
  return set;
}

namespace {

// What a matrix of a file holds, as the record of a cell without its layers and value.
json MatrixRecord(const json& root, const std::string& name) {
  json record = {{"measure", name}, {"params", json::object()}, {"source", {{"library", ""}}}};
  if (root.at("source").is_object()) record["source"] = root.at("source");
  if (const size_t t = name.rfind("_t"); absl::StartsWith(name, "ms_") && t != std::string::npos) {
    record["measure"] = name.substr(0, t);
    record["params"]["t"] = std::stod(name.substr(t + 2));
  }
  if (name == "cka_rbf_0_4") {
    record["measure"] = "cka_rbf";
    record["params"]["sigma_fraction_of_median"] = 0.4;
  }
  if (name == "gulp") record["params"]["lambda"] = 0;
  if (name == "svcca_mean_rho") record["params"]["variance"] = 0.99;
  if (name == "shape_angular" || name == "procrustes_size_and_shape") record["params"]["alpha"] = 1;
  return record;
}

}  // namespace

GoldenSet LoadGoldenMatrices(const std::string& file) {
  const json root = ReadJson(Path("digits", file));
  const auto layers = root.at("layers").get<std::vector<std::string>>();
  GoldenSet set;
  for (const auto& [name, matrix] : root.at("matrices").items()) {
    json record = MatrixRecord(root, name);
    set.record_count += static_cast<int>(layers.size() * layers.size());
    const std::optional<Question> question =
        Translate(record.at("measure"), ParamsOf(record), 500.0);
    if (!question.has_value()) {
      set.other_measures[name] += static_cast<int>(layers.size() * layers.size());
      continue;
    }
    for (size_t i = 0; i < layers.size(); ++i) {
      for (size_t j = 0; j < layers.size(); ++j) {
        record["x"] = layers[i];
        record["y"] = layers[j];
        record["value"] = matrix[i][j];
        // The files hold 12 decimals; roots and arccos of rounding are 2e-6 at most.
        record["tolerance"] = {{"rel", 1.0e-9}, {"abs", i == j ? 2.0e-6 : 0.5e-12}};
        GoldenScore score;
        score.id = absl::StrCat(file, "/", name, "[", i, ",", j, "]");
        score.golden_measure = name;
        score.x = {layers[i]};
        score.y = {layers[j]};
        if (!AddAsked(record, *question, score, set)) set.without_value[score.id] = record.dump();
      }
    }
  }
  return set;
}

MatrixF LoadGoldenLayer(const std::string& folder, const std::string& layer) {
  return ReadNpy(Path(folder, layer + ".npy"));
}

}  // namespace gramian::testing
