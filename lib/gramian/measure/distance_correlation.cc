// Distance correlation.
//
//   dCor^2 = <A, B> / sqrt(<A, A> <B, B>),  A, B the doubly centred matrices of Euclidean distances
//
// which is the alignment of the kernels -|x_i - x_j|. With an exponent e the distances are |x_i -
// x_j|^e. With whitening=full the layers are whitened first: of each the eigenvectors of its linear
// kernel remain, all with the same weight. Sources: Szekely, Rizzo, Bakirov 2007; Szekely and Rizzo
// 2014 (unbiased); Sejdinovic et al. 2013 (as a kernel); Dueck et al. 2014 (affinely invariant).
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/alignment.h"
#include "gramian/measure/measure_parameters.h"
#include "gramian/measure/permuted_alignment.h"

namespace gramian {
namespace {

enum class DistanceForm { kRoot, kSquared, kUnbiased };

// Beyond, the powers of all distances are equal to rounding, or their centred matrix is that of
// inner products.
constexpr double kMinExponent = 0.01;
constexpr double kMaxExponent = 1.99;

// A way to compute it; the name without what is the default.
struct Variant {
  DistanceForm form = DistanceForm::kRoot;
  double exponent = 1.0;
  bool whitened = false;

  std::string ToString() const {
    std::string name = "distcorr";
    if (form == DistanceForm::kSquared) absl::StrAppend(&name, "-form=squared");
    if (form == DistanceForm::kUnbiased) absl::StrAppend(&name, "-form=unbiased");
    if (exponent != 1.0) absl::StrAppend(&name, "-exponent=", FormatNumber(exponent));
    if (whitened) absl::StrAppend(&name, "-whitening=full");
    return name;
  }
};

// Only a plain product of layers has negative squares (`is_signed`); otherwise they are rounding of
// 0.
Score ToScore(const Alignment& alignment, DistanceForm form, bool is_signed) {
  const double squared = alignment.Cosine();
  if (form == DistanceForm::kUnbiased) return Score{ScoreStatus::kOk, squared, alignment.form};
  if (squared < 0.0 && is_signed && form == DistanceForm::kRoot) {
    return Score{ScoreStatus::kUndefinedRoot, 0.0, alignment.form};
  }
  const double value = is_signed ? squared : std::max(squared, 0.0);
  return Score{ScoreStatus::kOk, form == DistanceForm::kRoot ? std::sqrt(value) : value,
               alignment.form};
}

// The layer whitened, n x r; null if it is constant, and if r = n - 1, where whitening leaves every
// two inputs equally far apart. Through the cache, as are its eigenvectors.
absl::StatusOr<std::shared_ptr<const Representation>> Whiten(const ComputeContext& context,
                                                             const Operand& layer) {
  return layer.Derive<Representation>(
      context, "whitened",
      [&](const ComputeContext& entry) -> absl::StatusOr<std::shared_ptr<const Representation>> {
        GRAMIAN_ASSIGN_OR_RETURN(
            const std::shared_ptr<const SpectralOperator> spectral,
            layer.GetSpectral(entry, KernelSpec(), {.precise = true, .materialized = true}));
        if (spectral == nullptr || spectral->rank() >= layer.rows() - 1)
          return std::shared_ptr<const Representation>();
        GRAMIAN_ASSIGN_OR_RETURN(const Matrix eigenvectors, spectral->Eigenvectors(entry));
        return Representation::FromMatrix(Matrix(eigenvectors.transpose()));
      });
}

class DistanceCorrelation final : public SimilarityMeasure {
 public:
  explicit DistanceCorrelation(const Variant& variant)
      : form_(variant.form),
        whitened_(variant.whitened),
        kernel_{.kind = KernelKind::kDistance, .exponent = variant.exponent},
        name_(variant.ToString()),
        traits_(KernelTraits(kernel_)) {
    const bool unbiased = form_ == DistanceForm::kUnbiased;
    traits_.min_inputs = unbiased ? 4 : 2;
    traits_.range_min = unbiased ? -1.0 : 0.0;
    traits_.applies_to_networks = !unbiased && !whitened_;
    traits_.invariant_to_invertible_linear = whitened_;
    traits_.invariant_to_affine = whitened_;
    if (form_ != DistanceForm::kRoot) traits_.space = ScoreSpace::kCosine;
    Variant debiased = variant;
    debiased.form = DistanceForm::kUnbiased;
    if (!unbiased) traits_.debiased = debiased.ToString();
  }

  const std::string& name() const override { return name_; }
  const MeasureTraits& traits() const override { return traits_; }

