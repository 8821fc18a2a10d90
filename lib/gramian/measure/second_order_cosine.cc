// Second-order cosine similarity: for each input the vectors of cosine distances, on each side, to
// the inputs that are among its k nearest neighbours on either side; the mean of the cosines of
// these vectors. Two vectors of zeros have cosine 1, one alone 0.
//
// Sources: Hamilton, Leskovec, Jurafsky 2016; ReSi (Klabunde et al. 2024).
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gramian/base/status_macros.h"
#include "gramian/geometry/rdm.h"
#include "gramian/measure/layer_measure.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/neighborhoods.h"

namespace gramian {
namespace {

constexpr char kName[] = "second-order-cosine";

double DissimilarityOf(const RdmTiles& rdm, int64_t i, int64_t j) {
  Matrix entry;
  rdm.Tile(i, 1, j, 1, entry);
  return entry(0, 0);
}

class SecondOrderCosine final : public LayerMeasure {
 public:
  explicit SecondOrderCosine(const NeighborhoodSpec& spec)
      : LayerMeasure(kName + spec.ToString(), NeighborhoodTraits(spec), Form::kSampleSpace),
        spec_(spec) {}

 private:
  absl::StatusOr<Score> CompareLayers(const ComputeContext& context, const Operand& a,
                                      const Operand& b) const override {
    GRAMIAN_ASSIGN_OR_RETURN(const auto near_a, NeighborsOf(context, a, spec_));
    GRAMIAN_ASSIGN_OR_RETURN(const auto near_b, NeighborsOf(context, b, spec_));
    if (near_a->is_constant() || near_b->is_constant()) return Without(ScoreStatus::kConstant);
    if (a.key() == b.key()) return WithRecall(Value(1.0), *near_a, *near_b);
    GRAMIAN_ASSIGN_OR_RETURN(const RdmTiles a_rdm,
                             RdmTiles::Create(context, *a.layers()[0], Dissimilarity::kCosine));
    GRAMIAN_ASSIGN_OR_RETURN(const RdmTiles b_rdm,
                             RdmTiles::Create(context, *b.layers()[0], Dissimilarity::kCosine));
    GRAMIAN_ASSIGN_OR_RETURN(
        const double mean, MeanOverInputs(context, a.rows(), [&](int64_t i) {
          std::vector<int32_t> either(near_a->Of(i).begin(), near_a->Of(i).end());
          either.insert(either.end(), near_b->Of(i).begin(), near_b->Of(i).end());
          std::sort(either.begin(), either.end());
          either.erase(std::unique(either.begin(), either.end()), either.end());
          double ab = 0.0;
          double aa = 0.0;
          double bb = 0.0;
          for (const int32_t j : either) {
            const double a_far = DissimilarityOf(a_rdm, i, j);
            const double b_far = DissimilarityOf(b_rdm, i, j);
            ab += a_far * b_far;
            aa += a_far * a_far;
            bb += b_far * b_far;
          }
          if (aa == 0.0 || bb == 0.0) return aa == bb ? 1.0 : 0.0;
          return std::min(ab / (std::sqrt(aa) * std::sqrt(bb)), 1.0);
        }));
    return WithRecall(Value(mean), *near_a, *near_b);
  }

  const NeighborhoodSpec spec_;
};

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const NeighborhoodSpec spec, TakeNeighborhood(parameters, {}, 1));
  if (spec.nearness == Nearness::kCosine) return std::make_shared<const SecondOrderCosine>(spec);
  return absl::InvalidArgumentError("the distances of second-order-cosine are those of cosine");
}

}  // namespace

MeasureEntry SecondOrderCosineEntry() {
  MeasureFamily family;
  family.name = kName;
  family.description =
      "Cosine of the vectors of cosine distances from an input to its neighbours in either layer, "
      "on average.";
  family.source = "Hamilton et al. 2016; ReSi (Klabunde et al. 2024)";
  family.parameters = NeighborhoodParameters("cosine", {});
  family.examples = {"second-order-cosine-neighbors=cosine-k=10"};
  return {std::move(family), &Make};
}

}  // namespace gramian
