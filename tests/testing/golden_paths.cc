#include "tests/testing/golden_paths.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/golden_names.h"

namespace gramian::testing {
namespace {

using nlohmann::json;

// exp(-d^2 / l^2) with l the lower median of d.
const KernelSpec kSqExp = {KernelKind::kRbf, BandwidthRule::kLowerMedian, std::sqrt(0.5)};

// Its golden values have lost half of their digits: docs/measures.md says why.
constexpr char kStressLaplace[] = "stress_laplace";
constexpr char kLostDigits[] =
    "The library takes the k_ii = exp(-d_ii / l) of an input with itself from a rounded d_ii.";

Matrix ToMatrix(const json& rows) {
  Matrix matrix(rows.size(), rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t j = 0; j < rows.size(); ++j) {
      matrix(static_cast<Index>(i), static_cast<Index>(j)) = rows[i][j];
    }
  }
  return matrix;
}

void ReadValue(const std::string& name, const json& value, GoldenGeometry& golden) {
  if (value.is_number()) golden.numbers[name] = value;
  if (!value.is_array() || value.empty()) return;
  if (value[0].is_number()) golden.lists[name] = value.get<std::vector<double>>();
  if (value[0].is_array()) golden.matrices[name] = ToMatrix(value);
  if (value[0].is_object()) {
    for (const json& projection : value) {
      golden.lists["frac"].push_back(projection.at("frac").get<double>());
      golden.lists["d_perp"].push_back(projection.at("d_perp").get<double>());
    }
  }
}

void ReadPoints(const json& record, GoldenGeometry& golden) {
  if (record.at("value").is_object() && record.at("value").contains("points")) {
    golden.points = record.at("value").at("points").get<std::vector<std::string>>();
    return;
  }
  golden.points = {record.at("x").get<std::string>()};
  const json& y = record.at("y");
  if (y.is_string()) golden.points.push_back(y.get<std::string>());
  if (!y.is_array()) return;
  for (const json& point : y) golden.points.push_back(point.get<std::string>());
}

}  // namespace

double GoldenGeometry::Tolerance(double expected) const {
  return std::max(absolute, relative * std::abs(expected));
}

std::optional<GoldenSpace> FindGoldenSpace(const std::string& golden_measure, const json& params) {
  const auto cka = [](const KernelSpec& kernel, bool zero_diagonal) {
    return GoldenSpace{absl::StrCat("cka-kernel=", kernel.ToString(),
                                    "-hsic=", zero_diagonal ? "lange" : "gretton"),
                       PlainSpace{true, kernel, zero_diagonal, false}};
  };
  const auto stress = [](const KernelSpec& kernel, bool rescaled) {
    return GoldenSpace{
        absl::StrCat("stress-kernel=", kernel.ToString(), rescaled ? "-rescale=median" : ""),
        PlainSpace{false, kernel, false, rescaled}};
  };
  const auto affine = [&params](const std::string& of, const KernelSpec& kernel) {
    return GoldenSpace{absl::StrCat("airm-of=", of, "-ridge=", NumberIn(params, "eps")),
                       PlainAffineSpace{of == "covariance", kernel, params.at("eps").get<double>(),
                                        params.value("p", Index{0})}};
  };
  if (golden_measure == "airm_gram_linear") return affine("gram-kernel=linear", {});
  if (golden_measure == "airm_gram_sqexp") {
    return affine(absl::StrCat("gram-kernel=", kSqExp.ToString()), kSqExp);
  }
  if (golden_measure == "airm_cov") return affine("covariance", {});
  if (golden_measure == "shape_angular_repsim" || golden_measure == "shape_euclidean_repsim") {
    return GoldenSpace{TranslateShape(golden_measure, params)->measure, {}};
  }
  if (golden_measure == "angular_cka_linear") return cka({}, false);
  if (golden_measure == "angular_cka_linear_lange") return cka({}, true);
  if (golden_measure == "angular_cka_sqexp") return cka(kSqExp, false);
  if (golden_measure == "angular_cka_sqexp_lange") return cka(kSqExp, true);
  if (golden_measure == "stress_linear") return stress({}, false);
  if (golden_measure == "stress_linear_rescaled") return stress({}, true);
  if (golden_measure == "stress_sqexp") return stress(kSqExp, false);
  return std::nullopt;
}

std::optional<Question> TranslatePaths(const std::string& measure, const nlohmann::json& params,
                                       double /*n*/) {
  if (measure == kStressLaplace) return Question{"stress-kernel=laplacian-bandwidth=lowermedian:1"};
  if (absl::StartsWith(measure, absl::StrCat(kStressLaplace, "/")))
    return Question{.measure = "", .excuse = kLostDigits};
  const std::optional<GoldenSpace> space = FindGoldenSpace(measure, params);
  if (!space.has_value()) return std::nullopt;
  const auto* const plain = std::get_if<PlainSpace>(&space->plain);
  const bool is_sphere = plain != nullptr && plain->is_sphere;
  return Question{absl::StrCat(space->measure, is_sphere ? "-distance=angular" : "")};
}

std::string ExcusePaths(const json& record) {
  // The digits that this one has lost are those that nobody asks for.
  const bool is_met = record.at("x") == record.at("y") || record.value("id", "") == "digits-1292";
  const bool is_lost = record.at("measure") == kStressLaplace && !is_met;
  return is_lost ? kLostDigits : "";
}

std::optional<GoldenGeometry> ReadGoldenGeometry(const json& record) {
  GoldenGeometry golden;
  golden.golden_measure = record.at("measure");
  const size_t slash = golden.golden_measure.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const std::optional<GoldenSpace> space =
      FindGoldenSpace(golden.golden_measure.substr(0, slash), record.at("params"));
  if (!space.has_value()) return std::nullopt;
  golden.id = record.at("id");
  golden.quantity = golden.golden_measure.substr(slash + 1);
  golden.measure = space->measure;
  golden.plain = space->plain;
  golden.fraction = record.at("params").value("frac", 0.0);
  golden.absolute = record.at("tolerance").value("abs", 0.0);
  golden.relative = record.at("tolerance").value("rel", 0.0);
  ReadPoints(record, golden);
  if (record.at("value").is_object()) {
    for (const auto& [name, value] : record.at("value").items()) ReadValue(name, value, golden);
  } else {
    ReadValue("", record.at("value"), golden);
  }
  return golden;
}

}  // namespace gramian::testing
