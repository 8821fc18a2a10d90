// Measures of what two networks answer: for layers that are the logits of the same classes.
//
//   jsd           mean over the inputs of the Jensen-Shannon divergence, in bits, of the
//                 softmaxed rows
//   disagreement  share of inputs whose largest logits belong to different classes (the first of
//                 equal ones counts)
//
// O(n d) for a pair. Sources: Lin 1991; Klabunde et al. 2023, arXiv 2305.06329; ReSi.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gramian/base/status_macros.h"
#include "gramian/measure/layer_measure.h"
#include "gramian/measure/measure_parameters.h"

namespace gramian {
namespace {

using Row = Eigen::ArrayXd;

Row Softmax(const Row& logits) {
  const Row weights = (logits - logits.maxCoeff()).exp();
  return weights / weights.sum();
}

// p log2(p / m), 0 for p = 0.
double RelativeEntropy(double p, double m) { return p > 0.0 ? p * std::log2(p / m) : 0.0; }

double JensenShannon(const Row& a, const Row& b) {
  const Row p = Softmax(a);
  const Row q = Softmax(b);
  double sum = 0.0;
  for (Index i = 0; i < p.size(); ++i) {
    const double middle = 0.5 * (p[i] + q[i]);
    sum += RelativeEntropy(p[i], middle) + RelativeEntropy(q[i], middle);
  }
  return std::clamp(0.5 * sum, 0.0, 1.0);
}

double Differs(const Row& a, const Row& b) {
  Index a_class = 0;
  Index b_class = 0;
  a.maxCoeff(&a_class);
  b.maxCoeff(&b_class);
  return a_class == b_class ? 0.0 : 1.0;
}

// The mean over the inputs of a function of the two rows.
class OutputMeasure final : public LayerMeasure {
 public:
  using RowScore = double (*)(const Row& a, const Row& b);

  OutputMeasure(const char* name, const MeasureTraits& traits, RowScore score)
      : LayerMeasure(name, traits, Form::kFeatureSpace), row_score_(score) {}

 private:
  absl::StatusOr<Score> CompareLayers(const ComputeContext& context, const Operand& a,
                                      const Operand& b) const override {
    constexpr int64_t kBlock = 256;
    const int64_t n = a.rows();
    std::vector<double> sums(static_cast<size_t>((n + kBlock - 1) / kBlock));
    GRAMIAN_RETURN_IF_ERROR(
        ParallelFor(context, static_cast<int64_t>(sums.size()), [&](int64_t block) {
          Row a_row(a.cols());
          Row b_row(b.cols());
          for (int64_t i = block * kBlock; i < std::min((block + 1) * kBlock, n); ++i) {
            a.layers()[0]->ReadRows(i, 1, a_row.data());
            b.layers()[0]->ReadRows(i, 1, b_row.data());
            sums[static_cast<size_t>(block)] += row_score_(a_row, b_row);
          }
          return absl::OkStatus();
        }));
    double total = 0.0;
    for (const double sum : sums) total += sum;
    return Value(total / static_cast<double>(n));
  }

  const RowScore row_score_;
};

MeasureTraits OutputTraits() {
  MeasureTraits traits;
  traits.larger_is_more_similar = false;
  traits.invariant_to_dead_units = false;
  traits.scores_constant_layers = true;
  traits.min_inputs = 1;
  traits.compares_features = true;
  return traits;
}

using Made = absl::StatusOr<std::shared_ptr<const SimilarityMeasure>>;

Made MakeJsd(MeasureParameters& /*parameters*/) {
  return std::make_shared<const OutputMeasure>("jsd", OutputTraits(), &JensenShannon);
}

Made MakeDisagreement(MeasureParameters& /*parameters*/) {
  MeasureTraits traits = OutputTraits();
  traits.is_metric = true;
  return std::make_shared<const OutputMeasure>("disagreement", traits, &Differs);
}

}  // namespace

MeasureEntry JsdEntry() {
  MeasureFamily family;
  family.name = "jsd";
  family.description =
      "Mean Jensen-Shannon divergence, in bits, of the softmaxed logits of two networks.";
  family.source = "Lin 1991; ReSi (Klabunde et al. 2024)";
  family.examples = {"jsd"};
  return {std::move(family), &MakeJsd};
}

MeasureEntry DisagreementEntry() {
  MeasureFamily family;
  family.name = "disagreement";
  family.description =
      "Share of inputs that the logits of two networks put into different classes.";
  family.source = "Klabunde et al. 2023, arXiv 2305.06329; ReSi (Klabunde et al. 2024)";
  family.examples = {"disagreement"};
  return {std::move(family), &MakeDisagreement};
}

}  // namespace gramian
