// Golden names of CKA, HSIC, distance correlation and their multi-scale forms.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "gramian/geometry/kernel.h"
#include "tests/testing/golden_names.h"

namespace gramian::testing {

std::string NumberIn(const nlohmann::json& params, const char* key) {
  return FormatNumber(params.at(key).get<double>());
}

std::optional<Question> TranslateAlignment(const std::string& measure, const nlohmann::json& params,
                                           double n) {
  const double biased = (n - 1.0) * (n - 1.0);
  const double debiased = n * (n - 3.0);
  if (measure == "cka_linear" || measure == "rv_coefficient_cka_identity") return Question{"cka"};
  if (measure == "one_minus_cka_linear") return Question{"cka", -1.0, 1.0};
  if (measure == "cka_linear_debiased") return Question{"cka-hsic=song"};
  if (measure == "cka_linear_minibatch_mean_unbiased_hsic") {
    return Question{absl::StrCat("minibatch-cka-batch=", NumberIn(params, "batch_size"))};
  }
  if (measure == "cka_linear_minibatch_sum_unnormalised" ||
      measure == "cka_linear_minibatch_stir") {
    return Question{
        absl::StrCat("minibatch-cka-weights=pairs-batch=", NumberIn(params, "batch_size"))};
  }
  if (measure == "angular_cka_linear") return Question{"cka-distance=angular"};
  if (measure == "cka_rbf" || measure == "cka_rbf_debiased") {
    return Question{absl::StrCat(
        "cka-kernel=rbf-bandwidth=kornblith:", NumberIn(params, "sigma_fraction_of_median"),
        "-hsic=", measure == "cka_rbf" ? "gretton" : "song")};
  }
  if (measure == "cka_rbf_sigma_sqrt_median_nonzero_sqdist") {
    return Question{"cka-kernel=rbf-bandwidth=median:1"};
  }
  // exp(-d^2 / l^2) with l the lower median: sigma = l / sqrt(2).
  const std::string lower_median =
      absl::StrCat("cka-kernel=rbf-bandwidth=lowermedian:", FormatNumber(std::sqrt(0.5)));
  if (measure == "cka_sqexp_repsim") return Question{lower_median};
  if (measure == "angular_cka_sqexp") return Question{lower_median + "-distance=angular"};
  if (measure == "hsic_linear_biased_unnormalised") return Question{"hsic", biased};
  if (measure == "hsic_linear_unbiased_unnormalised") return Question{"hsic-hsic=song", debiased};
  if (measure == "distance_correlation") return Question{"distcorr"};
  if (measure == "distance_correlation_sqr") {
    return Question{absl::StrCat("distcorr-form=squared",
                                 params.contains("exponent")
                                     ? absl::StrCat("-exponent=", NumberIn(params, "exponent"))
                                     : "")};
  }
  if (measure == "distance_correlation_affinely_invariant")
    return Question{"distcorr-whitening=full"};
  if (measure == "distance_correlation_unbiased_sqr") return Question{"distcorr-form=unbiased"};
  if (measure == "distance_covariance_sqr") {
    return Question{"hsic-kernel=distance", biased / (n * n)};
  }
  if (measure == "distance_covariance_unbiased_sqr") {
    return Question{"hsic-kernel=distance-hsic=song"};
  }
  if (measure == "ms_cka") return Question{absl::StrCat("ms-cka-t=", NumberIn(params, "t"))};
  if (measure == "ms_distcorr")
    return Question{absl::StrCat("ms-distcorr-t=", NumberIn(params, "t"))};
  return std::nullopt;
}

std::string ExcuseAlignment(const nlohmann::json& record) {
  const bool is_stir = record.at("measure") == "cka_linear_minibatch_stir";
  if (!is_stir || record.at("x") == record.at("y")) return "";
  return "The library computes in float32, and multiplies by n - 3 where it should divide.";
}

}  // namespace gramian::testing
