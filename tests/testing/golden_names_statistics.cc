// Golden names of statistics of layers, outputs, the multi-scale intrinsic distance and RTD.
#include "absl/strings/str_cat.h"
#include "tests/testing/golden_names.h"

namespace gramian::testing {

std::optional<Question> TranslateStatistics(const std::string& measure,
                                            const nlohmann::json& params) {
  if (measure == "resi_MagnitudeDifference") return Question{"magnitude-difference"};
  if (measure == "resi_ConcentricityDifference") return Question{"concentricity-difference"};
  if (measure == "resi_UniformityDifference") return Question{"uniformity-difference-rows=raw-t=2"};
  if (measure == "resi_jsd") return Question{"jsd"};
  if (measure == "resi_disagreement") return Question{"disagreement"};
  if (measure == "rtd") {
    return Question{params.contains("rows") ? "rtd-pick=blocks-rows=60-trials=1" : "rtd"};
  }
  if (measure == "imd" || measure == "imd_exact") {
    return Question{absl::StrCat("imd-k=", NumberIn(params, "k"))};
  }
  if (measure == "resi_magnitude_nrmse" || measure == "resi_concentricity_nrmse") {
    Question question{""};
    question.excuse = "0.5 for any two layers that differ, by its definition: not a measure";
    return question;
  }
  return std::nullopt;
}

}  // namespace gramian::testing
