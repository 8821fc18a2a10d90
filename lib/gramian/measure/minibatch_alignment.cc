// CKA from batches of inputs (minibatch CKA): with the debiased HSIC of Song et al. on every batch
// b,
//
//   sum_b w_b HSIC(K_b, L_b) / sqrt(sum_b w_b HSIC(K_b, K_b) sum_b w_b HSIC(L_b, L_b))
//
// Batches are the inputs as they are stored, `batch` at a time; a last batch of fewer than 4 is
// left out. weights=equal: w_b = 1, as published; weights=pairs: w_b = n_b (n_b - 3), as the
// authors' code sums. Both are the same unless the last batch is shorter. One batch of all inputs
// is debiased CKA; smaller ones estimate the same, with noise that depends on what is in a batch. A
// bandwidth is that of each batch. Cost: that of debiased CKA on every batch, at most n (d_a^2 +
// d_b^2 + d_a d_b).
//
// Source: Nguyen, Raghu, Kornblith 2021, arXiv 2010.15327, eq. 3.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/derived.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/alignment.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/representation/representation.h"

namespace gramian {
namespace {

// Fewest inputs that the debiased estimator has a value for.
constexpr int64_t kLeastBatch = 4;
constexpr int64_t kDefaultBatch = 256;

class MinibatchCka final : public SimilarityMeasure {
 public:
  MinibatchCka(const KernelSpec& kernel, int64_t batch, bool by_pairs)
      : kernel_(kernel),
        batch_(batch),
        by_pairs_(by_pairs),
        name_(absl::StrCat("minibatch-cka-kernel=", kernel.ToString(), "-batch=", batch,
                           "-weights=", by_pairs ? "pairs" : "equal")),
        traits_(KernelTraits(kernel)) {
    traits_.range_min = -1.0;
    traits_.min_inputs = kLeastBatch;
    // Batches side by side are one vector.
    traits_.space = ScoreSpace::kCosine;
  }

  const std::string& name() const override { return name_; }
  const MeasureTraits& traits() const override { return traits_; }

  absl::StatusOr<Score> Compare(const ComputeContext& context, const Operand& a, const Operand& b,
                                Form form) const override {
    if (a.is_network() || b.is_network()) {
      return absl::InvalidArgumentError(absl::StrCat(name_, " does not apply to fused networks"));
    }
    if (a.rows() < kLeastBatch) return Score{ScoreStatus::kTooFewInputs, 0.0, form};
    Alignment total;
    total.status = ScoreStatus::kConstant;
    for (int64_t first = 0; a.rows() - first >= kLeastBatch; first += batch_) {
      GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
      const int64_t count = std::min(batch_, a.rows() - first);
      GRAMIAN_ASSIGN_OR_RETURN(const Alignment batch,
                               CompareBatch(context, a, b, first, count, form));
      if (batch.status == ScoreStatus::kZeroBandwidth) return WithoutValue(batch);
      Add(batch, count, total);
    }
    if (total.status == ScoreStatus::kOk && !(total.a_self > 0.0 && total.b_self > 0.0)) {
      total.status = ScoreStatus::kNonpositiveSelfTerm;
    }
    if (total.status != ScoreStatus::kOk) return WithoutValue(total);
    return Score{ScoreStatus::kOk, total.Cosine(), total.form};
  }

 private:
  absl::StatusOr<Alignment> CompareBatch(const ComputeContext& context, const Operand& a,
                                         const Operand& b, int64_t first, int64_t count,
                                         Form form) const {
    NoCache cache;
    auto inputs = std::make_shared<std::vector<int64_t>>(static_cast<size_t>(count));
    std::iota(inputs->begin(), inputs->end(), first);
    const Operand a_rows(Representation::SelectRows(a.layers()[0], inputs), &cache);
    const Operand b_rows(Representation::SelectRows(b.layers()[0], inputs), &cache);
    GRAMIAN_ASSIGN_OR_RETURN(Alignment batch, Align(context, a_rows, b_rows, form));
    if (batch.status == ScoreStatus::kConstant) {
      // The side that varies has a self term all the same.
      GRAMIAN_ASSIGN_OR_RETURN(const Alignment a_self, Align(context, a_rows, a_rows, form));
      GRAMIAN_ASSIGN_OR_RETURN(const Alignment b_self, Align(context, b_rows, b_rows, form));
      batch.cross = 0.0;
      batch.a_self = a_self.status == ScoreStatus::kConstant ? 0.0 : a_self.a_self;
      batch.b_self = b_self.status == ScoreStatus::kConstant ? 0.0 : b_self.a_self;
    }
    return batch;
  }

  absl::StatusOr<Alignment> Align(const ComputeContext& context, const Operand& a, const Operand& b,
                                  Form form) const {
    if (form == Form::kAuto) {
      form = PlanForm(kernel_, a.rows(), a.cols(), b.cols(), 1.0);
      if (form == Form::kSpectral) form = Form::kSampleSpace;
    }
    return ComputeAlignment(context, a, b, kernel_, Estimator::kDebiased, form);
  }

  void Add(const Alignment& batch, int64_t count, Alignment& total) const {
    const auto n = static_cast<double>(count);
    const double weight = by_pairs_ ? 1.0 : 1.0 / (n * (n - 3.0));
    total.cross += weight * batch.cross;
    total.a_self += weight * batch.a_self;
    total.b_self += weight * batch.b_self;
    total.form = batch.form;
    // A score needs one batch on which both sides vary.
    if (total.status != ScoreStatus::kOk && batch.status != ScoreStatus::kConstant) {
      total.status = batch.status;
    }
  }

  const KernelSpec kernel_;
  const int64_t batch_;
  const bool by_pairs_;
  const std::string name_;
  MeasureTraits traits_;
};

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(const KernelSpec kernel, parameters.TakeKernel(false));
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t batch,
                           parameters.TakeCount("batch", kDefaultBatch, kLeastBatch));
  GRAMIAN_ASSIGN_OR_RETURN(const std::string weights,
                           parameters.TakeChoice("weights", {"equal", "pairs"}));
  return std::make_shared<const MinibatchCka>(kernel, batch, weights == "pairs");
}

}  // namespace

MeasureEntry MinibatchCkaEntry() {
  MeasureFamily family;
  family.name = "minibatch-cka";
  family.description =
      "CKA from the debiased HSIC of batches of inputs, as it is estimated while a network runs; "
      "one batch of all inputs is cka-hsic=song.";
  family.source = "Nguyen, Raghu, Kornblith 2021, arXiv 2010.15327, eq. 3";
  family.parameters = {
      {"kernel", "linear|cosine|rbf|laplacian", "linear", "the RSM that is compared"},
      {"bandwidth", "fixed:S|median:F|kornblith:F|lowermedian:F", "median:1",
       "sigma of the rbf and laplacian kernels, of each batch"},
      {"batch", "integer >= 4", absl::StrCat(kDefaultBatch), "inputs of a batch, in stored order"},
      {"weights", "equal|pairs", "equal",
       "every batch counts alike, or as n (n - 3) of its n inputs, as in the authors' code"}};
  family.examples = {"minibatch-cka-kernel=linear-batch=16-weights=equal",
                     "minibatch-cka-kernel=linear-batch=25-weights=pairs",
                     "minibatch-cka-kernel=rbf-bandwidth=median:1-batch=30-weights=equal"};
  return {std::move(family), &Make};
}

}  // namespace gramian
