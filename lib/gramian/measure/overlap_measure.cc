#include "gramian/measure/overlap_measure.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/operand.h"
#include "gramian/measure/path_geometry.h"

namespace gramian {
namespace {

class Measure final : public SimilarityMeasure {
 public:
  explicit Measure(OverlapMeasure measure) : measure_(std::move(measure)) {}

  const std::string& name() const override { return measure_.name; }
  const MeasureTraits& traits() const override { return measure_.traits; }

  absl::StatusOr<Score> Compare(const ComputeContext& context, const Operand& a, const Operand& b,
                                Form form) const override {
    if (a.is_network() || b.is_network()) {
      return absl::InvalidArgumentError(absl::StrCat(name(), " does not apply to fused networks"));
    }
    if (a.rows() < traits().min_inputs) return Score{ScoreStatus::kTooFewInputs, 0.0, form};
    if (measure_.needs_explicit_eigenvectors && form == Form::kAuto) form = Form::kSpectral;
    if (measure_.needs_explicit_eigenvectors && form == Form::kFeatureSpace) {
      return absl::InvalidArgumentError(absl::StrCat(name(), " has the form spectral only"));
    }
    GRAMIAN_ASSIGN_OR_RETURN(
        const LayerOverlap overlap,
        ComputeOverlap(context, a, b, measure_.kernel, measure_.centering, form));
    if (overlap.status != ScoreStatus::kOk) return Score{overlap.status, 0.0, overlap.form};
    if (traits().best_with_itself && a.key() == b.key()) {
      const double best = traits().larger_is_more_similar ? traits().range_max : 0.0;
      return Score{ScoreStatus::kOk, best, overlap.form};
    }
    GRAMIAN_ASSIGN_OR_RETURN(const double value, measure_.value(context, a, b, overlap));
    return Score{ScoreStatus::kOk, std::clamp(value, traits().range_min, traits().range_max),
                 overlap.form};
  }

  absl::StatusOr<std::unique_ptr<const PathGeometry>> PlacePoints(
      const ComputeContext& context, absl::Span<const Operand> layers,
      absl::Span<const Score> scores) const override {
    if (measure_.place == nullptr) return nullptr;
    return measure_.place(context, layers, scores);
  }

 private:
  const OverlapMeasure measure_;
};

}  // namespace

std::shared_ptr<const SimilarityMeasure> MakeOverlapMeasure(OverlapMeasure measure) {
  return std::make_shared<const Measure>(std::move(measure));
}

}  // namespace gramian
