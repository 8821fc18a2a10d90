#include "gramian/cli/match_export.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "gramian/cli/export.h"
#include "gramian/cli/text.h"

namespace gramian::client::cli {
namespace {

using Json = nlohmann::ordered_json;
using Align = Table::Align;

std::string Show(const Cell& cell) {
  return cell.value.has_value() ? absl::StrFormat("%.4f", *cell.value)
                                : std::string(Name(cell.status));
}

std::string CsvValue(const Cell& cell) {
  return cell.value.has_value() ? FormatExact(*cell.value) : "";
}

Json ValueOf(const Cell& cell) {
  return cell.value.has_value() ? Json(*cell.value) : Json(nullptr);
}

std::string Dump(const Json& json) {
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// "right", "wrong", or nothing where the truth is not known.
std::string Verdict(const LayerMatch& match) {
  if (match.expected_label_b.empty()) return "";
  return match.label_b == match.expected_label_b ? "right" : "wrong";
}

}  // namespace

std::string Render(const MatchReport& report) {
  const bool is_judged = report.accuracy.has_value();
  Table table({Align::kLeft, Align::kLeft, Align::kRight, Align::kLeft});
  table.AddRow({"layer", "counterpart", "score", is_judged ? "truth" : ""});
  for (const LayerMatch& match : report.matches) {
    table.AddRow(
        {match.label_a, match.label_b.empty() ? "-" : match.label_b,
         match.label_b.empty() && match.score.status == ScoreStatus::kOk ? "-" : Show(match.score),
         Verdict(match)});
  }
  std::string result =
      absl::StrCat(report.measure, ", n = ", report.input_count, "\n", table.Render());
  if (is_judged) {
    absl::StrAppend(&result, report.correct_count, " of ", report.known_count, " right: accuracy ",
                    absl::StrFormat("%.3f", *report.accuracy), "\n");
  }
  return result;
}

std::string Render(const SearchReport& report) {
  Table table({Align::kRight, Align::kLeft, Align::kRight});
  table.AddRow({"", "network", "score"});
  int place = 0;
  for (const FoundNetwork& network : report.networks) {
    table.AddRow({absl::StrCat(++place), network.label, Show(network.score)});
  }
  std::string result = absl::StrCat(report.measure, ", n = ", report.input_count, ", ",
                                    report.candidate_count, " compared");
  if (report.skipped_count > 0) {
    absl::StrAppend(&result, ", ", report.skipped_count, " saw other inputs");
  }
  return absl::StrCat(result, "\n", table.Render());
}

std::string Render(const EmbedReport& report) {
  std::string result = absl::StrCat(report.measure, ", n = ", report.input_count);
  if (report.status != ScoreStatus::kOk) {
    return absl::StrCat(result, ": no picture, ", Name(report.status), "\n");
  }
  absl::StrAppend(&result, ", stress-1 of the picture ", absl::StrFormat("%.3f", report.stress),
                  "\n");
  Table places({Align::kLeft, Align::kLeft});
  places.AddRow({"network", "place"});
  std::vector<std::string> placed;
  for (const EmbeddedNetwork& network : report.networks) {
    if (network.is_placed) placed.push_back(network.label);
  }
  for (const int leaf : report.leaf_order) {
    const EmbeddedNetwork& network = report.networks[static_cast<size_t>(leaf)];
    places.AddRow({network.label, absl::StrJoin(network.coordinates, "  ",
                                                [](std::string* out, double coordinate) {
                                                  absl::StrAppendFormat(out, "%7.4f", coordinate);
                                                })});
  }
  absl::StrAppend(&result, places.Render());
  // Clusters by the networks in them.
  for (const ClusterMerge& merge : report.merges) {
    const std::string& first = placed[static_cast<size_t>(merge.first)];
    const std::string& second = placed[static_cast<size_t>(merge.second)];
    placed.push_back(absl::StrCat("(", first, " ", second, ")"));
    absl::StrAppendFormat(&result, "%.4f  %s\n", merge.height, placed.back());
  }
  return result;
}

std::string ToCsv(const MatchReport& report) {
  std::string result = "layer,counterpart,value,status,expected\n";
  for (const LayerMatch& match : report.matches) {
    absl::StrAppend(&result, CsvField(match.label_a), ",", CsvField(match.label_b), ",",
                    CsvValue(match.score), ",", Name(match.score.status), ",",
                    CsvField(match.expected_label_b), "\n");
  }
  return result;
}

std::string ToCsv(const SearchReport& report) {
  std::string result = "network,value,status\n";
  for (const FoundNetwork& network : report.networks) {
    absl::StrAppend(&result, CsvField(network.label), ",", CsvValue(network.score), ",",
                    Name(network.score.status), "\n");
  }
  return result;
}

std::string ToCsv(const EmbedReport& report) {
  size_t dimensions = 0;
  for (const EmbeddedNetwork& network : report.networks) {
    dimensions = std::max(dimensions, network.coordinates.size());
  }
  std::string result = "network";
  for (size_t k = 0; k < dimensions; ++k) absl::StrAppend(&result, ",x", k + 1);
  for (const EmbeddedNetwork& network : report.networks) {
    if (network.is_placed) absl::StrAppend(&result, ",", CsvField(network.label));
  }
  result += "\n";
  for (const EmbeddedNetwork& network : report.networks) {
    if (!network.is_placed) continue;
    result += CsvField(network.label);
    for (const std::vector<double>& values : {network.coordinates, network.distances}) {
      for (const double value : values) absl::StrAppend(&result, ",", FormatExact(value));
    }
    result += "\n";
  }
  return result;
}

std::string ToJson(const MatchReport& report) {
  Json json;
  json["measure"] = report.measure;
  json["larger_is_more_similar"] = report.larger_is_more_similar;
  json["input_count"] = report.input_count;
  Json matches = Json::array();
  for (const LayerMatch& match : report.matches) {
    Json entry;
    entry["layer"] = match.label_a;
    entry["counterpart"] = match.label_b.empty() ? Json(nullptr) : Json(match.label_b);
    entry["value"] = ValueOf(match.score);
    entry["status"] = std::string(Name(match.score.status));
    if (!match.expected_label_b.empty()) entry["expected"] = match.expected_label_b;
    matches.push_back(std::move(entry));
  }
  json["matches"] = std::move(matches);
  json["known_count"] = report.known_count;
  json["correct_count"] = report.correct_count;
  json["accuracy"] = report.accuracy.has_value() ? Json(*report.accuracy) : Json(nullptr);
  json["cached_count"] = report.cached_count;
  json["elapsed_seconds"] = report.elapsed_seconds;
  return Dump(json);
}

std::string ToJson(const SearchReport& report) {
  Json json;
  json["measure"] = report.measure;
  json["larger_is_more_similar"] = report.larger_is_more_similar;
  json["input_count"] = report.input_count;
  Json networks = Json::array();
  for (const FoundNetwork& network : report.networks) {
    networks.push_back({{"network", network.label},
                        {"snapshot", network.snapshot},
                        {"value", ValueOf(network.score)},
                        {"status", std::string(Name(network.score.status))}});
  }
  json["networks"] = std::move(networks);
  json["candidate_count"] = report.candidate_count;
  json["skipped_count"] = report.skipped_count;
  json["cached_count"] = report.cached_count;
  json["elapsed_seconds"] = report.elapsed_seconds;
  return Dump(json);
}

std::string ToJson(const EmbedReport& report) {
  Json json;
  json["measure"] = report.measure;
  json["input_count"] = report.input_count;
  json["status"] = std::string(Name(report.status));
  Json networks = Json::array();
  for (const EmbeddedNetwork& network : report.networks) {
    networks.push_back({{"network", network.label},
                        {"snapshot", network.snapshot},
                        {"is_placed", network.is_placed},
                        {"coordinates", network.coordinates},
                        {"distances", network.distances}});
  }
  json["networks"] = std::move(networks);
  json["stress"] = report.stress;
  json["iteration_count"] = report.iteration_count;
  Json merges = Json::array();
  for (const ClusterMerge& merge : report.merges) {
    merges.push_back({merge.first, merge.second, merge.height, merge.size});
  }
  json["merges"] = std::move(merges);
  json["leaf_order"] = report.leaf_order;
  json["cached_count"] = report.cached_count;
  json["elapsed_seconds"] = report.elapsed_seconds;
  return Dump(json);
}

}  // namespace gramian::client::cli
