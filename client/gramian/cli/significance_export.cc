#include "gramian/cli/significance_export.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "gramian/cli/export.h"
#include "gramian/cli/text.h"

namespace gramian::client::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string Number(double value) { return absl::StrFormat("%.4g", value); }

std::string Show(const PermutationTest& test, const AssessmentQuery& query) {
  if (test.status != ScoreStatus::kOk) return std::string(Name(test.status));
  return absl::StrCat("p = ", Number(test.p),
                      test.z.has_value() ? absl::StrCat(", z = ", Number(*test.z)) : "",
                      ", threshold ", Number(test.threshold), " at level ", Number(query.level),
                      "; ", query.permutation_count, " have mean ", Number(test.mean),
                      ", deviation ", Number(test.standard_deviation));
}

std::string Show(const BootstrapInterval& interval, const AssessmentQuery& query) {
  if (interval.status != ScoreStatus::kOk) return std::string(Name(interval.status));
  return absl::StrCat("[", Number(interval.lower), ", ", Number(interval.upper), "] at confidence ",
                      Number(query.confidence), ", standard error ",
                      Number(interval.standard_error), ", bias ", Number(interval.bias),
                      " taken off; ", interval.valid_count, " samples");
}

std::string Show(const SplitHalves& halves) {
  if (halves.status != ScoreStatus::kOk) return std::string(Name(halves.status));
  return absl::StrCat("mean ", Number(halves.mean), ", two differ by ", Number(halves.difference),
                      " (root mean square); ", halves.valid_count, " splits");
}

std::string Show(const Score& score) {
  return score.value.has_value() ? absl::StrFormat("%.6g", *score.value)
                                 : std::string(Name(score.status));
}

std::string Render(const Assessment& assessment, const AssessmentQuery& query) {
  using Align = Table::Align;
  Table table({Align::kRight, Align::kLeft});
  if (assessment.debiased_score.has_value()) {
    table.AddRow({"debiased", absl::StrCat(Show(*assessment.debiased_score), "  (",
                                           assessment.debiased_score->measure, ")")});
  }
  if (assessment.permutation_test.has_value()) {
    table.AddRow({"permutations", Show(*assessment.permutation_test, query)});
  }
  if (assessment.bootstrap.has_value()) {
    table.AddRow({"bootstrap", Show(*assessment.bootstrap, query)});
  }
  if (assessment.halves.has_value()) table.AddRow({"halves", Show(*assessment.halves)});
  return absl::StrCat(assessment.score.measure, " ", Show(assessment.score), "\n", table.Render());
}

std::vector<std::string> PermutationFields(const std::optional<PermutationTest>& test) {
  if (!test.has_value() || test->status != ScoreStatus::kOk) return {5, ""};
  return {FormatExact(test->p), test->z.has_value() ? FormatExact(*test->z) : "",
          FormatExact(test->threshold), FormatExact(test->mean),
          FormatExact(test->standard_deviation)};
}

std::vector<std::string> BootstrapFields(const std::optional<BootstrapInterval>& interval) {
  if (!interval.has_value() || interval->status != ScoreStatus::kOk) return {4, ""};
  return {FormatExact(interval->lower), FormatExact(interval->upper),
          FormatExact(interval->standard_error), FormatExact(interval->bias)};
}

std::vector<std::string> HalvesFields(const std::optional<SplitHalves>& halves) {
  if (!halves.has_value() || halves->status != ScoreStatus::kOk) return {2, ""};
  return {FormatExact(halves->mean), FormatExact(halves->difference)};
}

Json ToJson(const Score& score) {
  Json json;
  json["measure"] = score.measure;
  json["value"] = score.value.has_value() ? Json(*score.value) : Json(nullptr);
  json["status"] = std::string(Name(score.status));
  return json;
}

Json ToJson(const PermutationTest& test) {
  Json json;
  json["status"] = std::string(Name(test.status));
  if (test.status != ScoreStatus::kOk) return json;
  json["p"] = test.p;
  json["z"] = test.z.has_value() ? Json(*test.z) : Json(nullptr);
  json["threshold"] = test.threshold;
  json["mean"] = test.mean;
  json["standard_deviation"] = test.standard_deviation;
  return json;
}

Json ToJson(const BootstrapInterval& interval) {
  Json json;
  json["status"] = std::string(Name(interval.status));
  if (interval.status != ScoreStatus::kOk) return json;
  json["lower"] = interval.lower;
  json["upper"] = interval.upper;
  json["standard_error"] = interval.standard_error;
  json["bias"] = interval.bias;
  json["valid_count"] = interval.valid_count;
  return json;
}

Json ToJson(const SplitHalves& halves) {
  Json json;
  json["status"] = std::string(Name(halves.status));
  if (halves.status != ScoreStatus::kOk) return json;
  json["mean"] = halves.mean;
  json["difference"] = halves.difference;
  json["valid_count"] = halves.valid_count;
  return json;
}

}  // namespace

std::string RenderAssessments(const std::vector<Assessment>& assessments,
                              const AssessmentQuery& query) {
  return absl::StrJoin(assessments, "\n", [&](std::string* out, const Assessment& assessment) {
    *out += Render(assessment, query);
  });
}

std::string ToCsv(const std::vector<Assessment>& assessments) {
  std::string result =
      "measure,value,status,n,d_a,d_b,debiased_measure,debiased,has_few_inputs,p,z,threshold,"
      "permuted_mean,permuted_deviation,lower,upper,standard_error,bias,halves_mean,"
      "halves_difference\n";
  for (const Assessment& assessment : assessments) {
    const Score& score = assessment.score;
    const Score debiased = assessment.debiased_score.value_or(Score());
    std::vector<std::string> fields = {
        CsvField(score.measure),
        score.value.has_value() ? FormatExact(*score.value) : "",
        std::string(Name(score.status)),
        absl::StrCat(score.input_count),
        absl::StrCat(score.feature_count_a),
        absl::StrCat(score.feature_count_b),
        CsvField(debiased.measure),
        debiased.value.has_value() ? FormatExact(*debiased.value) : "",
        assessment.has_few_inputs ? "true" : "false"};
    for (const std::vector<std::string>& part :
         {PermutationFields(assessment.permutation_test), BootstrapFields(assessment.bootstrap),
          HalvesFields(assessment.halves)}) {
      fields.insert(fields.end(), part.begin(), part.end());
    }
    absl::StrAppend(&result, absl::StrJoin(fields, ","), "\n");
  }
  return result;
}

std::string ToJson(const std::vector<Assessment>& assessments) {
  Json json = Json::array();
  for (const Assessment& assessment : assessments) {
    Json entry = ToJson(assessment.score);
    entry["input_count"] = assessment.score.input_count;
    entry["feature_count_a"] = assessment.score.feature_count_a;
    entry["feature_count_b"] = assessment.score.feature_count_b;
    entry["has_few_inputs"] = assessment.has_few_inputs;
    if (assessment.debiased_score.has_value()) {
      entry["debiased"] = ToJson(*assessment.debiased_score);
    }
    if (assessment.permutation_test.has_value()) {
      entry["permutation_test"] = ToJson(*assessment.permutation_test);
    }
    if (assessment.bootstrap.has_value()) entry["bootstrap"] = ToJson(*assessment.bootstrap);
    if (assessment.halves.has_value()) entry["halves"] = ToJson(*assessment.halves);
    json.push_back(std::move(entry));
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace gramian::client::cli
