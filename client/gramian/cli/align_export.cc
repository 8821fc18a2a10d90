#include "gramian/cli/align_export.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gramian/cli/export.h"
#include "gramian/cli/text.h"
#include "gramian/client/types.h"

namespace gramian::client::cli {
namespace {

using Json = nlohmann::ordered_json;

// Fewer hardly tell where things are.
constexpr size_t kFewAnchors = 5;
// Eigenvalues this near are one eigenspace.
constexpr double kNoGap = 1e-6;

std::string Origin(const LayerAlignment& alignment) {
  std::string text = alignment.is_known ? std::string("map of the known correspondence")
                                        : absl::StrCat("map fitted to ", alignment.descriptor_count,
                                                       " descriptors");
  if (alignment.refinement_count > 0) {
    absl::StrAppend(&text, ", refined in ", alignment.refinement_count, " steps");
  }
  return text;
}

std::string RenderRetrieval(const Retrieval& retrieval, absl::string_view what) {
  std::string text = absl::StrFormat("mean reciprocal rank of %d %s: %.3f", retrieval.count, what,
                                     retrieval.aligned);
  if (retrieval.anchors.has_value()) {
    absl::StrAppendFormat(&text, ", by the anchors alone %.3f", *retrieval.anchors);
  }
  return absl::StrCat(text, "\n");
}

Json ToJson(const FunctionalScores& scores) {
  Json json;
  json["published"] = scores.published;
  json["official"] = scores.official;
  json["corrected"] = scores.corrected;
  json["overlap"] = scores.overlap;
  json["orthogonality_defect"] = scores.orthogonality_defect;
  json["commutator"] = scores.commutator;
  return json;
}

void Put(const char* name, const std::optional<Retrieval>& retrieval, Json& json) {
  if (!retrieval.has_value()) return;
  json[name]["count"] = retrieval->count;
  json[name]["aligned"] = retrieval->aligned;
  if (retrieval->anchors.has_value()) json[name]["anchors"] = *retrieval->anchors;
}

}  // namespace

std::string RenderAlignment(const LayerAlignment& alignment, absl::string_view title) {
  std::string text = absl::StrCat(
      title, ", n = ", alignment.input_count_a, " and ", alignment.input_count_b, "\n",
      alignment.function_count, " functions of ", alignment.graph, "\n", Origin(alignment), "\n\n");
  Table table({Table::Align::kLeft, Table::Align::kRight});
  const FunctionalScores& scores = alignment.scores;
  for (const auto& [name, value] : {std::pair<const char*, double>{"corrected", scores.corrected},
                                    {"overlap", scores.overlap},
                                    {"published", scores.published},
                                    {"official", scores.official},
                                    {"orthogonality defect", scores.orthogonality_defect},
                                    {"commutator", scores.commutator}}) {
    table.AddRow({name, absl::StrFormat("%.3f", value)});
  }
  absl::StrAppend(&text, table.Render());
  if (alignment.accuracy.has_value()) {
    absl::StrAppendFormat(&text, "\nmatched with themselves: %.1f %% of the inputs\n",
                          100 * *alignment.accuracy);
  }
  if (alignment.retrieval.has_value()) {
    absl::StrAppend(&text, RenderRetrieval(*alignment.retrieval, "inputs"));
  }
  if (alignment.points_retrieval.has_value()) {
    absl::StrAppend(&text, RenderRetrieval(*alignment.points_retrieval, "points carried over"));
  }
  return text;
}

std::vector<std::string> CautionsOf(const LayerAlignment& alignment, size_t anchor_count) {
  std::vector<std::string> cautions;
  if (anchor_count > 0 && anchor_count < kFewAnchors) {
    cautions.push_back(absl::StrCat(anchor_count, " anchors are few; use at least ", kFewAnchors));
  }
  if (alignment.component_count_a > 1 || alignment.component_count_b > 1) {
    cautions.push_back(absl::StrCat("the graphs had ", alignment.component_count_a, " and ",
                                    alignment.component_count_b,
                                    " components and were connected; use more neighbours"));
  }
  if (alignment.gap_a < kNoGap || alignment.gap_b < kNoGap) {
    cautions.push_back(absl::StrCat("eigenvalues ", alignment.function_count, " and ",
                                    alignment.function_count + 1,
                                    " coincide, so that scores depend on chance; use another "
                                    "number of functions"));
  }
  return cautions;
}

std::string ToJson(const LayerAlignment& alignment) {
  Json json;
  json["input_count_a"] = alignment.input_count_a;
  json["input_count_b"] = alignment.input_count_b;
  json["graph"] = alignment.graph;
  json["function_count"] = alignment.function_count;
  json["component_count_a"] = alignment.component_count_a;
  json["component_count_b"] = alignment.component_count_b;
  json["gap_a"] = alignment.gap_a;
  json["gap_b"] = alignment.gap_b;
  json["is_known"] = alignment.is_known;
  json["descriptor_count"] = alignment.descriptor_count;
  json["energy"] = alignment.energy;
  json["iteration_count"] = alignment.iteration_count;
  json["refinement_count"] = alignment.refinement_count;
  json["scores"] = ToJson(alignment.scores);
  if (alignment.accuracy.has_value()) json["accuracy"] = *alignment.accuracy;
  Put("retrieval", alignment.retrieval, json);
  Put("points_retrieval", alignment.points_retrieval, json);
  json["elapsed_seconds"] = alignment.elapsed_seconds;
  Json map = Json::array();
  for (int64_t i = 0; i < alignment.map.row_count; ++i) {
    const auto begin = alignment.map.values.begin() + i * alignment.map.column_count;
    map.push_back(std::vector<double>(begin, begin + alignment.map.column_count));
  }
  json["map"] = std::move(map);
  json["matches"] = alignment.matches;
  json["distortion"] = alignment.distortion;
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string RenderMatrix(const AlignmentMatrix& matrix, absl::string_view extension) {
  OperatorView view;
  view.row_count = matrix.row_count;
  view.column_count = matrix.column_count;
  view.values = matrix.values;
  return extension == ".npy" ? ToNpy(view) : ToCsv(view);
}

}  // namespace gramian::client::cli
