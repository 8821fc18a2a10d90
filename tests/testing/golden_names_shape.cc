// Golden names of CCA and shape metrics.
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/golden_names.h"

namespace gramian::testing {
namespace {

using nlohmann::json;

// Reasons, word for word as in docs/measures.md.
constexpr char kRefused[] = "The library refuses or crashes.";
constexpr char kNoScore[] = "A list that tells of an error of the library, not a score.";
constexpr char kDeadUnits[] = "The library counts dead or dependent features.";
constexpr char kRidge[] = "The library adds 1e-10 to normalised variances.";
constexpr char kRoots[] = "The library takes square roots of eigenvalues that are rounding.";
constexpr char kOtherSide[] = "The library applies directions of one layer to the other.";
constexpr char kPartnerless[] =
    "The library divides by the weights of arbitrary directions that have no partner.";
constexpr char kNoSelfTerms[] = "The library leaves out the self terms.";
constexpr char kThreshold[] = "The library compares a share of the variance with a variance.";

bool IsFrom(const json& params, const char* library) {
  return absl::StrContains(params.at("library").get<std::string>(), library);
}

std::optional<Question> TranslateCca(const std::string& measure, const json& params) {
  const bool is_rho = absl::StrContains(measure, "rho");
  const std::string form = is_rho ? "-form=rho" : "-form=rsquared";
  if (measure == "cca_r2_uncentred") return Question{"cca-form=rsquared-center=none"};
  if (measure == "cca_mean_rho" || measure == "cca_r2") {
    const bool over_width = params.value("denominator", "") == "min(dx,dy)" ||
                            (IsFrom(params, "google/svcca") && !params.contains("epsilon"));
    return Question{absl::StrCat("cca", form, over_width ? "-over=width" : "-over=rank")};
  }
  if (measure == "one_minus_cca_mean_rho" || measure == "one_minus_cca_r2") {
    return Question{absl::StrCat("cca", form, "-over=width"), -1.0, 1.0};
  }
  if (measure == "cca_mean_rho_truncated") {
    return Question{absl::StrCat("cca-over=leading:", NumberIn(params, "threshold"))};
  }
  if (measure == "svcca_mean_rho" || measure == "svcca_r2") {
    // ReSi keeps one component whenever the total variance is above 1.01.
    const std::string kept =
        IsFrom(params, "resi") ? "rank=1" : absl::StrCat("variance=", NumberIn(params, "variance"));
    return Question{absl::StrCat("svcca-", kept, form)};
  }
  if (measure == "pwcca") return Question{"pwcca-weights=google"};
  if (measure == "one_minus_pwcca") return Question{"pwcca-weights=first", -1.0, 1.0};
  if (measure == "pwcca_eq9") {
    return Question{params.at("weights_from") == "x" ? "pwcca-weights=first"
                                                     : "pwcca-weights=second"};
  }
  if (measure == "linear_regression_r2") {
    return Question{params.value("target", "x") == "x" ? "linear-regression-target=first"
                                                       : "linear-regression-target=second"};
  }
  return std::nullopt;
}

std::optional<Question> TranslateProcrustes(const std::string& measure, const json& params) {
  const std::string alpha =
      params.contains("alpha") ? absl::StrCat("-alpha=", NumberIn(params, "alpha")) : "";
  const bool is_whitened = params.value("alpha", 1.0) < 1.0;
  if (measure == "procrustes_size_and_shape") return Question{"procrustes"};
  if (measure == "resi_OrthogonalProcrustesCenteredAndNormalized") {
    return Question{"procrustes-form=normalized"};
  }
  if (measure == "shape_angular") {
    return Question{
        absl::StrCat("procrustes-form=angular", alpha, is_whitened ? "-whitening=netrep" : "")};
  }
  if (measure == "shape_euclidean_netrep") {
    return Question{absl::StrCat("procrustes", alpha, "-whitening=netrep")};
  }
  if (measure == "shape_angular_repsim" || measure == "shape_euclidean_repsim") {
    return Question{
        absl::StrCat("procrustes-form=", measure == "shape_angular_repsim" ? "angular" : "distance",
                     alpha, is_whitened ? "-whitening=repsim" : "")};
  }
  if (measure == "procrustes_sq_normalised") return Question{"bures", -2.0, 2.0};
  if (measure == "nbs_linear") return Question{"bures"};
  if (measure == "bures_squared_gram") return Question{"bures-form=squared"};
  return std::nullopt;
}

std::optional<Question> TranslateMatching(const std::string& measure) {
  if (measure == "permutation_shape_angular")
    return Question{"permutation-procrustes-form=angular"};
  if (measure == "permutation_shape_euclidean") return Question{"permutation-procrustes"};
  if (measure == "resi_PermutationProcrustes") {
    return Question{"permutation-procrustes-center=none"};
  }
  if (measure == "resi_permutation_angular_shape") {
    return Question{"permutation-procrustes-form=angular-center=none"};
  }
  if (measure == "resi_permutation_aligned_cossim") {
    return Question{"aligned-cosine-group=permutation"};
  }
  if (measure == "resi_AlignedCosineSimilarity") return Question{"aligned-cosine"};
  if (measure == "resi_HardCorrelationMatch") return Question{"correlation-match-over=width"};
  if (measure == "resi_SoftCorrelationMatch") {
    return Question{"correlation-match-form=soft-over=width"};
  }
  return std::nullopt;
}

// What an excuse depends on.
struct Origin {
  explicit Origin(const json& record)
      : measure(record.at("measure")),
        library(record.at("source").at("library")),
        params(record.at("params")),
        x(record.at("x")),
        y(record.at("y")) {}