  absl::StatusOr<Score> Compare(const ComputeContext& context, const Operand& a, const Operand& b,
                                Form form) const override {
    const bool unbiased = form_ == DistanceForm::kUnbiased;
    if (a.is_network() && !traits_.applies_to_networks) {
      return absl::InvalidArgumentError(absl::StrCat(name_, " does not apply to fused networks"));
    }
    GRAMIAN_ASSIGN_OR_RETURN(const Sides sides, MakeSides(context, a, b));
    if (!sides.a.has_value()) {
      return Score{a.rows() < traits_.min_inputs ? ScoreStatus::kTooFewInputs
                                                 : ScoreStatus::kConstant};
    }
    if (unbiased && form == Form::kAuto) form = Form::kSampleSpace;
    GRAMIAN_ASSIGN_OR_RETURN(
        const Alignment alignment,
        unbiased
            ? ComputeAlignment(context, *sides.a, *sides.b, kernel_, Estimator::kDebiased, form)
            : ComputePowerAlignment(context, *sides.a, *sides.b, kernel_, 1.0, form));
    if (alignment.status != ScoreStatus::kOk) return WithoutValue(alignment);
    return ToScore(alignment, form_, a.is_network() && a.fusion().order == FusionOrder::kProduct);
  }

  absl::StatusOr<std::unique_ptr<const PermutedScores>> PreparePermutations(
      const ComputeContext& context, const Operand& a, const Operand& b) const override {
    const Estimator estimator =
        form_ == DistanceForm::kUnbiased ? Estimator::kDebiased : Estimator::kBiased;
    GRAMIAN_ASSIGN_OR_RETURN(const Sides sides, MakeSides(context, a, b));
    return PermuteAlignment(context, *sides.a, *sides.b, kernel_, estimator,
                            [form = form_](const Alignment& alignment) {
                              return ToScore(alignment, form, /*is_signed=*/false);
                            });
  }

 private:
  // What is compared; nothing if one of them is to be whitened and constant.
  struct Sides {
    std::optional<Operand> a;
    std::optional<Operand> b;
  };
  absl::StatusOr<Sides> MakeSides(const ComputeContext& context, const Operand& a,
                                  const Operand& b) const {
    if (!whitened_) return Sides{a, b};
    GRAMIAN_ASSIGN_OR_RETURN(std::shared_ptr<const Representation> white_a, Whiten(context, a));
    GRAMIAN_ASSIGN_OR_RETURN(std::shared_ptr<const Representation> white_b, Whiten(context, b));
    if (white_a == nullptr || white_b == nullptr) return Sides{};
    return Sides{a.Other(std::move(white_a)), b.Other(std::move(white_b))};
  }

  const DistanceForm form_;
  const bool whitened_;
  const KernelSpec kernel_;
  const std::string name_;
  MeasureTraits traits_;
};

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Make(MeasureParameters& parameters) {
  Variant variant;
  const std::string form = parameters.Take("form", "root");
  if (form == "squared") {
    variant.form = DistanceForm::kSquared;
  } else if (form == "unbiased") {
    variant.form = DistanceForm::kUnbiased;
  } else if (form != "root") {
    return absl::InvalidArgumentError(
        absl::StrCat("form is root, squared or unbiased, not '", form, "'"));
  }
  GRAMIAN_ASSIGN_OR_RETURN(variant.exponent,
                           parameters.TakeNumber("exponent", 1.0, kMinExponent, kMaxExponent));
  GRAMIAN_ASSIGN_OR_RETURN(const std::string whitening,
                           parameters.TakeChoice("whitening", {"none", "full"}));
  variant.whitened = whitening == "full";
  return std::make_shared<const DistanceCorrelation>(variant);
}

}  // namespace

MeasureEntry DistanceCorrelationEntry() {
  MeasureFamily family;
  family.name = "distcorr";
  family.description =
      "Distance correlation: square root of the normalised inner product of doubly centred "
      "Euclidean distances.";
  family.source =
      "Szekely, Rizzo, Bakirov 2007; Szekely and Rizzo 2014; Dueck et al. 2014 (whitened)";
  family.parameters = {{"form", "root|squared|unbiased", "root",
                        "with the square root, without it, or the bias-corrected square"},
                       {"exponent", "0.01 to 1.99", "1", "the power of the distances"},
                       {"whitening", "none|full", "none",
                        "the layers as they are, or whitened: blind to affine maps"}};
  family.examples = {"distcorr",
                     "distcorr-form=squared",
                     "distcorr-form=unbiased",
                     "distcorr-exponent=0.5",
                     "distcorr-form=squared-exponent=1.5",
                     "distcorr-whitening=full",
                     "distcorr-form=unbiased-whitening=full"};
  return {std::move(family), &Make};
}

}  // namespace gramian
