#include "gramian/cli/tangent_export.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gramian/cli/npy.h"
#include "gramian/cli/text.h"

namespace gramian::client::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string CsvValue(const std::optional<double>& value) {
  return value.has_value() ? FormatExact(*value) : "";
}

Json JsonValue(const std::optional<double>& value) {
  return value.has_value() ? Json(*value) : Json(nullptr);
}

Json ToJson(const TangentPoint& point) {
  Json json;
  json["spectral_ratio"] = point.spectral_ratio;
  json["log_scale"] = JsonValue(point.log_scale);
  json["shape"] = JsonValue(point.shape);
  json["airm"] = JsonValue(point.airm);
  json["joint_rank"] = point.joint_rank;
  json["rank_mismatch"] = point.rank_mismatch;
  return json;
}

}  // namespace

std::string RenderTangents(const TangentReport& report) {
  using Align = Table::Align;
  const auto number = [](double value) { return absl::StrFormat("%.4f", value); };
  // Means over no input say nothing.
  const auto mean = [&](double value) {
    return report.compared_count > 0 ? number(value) : std::string("-");
  };
  Table table({Align::kLeft, Align::kRight});
  table.AddRow({"similarity", number(report.similarity)});
  table.AddRow(
      {"distance", absl::StrCat(number(report.distance), " +- ", number(report.standard_error))});
  table.AddRow({"log scale", mean(report.log_scale_mean)});
  table.AddRow({"shape distance", mean(report.shape_mean)});
  table.AddRow({"AIRM", mean(report.airm_mean)});
  std::string text = absl::StrCat(report.input_count, " inputs, ", report.coordinate_count,
                                  report.coordinate_count == 1 ? " coordinate" : " coordinates",
                                  "\n", table.Render());
  const auto count = [&](int64_t inputs, const char* what) {
    if (inputs > 0) absl::StrAppend(&text, inputs, " inputs: ", what, "\n");
  };
  count(report.rank_mismatch_count,
        "one layer sees directions that the other does not; their ratio is 1");
  count(report.degenerate_count - report.vanishing_count,
        "both layers are blind in some direction; the others are compared");
  count(report.vanishing_count, "neither layer changes at all; their ratio is 0");
  if (report.coordinate_count == 1) {
    absl::StrAppend(&text, "With 1 coordinate the distance is 0 whatever the layers are.\n");
  }
  return text;
}

std::string ToCsv(const TangentReport& report) {
  std::string csv = "input,spectral_ratio,log_scale,shape,airm,joint_rank,rank_mismatch\n";
  for (size_t i = 0; i < report.field.size(); ++i) {
    const TangentPoint& point = report.field[i];
    absl::StrAppend(&csv, i, ",", FormatExact(point.spectral_ratio), ",", CsvValue(point.log_scale),
                    ",", CsvValue(point.shape), ",", CsvValue(point.airm), ",", point.joint_rank,
                    ",", point.rank_mismatch ? "true" : "false", "\n");
  }
  return csv;
}

std::string ToJson(const TangentReport& report) {
  Json json;
  json["input_count"] = report.input_count;
  json["coordinate_count"] = report.coordinate_count;
  json["distance"] = report.distance;
  json["similarity"] = report.similarity;
  json["standard_error"] = report.standard_error;
  const bool has_means = report.compared_count > 0;
  json["log_scale_mean"] = has_means ? Json(report.log_scale_mean) : Json(nullptr);
  json["shape_mean"] = has_means ? Json(report.shape_mean) : Json(nullptr);
  json["airm_mean"] = has_means ? Json(report.airm_mean) : Json(nullptr);
  json["compared_count"] = report.compared_count;
  json["compared_weight"] = report.compared_weight;
  json["degenerate_count"] = report.degenerate_count;
  json["rank_mismatch_count"] = report.rank_mismatch_count;
  json["vanishing_count"] = report.vanishing_count;
  json["field"] = Json::array();
  for (const TangentPoint& point : report.field) json["field"].push_back(ToJson(point));
  return json.dump(2) + "\n";
}

std::string ToNpy(const TangentReport& report) {
  std::vector<double> ratios;
  for (const TangentPoint& point : report.field) ratios.push_back(point.spectral_ratio);
  const int64_t shape[] = {static_cast<int64_t>(ratios.size())};
  return EncodeNpy(ratios, shape);
}

}  // namespace gramian::client::cli
