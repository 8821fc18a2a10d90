// LFM: whether two layers see the same inputs along the same smooth functions.
//
//   C = phi_b' phi_a,  phi the first k eigenvectors of the Laplacian of each layer's graph of
//   nearest neighbours
//
// What is made of C: functional_similarity.h. Source: Fumero et al. 2024, arXiv 2406.14183, and the
// authors' code, marc0git/lfmap.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/functional_basis.h"
#include "gramian/measure/functional_map.h"
#include "gramian/measure/functional_similarity.h"
#include "gramian/measure/measure_parameters.h"

namespace gramian {
namespace {

constexpr int kMaxBasis = 1000;
constexpr int kMaxNeighbors = 10000;

class LatentFunctionalMap final : public SimilarityMeasure {
 public:
  LatentFunctionalMap(const std::string& form, const GraphSpec& graph, Index basis)
      : form_(form),
        graph_(graph),
        basis_(basis),
        name_(absl::StrCat("lfm-form=", form, "-", graph.ToString(), "-basis=", basis)) {
    traits_.is_symmetric = form == "corrected" || form == "overlap";
    traits_.invariant_to_orthogonal = true;
    traits_.invariant_to_permutation = true;
    traits_.invariant_to_isotropic_scaling = true;
    traits_.invariant_to_translation = graph.metric == GraphMetric::kEuclidean;
    traits_.min_inputs = 4;
  }

  const std::string& name() const override { return name_; }
  const MeasureTraits& traits() const override { return traits_; }

  absl::StatusOr<Score> Compare(const ComputeContext& context, const Operand& a, const Operand& b,
                                Form form) const override {
    if (a.is_network() || b.is_network()) {
      return absl::InvalidArgumentError(absl::StrCat(name_, " does not apply to fused networks"));
    }
    if (form != Form::kAuto && form != Form::kSpectral) {
      return absl::InvalidArgumentError(
          absl::StrCat("form ", ToString(form), " cannot compute ", name_));
    }
    if (a.rows() < traits_.min_inputs) return Score{ScoreStatus::kTooFewInputs};
    const Index k = std::min<Index>(basis_, a.rows() - 1);
    GRAMIAN_ASSIGN_OR_RETURN(const auto a_basis, GetEigenbasis(context, a, graph_, k));
    GRAMIAN_ASSIGN_OR_RETURN(const auto b_basis, GetEigenbasis(context, b, graph_, k));
    if (a_basis->is_constant() || b_basis->is_constant()) {
      return Score{ScoreStatus::kConstant, 0.0, Form::kSpectral};
    }
    if (a.key() == b.key()) return Score{ScoreStatus::kOk, 1.0, Form::kSpectral};
    GRAMIAN_ASSIGN_OR_RETURN(const Matrix map, KnownFunctionalMap(context, *a_basis, *b_basis));
    return Score{ScoreStatus::kOk,
                 Pick(ScoreFunctionalMap(map, a_basis->values(), b_basis->values())),
                 Form::kSpectral};
  }

 private:
  double Pick(const FunctionalScores& scores) const {
    if (form_ == "published") return scores.published;
    if (form_ == "official") return scores.official;
    return form_ == "overlap" ? scores.overlap : scores.corrected;
  }

  const std::string form_;
  const GraphSpec graph_;
  const Index basis_;
  const std::string name_;
  MeasureTraits traits_;
};

absl::StatusOr<int64_t> TakeCount(MeasureParameters& parameters, const std::string& key,
                                  int default_value, int low, int high) {
  GRAMIAN_ASSIGN_OR_RETURN(const double value,
                           parameters.TakeNumber(key, default_value, low, high));
  const auto count = static_cast<int64_t>(value);
  if (static_cast<double>(count) == value) return count;
  return absl::InvalidArgumentError(absl::StrCat(key, " is a whole number, not ", value));
}

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(
      const std::string form,
      parameters.TakeChoice("form", {"corrected", "published", "official", "overlap"}));
  GraphSpec graph;
  GRAMIAN_ASSIGN_OR_RETURN(graph.metric, ParseGraphMetric(parameters.Take("graph", "angular")));
  GRAMIAN_ASSIGN_OR_RETURN(graph.weight, ParseEdgeWeight(parameters.Take("weights", "gaussian")));
  const std::string neighbors = parameters.Take("neighbors", "auto");
  if (neighbors != "auto") {
    MeasureParameters number({{"neighbors", neighbors}});
    GRAMIAN_ASSIGN_OR_RETURN(graph.neighbors, TakeCount(number, "neighbors", 1, 1, kMaxNeighbors));
  }
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t basis, TakeCount(parameters, "basis", 50, 3, kMaxBasis));
  return std::make_shared<const LatentFunctionalMap>(form, graph, basis);
}

}  // namespace

MeasureEntry LatentFunctionalMapEntry() {
  MeasureFamily family;
  family.name = "lfm";
  family.description =
      "Latent functional maps: how near C = phi_b' phi_a is to a diagonal matrix, phi the first k "
      "eigenvectors of the Laplacians of the graphs of nearest neighbours. Per layer O(n^2 d) and "
      "O(n k^2), per pair O(n k^2).";
  family.source = "Fumero et al. 2024, arXiv 2406.14183, section 3.3; authors' code marc0git/lfmap";
  family.parameters = {
      {"form", "corrected|published|official|overlap", "corrected",
       "of C without its trivial first function, both directions averaged; the paper's formula; "
       "what its code computes, without squares; mean squared cosine between the two spaces"},
      {"graph", "angular|euclidean", "angular", "distance of two inputs"},
      {"weights", "gaussian|symgaussian|uniform|distance|singular", "gaussian",
       "weight of an edge of length d, relative to the k-th neighbours' for the first two; 1; d; "
       "1/d"},
      {"neighbors", "auto|whole number from 1 to 10000", "auto",
       "neighbours of an input; auto: n / 20, from 30 to 300"},
      {"basis", "whole number from 3 to 1000", "50", "k, at most n - 1"}};
  family.examples = {"lfm-form=corrected-graph=angular-weights=gaussian-neighbors=auto-basis=50",
                     "lfm-form=published-graph=angular-weights=gaussian-neighbors=10-basis=20",
                     "lfm-form=official-graph=angular-weights=distance-neighbors=20-basis=10",
                     "lfm-form=overlap-graph=angular-weights=symgaussian-neighbors=12-basis=20",
                     "lfm-form=corrected-graph=euclidean-weights=singular-neighbors=15-basis=20",
                     "lfm-form=corrected-graph=euclidean-weights=uniform-neighbors=10-basis=20"};
  return {std::move(family), &Make};
}

}  // namespace gramian
