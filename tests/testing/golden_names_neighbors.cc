// Golden names of measures of neighbourhoods.
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/testing/golden_names.h"

namespace gramian::testing {

using nlohmann::json;

std::optional<Question> TranslateNeighbors(const std::string& measure,
                                           const nlohmann::json& params) {
  // The matrices say no k: it is 10.
  const std::string k =
      absl::StrCat("-k=", params.contains("k") ? NumberIn(params, "k") : std::string("10"));
  if (measure == "knn_jaccard_cosine") return Question{"knn-jaccard" + k};
  if (measure == "knn_jaccard_euclidean") return Question{"knn-jaccard-neighbors=euclidean" + k};
  if (measure == "resi_RankSimilarity") return Question{"rank-similarity" + k};
  if (measure == "resi_joint_rank_jaccard") return Question{"joint-rank-jaccard" + k};
  if (measure == "resi_SecondOrderCosineSimilarity") return Question{"second-order-cosine" + k};
  if (measure == "cycle_knn") return Question{"cycle-knn" + k};
  if (measure == "cknna") return Question{absl::StrCat("cknna", k, "-epsilon=1e-06")};
  if (measure == "mutual_knn_inner_product") {
    const bool is_dot = params.at("preprocessing") == "none";
    return Question{absl::StrCat("mutual-knn-neighbors=", is_dot ? "dot" : "cosine", k)};
  }
  return std::nullopt;
}

std::string ExcuseNeighbors(const nlohmann::json& record) {
  static const std::set<std::string> measures = {"knn_jaccard_cosine",
                                                 "knn_jaccard_euclidean",
                                                 "resi_RankSimilarity",
                                                 "resi_joint_rank_jaccard",
                                                 "cycle_knn",
                                                 "cknna",
                                                 "mutual_knn_inner_product"};
  // Among one-hot rows all inputs of a class are equally near.
  const std::string measure = record.at("measure");
  const bool has_labels = record.at("y") == "onehot";
  if (has_labels && measure == "resi_SecondOrderCosineSimilarity") {
    return "The library counts 0/0 as 1.";
  }
  // Pixels are small integers, so that their inner products tie; among 10 neighbours it makes no
  // difference.
  const json& params = record.at("params");
  const bool has_pixels = record.at("x") == "input" &&
                          params.value("preprocessing", "") == "none" && params.value("k", 0) == 5;
  const bool has_ties = has_labels || has_pixels;
  return has_ties && measures.contains(measure) ? "The library takes any of equally near inputs."
                                                : "";
}

}  // namespace gramian::testing