  bool IsFrom(const char* name) const { return absl::StrContains(library, name); }
  bool HasRidge() const { return params.value("epsilon", 0.0) == 1.0e-10; }
  // Whether a layer has fewer independent features than features. In `digits` all but the logits
  // have: dead units, or one-hot labels, which sum to one.
  bool IsRankDeficient() const {
    return IsDigits() && !(absl::EndsWith(x, "layer4") && absl::EndsWith(y, "layer4"));
  }
  bool IsDigits() const { return x.size() > 1; }

  std::string measure;
  std::string library;
  json params;
  std::string x;
  std::string y;
};

std::string ExcuseCca(const Origin& record) {
  if (record.measure == "cca_mean_rho") {
    return record.HasRidge() && record.IsDigits() ? kRidge : "";
  }
  if (record.measure == "cca_r2" || record.measure == "cca_r2_uncentred") {
    return record.IsFrom("google-research") && record.IsRankDeficient() ? kDeadUnits : "";
  }
  const bool is_svcca = record.measure == "svcca_mean_rho" || record.measure == "svcca_r2";
  if (is_svcca && record.IsFrom("resi")) return record.y == "onehot" ? kThreshold : "";
  if (!is_svcca || record.params.value("variance", 0.0) != 0.99) return "";
  if (record.measure == "svcca_mean_rho") {
    return record.IsDigits() && record.x != "input" ? kRidge : "";
  }
  return record.IsDigits() || (record.x == "X" && record.y == "Z") ? kRidge : "";
}

std::string ExcusePwcca(const Origin& record) {
  if (record.measure == "one_minus_pwcca") {
    const bool has_fewer = record.x == "net0_layer3" && record.y == "net1_layer2";
    const bool is_partnerless =
        (record.x == "X" && record.y == "Y") || (record.IsRankDeficient() && !has_fewer);
    return is_partnerless ? kPartnerless : "";
  }
  if (record.measure != "pwcca" || !record.HasRidge() || !record.IsDigits()) return "";
  // The first layer has more live features, and as many in all.
  const bool is_same_layer = record.x.back() == record.y.back();
  return is_same_layer && record.IsRankDeficient() ? kOtherSide : kRidge;
}

std::string ExcuseBures(const Origin& record) {
  if (record.measure == "nbs_linear") return record.x != record.y ? kRoots : "";
  if (record.measure != "bures_squared_gram") return "";
  static const std::set<std::string> beyond_tolerance = {
      "X,Y", "Y,X", "input,net0_layer4", "net0_layer1,net1_layer1", "net0_layer3,net1_layer3"};
  return beyond_tolerance.contains(record.x + "," + record.y) ? kRoots : "";
}

}  // namespace

std::optional<Question> TranslateShape(const std::string& measure, const json& params) {
  if (auto question = TranslateCca(measure, params)) return question;
  if (auto question = TranslateProcrustes(measure, params)) return question;
  if (auto question = TranslateMatching(measure)) return question;
  if (measure == "gulp") {
    return Question{absl::StrCat("gulp-form=squared-ridge=", NumberIn(params, "lambda"))};
  }
  if (measure == "gulp_cka_prime") return Question{"gram-distance-form=squared"};
  if (measure == "resi_EigenspaceOverlapScore") return Question{"eigenspace-overlap-over=width"};
  if (measure == "resi_svcca_kept_components" || measure == "cca_coefficients") {
    Question question{""};
    question.excuse = measure == "cca_coefficients" ? kRefused : kNoScore;
    return question;
  }
  return std::nullopt;
}

std::string ExcuseShape(const json& record) {
  if (!record.at("x").is_string() || !record.at("y").is_string()) return "";
  const Origin origin(record);
  static const std::set<std::string> refused = {"cca_mean_rho", "cca_mean_rho_truncated", "cca_r2",
                                                "pwcca", "linear_regression_r2"};
  if (record.at("value").is_null()) return refused.contains(origin.measure) ? kRefused : "";
  if (origin.measure == "gulp_cka_prime") return kNoSelfTerms;
  if (origin.measure == "gulp") {
    const bool is_own = absl::StartsWith(origin.library, "own");
    const bool is_inverse = origin.params.value("lambda", 1.0) == 0.0;
    return is_inverse && !is_own && origin.IsRankDeficient() ? kDeadUnits : "";
  }
  for (const auto family : {ExcuseCca, ExcusePwcca, ExcuseBures}) {
    if (std::string excuse = family(origin); !excuse.empty()) return excuse;
  }
  return "";
}

}  // namespace gramian::testing
