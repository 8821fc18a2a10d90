// Golden names of representational similarity analysis and RSM differences.
#include <map>

#include "absl/strings/str_cat.h"
#include "tests/testing/golden_names.h"

namespace gramian::testing {

std::optional<Question> TranslateRsa(const std::string& measure, const nlohmann::json& params) {
  if (measure == "rsa_spearman_correlation_rsm") return Question{"rsa"};
  if (measure == "rsa_spearman_euclidean_rdm") return Question{"rsa-rdm=euclidean"};
  if (measure == "resi_RSMNormDifference") return Question{"rsm-difference-norm=spectral"};
  // Of squared distances these are the measures of the Gram matrices.
  if (measure == "rsa_bures") return Question{"bures"};
  if (measure == "rsa_bures_metric") {
    Question question{"bures-form=squared"};
    question.excuse = "The library divides squared distances by the number of features.";
    return question;
  }
  if (measure == "rsa_neg_riem_dist") {
    Question question{""};
    question.excuse = "the library refuses: a kernel of n inputs from fewer features is singular";
    return question;
  }
  static const std::map<std::string, std::string> comparisons = {
      {"rsa_corr", "pearson"},      {"rsa_corr_cov", "whitened-pearson"},
      {"rsa_cosine", "cosine"},     {"rsa_cosine_cov", "whitened-cosine"},
      {"rsa_kendall", "tau-b"},     {"rsa_rho-a", "rho-a"},
      {"rsa_spearman", "spearman"}, {"rsa_tau-a", "tau-a"}};
  const auto comparison = comparisons.find(measure);
  if (comparison == comparisons.end()) return std::nullopt;
  // No comparison sees the division by the number of channels.
  const std::string rdm = params.at("rdm") == "1-pearson" ? "correlation" : "sqeuclidean";
  return Question{absl::StrCat("rsa-rdm=", rdm, "-compare=", comparison->second)};
}

std::string ExcuseRsa(const nlohmann::json& record) {
  // One-hot rows have two correlations only.
  const std::string measure = record.at("measure");
  const bool is_ranked = measure == "rsa_spearman" || measure == "rsa_rho-a";
  const bool is_correlation = measure == "rsa_spearman_correlation_rsm" ||
                              (is_ranked && record.at("params").at("rdm") == "1-pearson");
  if (!is_correlation || record.at("y") != "onehot") return "";
  return "The library ranks what rounding leaves between equal dissimilarities.";
}

}  // namespace gramian::testing
