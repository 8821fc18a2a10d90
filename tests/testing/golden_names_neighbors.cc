// Golden names of measures of neighbourhoods.
#include "absl/strings/str_cat.h"
#include "tests/testing/golden_names.h"

namespace gramian::testing {

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

std::string ExcuseNeighbors(const nlohmann::json& /*record*/) { return ""; }

}  // namespace gramian::testing
