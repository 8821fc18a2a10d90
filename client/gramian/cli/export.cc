#include "gramian/cli/export.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <span>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "gramian/cli/npy.h"
#include "gramian/cli/output_file.h"
#include "gramian/cli/text.h"

namespace gramian::client::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& json) {
  // Labels are what somebody named a layer; bytes that are not UTF-8 are replaced, not refused.
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json ValueOrNull(const std::optional<double>& value) {
  return value.has_value() ? Json(*value) : Json(nullptr);
}

std::string StatusText(ScoreStatus status) { return std::string(Name(status)); }

std::string Render(const Figure& figure, absl::string_view extension) {
  if (extension == ".csv") return ToCsv(figure.matrix);
  if (extension == ".json") return ToJson(figure.matrix);
  if (extension == ".npy") return ToNpy(figure.matrix);
  return RenderSvg(figure.matrix, figure.style);
}

}  // namespace

std::string CsvField(absl::string_view text) {
  if (text.find_first_of(",\"\r\n") == absl::string_view::npos) return std::string(text);
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

std::string ToCsv(const SimilarityMatrix& matrix) {
  std::string result = CsvField(matrix.measure);
  for (const std::string& label : matrix.column_labels)
    absl::StrAppend(&result, ",", CsvField(label));
  result += "\n";
  for (size_t i = 0; i < matrix.row_labels.size(); ++i) {
    result += CsvField(matrix.row_labels[i]);
    for (size_t j = 0; j < matrix.column_labels.size(); ++j) {
      const Cell& cell = matrix.at(i, j);
      absl::StrAppend(&result, ",", cell.value.has_value() ? FormatExact(*cell.value) : "");
    }
    result += "\n";
  }
  return result;
}

std::string ToJson(const SimilarityMatrix& matrix) {
  Json json;
  json["measure"] = matrix.measure;
  json["larger_is_more_similar"] = matrix.larger_is_more_similar;
  json["input_count"] = matrix.input_count;
  json["rows"] = matrix.row_labels;
  json["columns"] = matrix.column_labels;
  json["row_names"] = matrix.row_names;
  json["column_names"] = matrix.column_names;
  json["row_feature_counts"] = matrix.row_feature_counts;
  json["column_feature_counts"] = matrix.column_feature_counts;
  Json values = Json::array();
  Json statuses = Json::array();
  for (size_t i = 0; i < matrix.row_labels.size(); ++i) {
    Json value_row = Json::array();
    Json status_row = Json::array();
    for (size_t j = 0; j < matrix.column_labels.size(); ++j) {
      value_row.push_back(ValueOrNull(matrix.at(i, j).value));
      status_row.push_back(StatusText(matrix.at(i, j).status));
    }
    values.push_back(std::move(value_row));
    statuses.push_back(std::move(status_row));
  }
  json["values"] = std::move(values);
  json["statuses"] = std::move(statuses);
  json["form"] = std::string(Name(matrix.form));
  json["cached_count"] = matrix.cached_count;
  json["elapsed_seconds"] = matrix.elapsed_seconds;
  json["recall"] = matrix.recall;
  return Dump(json);
}

std::string ToNpy(const SimilarityMatrix& matrix) {
  std::vector<double> values;
  for (const Cell& cell : matrix.cells) {
    values.push_back(cell.value.value_or(std::numeric_limits<double>::quiet_NaN()));
  }
  const int64_t shape[] = {static_cast<int64_t>(matrix.row_labels.size()),
                           static_cast<int64_t>(matrix.column_labels.size())};
  return EncodeNpy(values, shape);
}

std::string ToCsv(const std::vector<Score>& scores) {
  std::string result = "measure,value,status,n,d_a,d_b,larger_is_more_similar,form\n";
  for (const Score& score : scores) {
    absl::StrAppend(&result, CsvField(score.measure), ",",
                    score.value.has_value() ? FormatExact(*score.value) : "", ",",
                    Name(score.status), ",", score.input_count, ",", score.feature_count_a, ",",
                    score.feature_count_b, ",", score.larger_is_more_similar ? "true" : "false",
                    ",", Name(score.form), "\n");
  }
  return result;
}

std::string ToJson(const std::vector<Score>& scores) {
  Json json = Json::array();
  for (const Score& score : scores) {
    Json entry;
    entry["measure"] = score.measure;
    entry["value"] = ValueOrNull(score.value);
    entry["status"] = StatusText(score.status);
    entry["input_count"] = score.input_count;
    entry["feature_count_a"] = score.feature_count_a;
    entry["feature_count_b"] = score.feature_count_b;
    entry["larger_is_more_similar"] = score.larger_is_more_similar;
    entry["form"] = std::string(Name(score.form));
    entry["compute_seconds"] = score.compute_seconds;
    entry["cached"] = score.cached;
    entry["recall"] = score.recall;
    json.push_back(std::move(entry));
  }
  return Dump(json);
}

std::string ToCsv(const OperatorView& view) {
  std::string result;
  for (int64_t i = 0; i < view.row_count; ++i) {
    const double* row = view.values.data() + i * view.column_count;
    absl::StrAppend(
        &result,
        absl::StrJoin(row, row + view.column_count, ",",
                      [](std::string* out, double value) { *out += FormatExact(value); }),
        "\n");
  }
  return result;
}

std::string ToJson(const OperatorView& view) {
  Json json;
  json["layers"] = view.layers;
  json["kernel"] = view.kernel;
  json["input_count"] = view.input_count;
  Json values = Json::array();
  for (int64_t i = 0; i < view.row_count; ++i) {
    const auto begin = view.values.begin() + i * view.column_count;
    values.push_back(std::vector<double>(begin, begin + view.column_count));
  }
  json["values"] = std::move(values);
  return Dump(json);
}

std::string ToNpy(const OperatorView& view) {
  const int64_t shape[] = {view.row_count, view.column_count};
  return EncodeNpy(view.values, shape);
}

absl::Status CheckExtensions(const std::vector<std::string>& paths,
                             const std::vector<std::string>& extensions) {
  for (const std::string& path : paths) {
    bool is_known = false;
    for (const std::string& extension : extensions)
      is_known = is_known || Extension(path) == extension;
    if (!is_known) {
      return absl::InvalidArgumentError(absl::StrCat(
          "cannot tell how to write '", path, "': end it in ", absl::StrJoin(extensions, ", ")));
    }
  }
  return absl::OkStatus();
}

absl::Status WriteFigures(const std::vector<Figure>& figures,
                          const std::vector<std::string>& paths) {
  for (const Figure& figure : figures) {
    for (const std::string& path : paths) {
      const absl::string_view extension = Extension(path);
      std::string target = path;
      if (figures.size() > 1) {
        const absl::string_view stem =
            absl::string_view(path).substr(0, path.size() - extension.size());
        const std::string measure = absl::StrReplaceAll(figure.matrix.measure, {{"/", "_"}});
        target = absl::StrCat(stem, ".", measure, extension);
      }
      if (absl::Status status = WriteFile(target, Render(figure, extension)); !status.ok())
        return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace gramian::client::cli
