// Measures that compare which inputs are neighbours, and in which order. With A, B the k neighbours
// of an input on the two sides and v = |A and B|, the mean over all inputs of
//
//   knn-jaccard         v / |A or B| = v / (2 k - v)
//   mutual-knn          v / k
//   rank-similarity     sum over common ones, with ranks a, b, of 2 / ((1 + |a - b|) (a + b)),
//                       over the harmonic number 1 + 1/2 + ... + 1/v; 0 if none
//   joint-rank-jaccard  product of the first and the third
//   cycle-knn           1 if some neighbour on side b has the input among its neighbours on side a
//
// Sources: Wang et al. 2022 (joint rank-Jaccard, rank similarity), as in ReSi (Klabunde et al.
// 2024); Huh et al. 2024, arXiv 2405.07987 (mutual, cycle).
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/layer_measure.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/neighborhoods.h"

namespace gramian {
namespace {

// The score of input i.
using RowScore = double (*)(const Neighbors& a, const Neighbors& b, int64_t i);

double JaccardOf(int64_t common, int64_t k) {
  return static_cast<double>(common) / static_cast<double>(2 * k - common);
}

double RankSimilarityOf(const std::vector<CommonNeighbor>& common) {
  double sum = 0.0;
  double harmonic = 0.0;
  for (const CommonNeighbor& neighbor : common) {
    const int64_t apart = 1 + std::abs(neighbor.a_rank - neighbor.b_rank);
    sum += 2.0 / static_cast<double>(apart * (neighbor.a_rank + neighbor.b_rank));
    harmonic += 1.0 / static_cast<double>(&neighbor - common.data() + 1);
  }
  return common.empty() ? 0.0 : sum / harmonic;
}

double Jaccard(const Neighbors& a, const Neighbors& b, int64_t i) {
  return JaccardOf(static_cast<int64_t>(CommonNeighbors(a, b, i).size()), a.k());
}

double Mutual(const Neighbors& a, const Neighbors& b, int64_t i) {
  return static_cast<double>(CommonNeighbors(a, b, i).size()) / static_cast<double>(a.k());
}

double RankSimilarity(const Neighbors& a, const Neighbors& b, int64_t i) {
  return RankSimilarityOf(CommonNeighbors(a, b, i));
}

double JointRankJaccard(const Neighbors& a, const Neighbors& b, int64_t i) {
  const std::vector<CommonNeighbor> common = CommonNeighbors(a, b, i);
  return JaccardOf(static_cast<int64_t>(common.size()), a.k()) * RankSimilarityOf(common);
}

double Cycle(const Neighbors& a, const Neighbors& b, int64_t i) {
  const auto there = b.Of(i);
  return std::any_of(there.begin(), there.end(),
                     [&](int32_t j) {
                       const auto back = a.Of(j);
                       return std::find(back.begin(), back.end(), i) != back.end();
                     })
             ? 1.0
             : 0.0;
}

class NeighborOverlap final : public LayerMeasure {
 public:
  NeighborOverlap(const std::string& family, const NeighborhoodSpec& spec,
                  const MeasureTraits& traits, RowScore row_score)
      : LayerMeasure(family + spec.ToString(), traits, Form::kSampleSpace),
        spec_(spec),
        row_score_(row_score) {}

 private:
  absl::StatusOr<Score> CompareLayers(const ComputeContext& context, const Operand& a,
                                      const Operand& b) const override {
    GRAMIAN_ASSIGN_OR_RETURN(const auto near_a, NeighborsOf(context, a, spec_));
    GRAMIAN_ASSIGN_OR_RETURN(const auto near_b, NeighborsOf(context, b, spec_));
    if (near_a->is_constant() || near_b->is_constant()) return Without(ScoreStatus::kConstant);
    GRAMIAN_ASSIGN_OR_RETURN(const double mean, MeanOverInputs(context, a.rows(), [&](int64_t i) {
                               return row_score_(*near_a, *near_b, i);
                             }));
    return WithRecall(Value(mean), *near_a, *near_b);
  }

  const NeighborhoodSpec spec_;
  const RowScore row_score_;
};

using Made = absl::StatusOr<std::shared_ptr<const SimilarityMeasure>>;

Made Make(const char* family, MeasureParameters& parameters, RowScore row_score,
          bool is_cycle = false) {
  GRAMIAN_ASSIGN_OR_RETURN(const NeighborhoodSpec spec, TakeNeighborhood(parameters, {}, 1));
  MeasureTraits traits = NeighborhoodTraits(spec);
  traits.is_symmetric = !is_cycle;
  traits.best_with_itself = !is_cycle;
  return std::make_shared<const NeighborOverlap>(family, spec, traits, row_score);
}

MeasureEntry Entry(const char* name, const char* description, const char* source,
                   std::vector<std::string> examples, Made (*make)(MeasureParameters&)) {
  MeasureFamily family;
  family.name = name;
  family.description = description;
  family.source = source;
  family.parameters = NeighborhoodParameters("cosine|euclidean|dot", {});
  family.examples = std::move(examples);
  return {std::move(family), make};
}

}  // namespace

MeasureEntry KnnJaccardEntry() {
  return Entry("knn-jaccard",
               "Share of the union of an input's k nearest neighbours that both layers have in "
               "common, on average.",
               "Wang et al. 2022; ReSi (Klabunde et al. 2024)",
               {"knn-jaccard-neighbors=cosine-k=10", "knn-jaccard-neighbors=euclidean-k=5",
                "knn-jaccard-neighbors=cosine-k=10-search=hnsw:200"},
               [](MeasureParameters& p) { return Make("knn-jaccard", p, &Jaccard); });
}

MeasureEntry MutualKnnEntry() {
  return Entry("mutual-knn",
               "Share of an input's k nearest neighbours that both layers have in common, on "
               "average.",
               "Huh et al. 2024, arXiv 2405.07987",
               {"mutual-knn-neighbors=cosine-k=10", "mutual-knn-neighbors=dot-k=5"},
               [](MeasureParameters& p) { return Make("mutual-knn", p, &Mutual); });
}

MeasureEntry RankSimilarityEntry() {
  return Entry("rank-similarity",
               "How alike both layers rank the neighbours of an input that they have in common, on "
               "average.",
               "Wang et al. 2022; ReSi (Klabunde et al. 2024)",
               {"rank-similarity-neighbors=cosine-k=10"},
               [](MeasureParameters& p) { return Make("rank-similarity", p, &RankSimilarity); });
}

MeasureEntry JointRankJaccardEntry() {
  return Entry(
      "joint-rank-jaccard",
      "Product of an input's k-NN Jaccard similarity and rank similarity, on average.",
      "Wang et al. 2022", {"joint-rank-jaccard-neighbors=cosine-k=10"},
      [](MeasureParameters& p) { return Make("joint-rank-jaccard", p, &JointRankJaccard); });
}

MeasureEntry CycleKnnEntry() {
  return Entry(
      "cycle-knn",
      "Share of inputs that are a neighbour in layer a of one of their neighbours in layer "
      "b.",
      "Huh et al. 2024, arXiv 2405.07987", {"cycle-knn-neighbors=cosine-k=3"},
      [](MeasureParameters& p) { return Make("cycle-knn", p, &Cycle, true); });
}

}  // namespace gramian
