#include "gramian/cli/path_export.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "gramian/cli/export.h"
#include "gramian/cli/text.h"

namespace gramian::client::cli {
namespace {

// A space as files and as sentences call it.
struct SpaceNames {
  const char* word;
  const char* place;
};

SpaceNames Names(PathSpace space) {
  switch (space) {
    case PathSpace::kEuclidean:
      return {"Euclidean", "in a Euclidean space"};
    case PathSpace::kShape:
      return {"shape", "among shapes"};
    case PathSpace::kAngularShape:
      return {"angular shape", "among shapes of unit norm"};
    case PathSpace::kPositiveDefinite:
      return {"positive definite", "among positive definite matrices"};
    default:
      return {"sphere", "on a sphere"};
  }
}

using Json = nlohmann::ordered_json;

// "-" for what an end of the path does not have, the status of what is not defined.
std::string Show(const std::optional<PathValue>& value) {
  if (!value.has_value()) return "-";
  if (!value->value.has_value()) return std::string(Name(value->status));
  return absl::StrFormat("%.3f", *value->value);
}

std::vector<std::string> ShowProjection(const std::optional<PathProjection>& projection) {
  if (!projection.has_value()) return {"-", "-"};
  if (projection->status != ScoreStatus::kOk) return {std::string(Name(projection->status)), "-"};
  return {absl::StrFormat("%.1f %%", 100 * projection->fraction),
          absl::StrFormat("%.3f", projection->distance)};
}

std::string RenderPath(const NetworkPath& path) {
  using Align = Table::Align;
  Table table({Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight,
               Align::kRight, Align::kRight});
  table.AddRow({"point", "step", "angle", "to target", "on geodesic", "away", "curvature"});
  for (const PathPoint& point : path.points) {
    const std::vector<std::string> projection = ShowProjection(point.projection);
    table.AddRow({point.label, Show(point.segment), Show(point.angle), Show(point.target_angle),
                  projection[0], projection[1], Show(point.curvature)});
  }
  return absl::StrCat(path.label, ": length ", Show(path.length), ", geodesic ",
                      Show(path.geodesic), ", slack ", Show(path.slack), "\n", table.Render());
}

std::string RenderMean(const PathMean& mean) {
  if (mean.status != ScoreStatus::kOk) {
    return absl::StrCat("Frechet mean: ", Name(mean.status), "\n");
  }
  return absl::StrCat("Frechet mean: variance ", absl::StrFormat("%.4g", mean.variance), ", ",
                      absl::StrJoin(mean.shares, ", ",
                                    [](std::string* out, double share) {
                                      absl::StrAppendFormat(out, "%.1f %%", 100 * share);
                                    }),
                      " along its principal directions\n");
}

std::string CsvValue(const std::optional<PathValue>& value) {
  return value.has_value() && value->value.has_value() ? FormatExact(*value->value) : "";
}

Json ToJson(const PathValue& value) {
  Json json;
  json["value"] = value.value.has_value() ? Json(*value.value) : Json(nullptr);
  json["status"] = std::string(Name(value.status));
  return json;
}

void Put(const char* name, const std::optional<PathValue>& value, Json& json) {
  if (value.has_value()) json[name] = ToJson(*value);
}

Json ToJson(const PathProjection& projection) {
  Json json;
  json["status"] = std::string(Name(projection.status));
  if (projection.status != ScoreStatus::kOk) return json;
  json["fraction"] = projection.fraction;
  json["distance"] = projection.distance;
  json["line_fraction"] = projection.line_fraction;
  json["line_distance"] = projection.line_distance;
  return json;
}

Json ToJson(const PathPoint& point) {
  Json json;
  json["layer"] = point.layer;
  json["label"] = point.label;
  Put("segment", point.segment, json);
  Put("angle", point.angle, json);
  Put("target_angle", point.target_angle, json);
  Put("curvature", point.curvature, json);
  if (point.projection.has_value()) json["projection"] = ToJson(*point.projection);
  if (!point.geodesic_distances.empty()) {
    Json distances = Json::array();
    for (const PathValue& distance : point.geodesic_distances)
      distances.push_back(ToJson(distance));
    json["geodesic_distances"] = std::move(distances);
  }
  Put("mean_distance", point.mean_distance, json);
  if (!point.direction_coordinates.empty())
    json["direction_coordinates"] = point.direction_coordinates;
  if (!point.picture_coordinates.empty()) json["picture_coordinates"] = point.picture_coordinates;
  return json;
}

Json ToJson(const NetworkPath& path) {
  Json json;
  json["snapshot"] = path.snapshot;
  json["label"] = path.label;
  json["length"] = ToJson(path.length);
  json["geodesic"] = ToJson(path.geodesic);
  json["slack"] = ToJson(path.slack);
  Json points = Json::array();
  for (const PathPoint& point : path.points) points.push_back(ToJson(point));
  json["points"] = std::move(points);
  return json;
}

}  // namespace

std::string RenderPaths(const PathReport& report) {
  std::string result = absl::StrCat(report.measure, ", ", Names(report.space).place,
                                    ", n = ", report.input_count, "\n");
  for (const NetworkPath& path : report.paths) absl::StrAppend(&result, "\n", RenderPath(path));
  if (report.mean.has_value()) absl::StrAppend(&result, "\n", RenderMean(*report.mean));
  return result;
}

std::string ToCsv(const PathReport& report) {
  std::string result =
      "network,point,segment,angle,target_angle,fraction,distance,line_fraction,line_distance,"
      "curvature,mean_distance,x,y\n";
  for (const NetworkPath& path : report.paths) {
    for (const PathPoint& point : path.points) {
      std::vector<std::string> fields = {CsvField(path.label), CsvField(point.label),
                                         CsvValue(point.segment), CsvValue(point.angle),
                                         CsvValue(point.target_angle)};
      const bool is_projected =
          point.projection.has_value() && point.projection->status == ScoreStatus::kOk;
      const PathProjection projection = point.projection.value_or(PathProjection());
      for (const double value : {projection.fraction, projection.distance, projection.line_fraction,
                                 projection.line_distance}) {
        fields.push_back(is_projected ? FormatExact(value) : "");
      }
      fields.push_back(CsvValue(point.curvature));
      fields.push_back(CsvValue(point.mean_distance));
      for (size_t k = 0; k < 2; ++k) {
        const std::vector<double>& place = point.picture_coordinates;
        fields.push_back(k < place.size() ? FormatExact(place[k]) : "");
      }
      absl::StrAppend(&result, absl::StrJoin(fields, ","), "\n");
    }
  }
  return result;
}

std::string ToJson(const PathReport& report) {
  Json json;
  json["measure"] = report.measure;
  json["space"] = Names(report.space).word;
  json["input_count"] = report.input_count;
  json["point_count"] = report.point_count;
  Json paths = Json::array();
  for (const NetworkPath& path : report.paths) paths.push_back(ToJson(path));
  json["paths"] = std::move(paths);
  json["placed_status"] = std::string(Name(report.placed_status));
  if (report.mean.has_value()) {
    json["mean"] = {{"status", std::string(Name(report.mean->status))},
                    {"variance", report.mean->variance},
                    {"shares", report.mean->shares}};
  }
  if (report.picture.has_value()) {
    json["picture"] = {{"stress", report.picture->stress},
                       {"iteration_count", report.picture->iteration_count}};
  }
  json["cached_count"] = report.cached_count;
  json["elapsed_seconds"] = report.elapsed_seconds;
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace gramian::client::cli
