#include "gramian/measure/operand.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/geometry/rsm.h"

namespace gramian {
namespace {

// A cached number.
class DerivedNumber final : public Derived {
 public:
  explicit DerivedNumber(double number) : value(number) {}
  int64_t size_bytes() const override { return sizeof(*this); }
  const double value;
};

const char* FeatureName(KernelKind kind) {
  return kind == KernelKind::kCosine ? "cosine" : "linear";
}

const char* PrecisionName(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::kFloat64 ? "/float64" : "/float32";
}

double MomentWork(const Representation& layer) {
  return static_cast<double>(layer.rows()) * static_cast<double>(layer.cols()) *
         static_cast<double>(layer.cols());
}

}  // namespace

absl::Status CheckActivations(const Operand& operand, const char* what) {
  for (const auto& layer : operand.layers()) {
    if (!layer->shape().layout.is_tangent()) continue;
    return absl::InvalidArgumentError(absl::StrCat(what, " is made of activations, not of rows of ",
                                                   ToString(layer->shape().layout.kind)));
  }
  return absl::OkStatus();
}

std::string Operand::LayerKey(const Digest& layer) { return layer.ToHex(); }

std::string Operand::NetworkKey(absl::Span<const Digest> layers, const Fusion& fusion) {
  std::string key = "fused";
  for (const Digest& layer : layers) absl::StrAppend(&key, "/", layer.ToHex());
  absl::StrAppend(&key, "/", fusion.ToString());
  return key;
}

Operand::Operand(std::shared_ptr<const Representation> layer, DerivedCache* cache)
    : layers_{std::move(layer)},
      fused_(false),
      cache_(cache),
      key_(LayerKey(layers_[0]->digest())) {}

Operand::Operand(std::vector<std::shared_ptr<const Representation>> layers, const Fusion& fusion,
                 DerivedCache* cache)
    : layers_(std::move(layers)), fused_(true), fusion_(fusion), cache_(cache) {
  std::vector<Digest> digests;
  for (const auto& layer : layers_) digests.push_back(layer->digest());
  key_ = NetworkKey(digests, fusion_);
}

int64_t Operand::cols() const {
  int64_t widest = 0;
  for (const auto& layer : layers_) widest = std::max(widest, layer->cols());
  return widest;
}

Operand Operand::SelectRows(const std::shared_ptr<const std::vector<int64_t>>& rows,
                            DerivedCache* cache) const {
  std::vector<std::shared_ptr<const Representation>> views;
  for (const auto& layer : layers_) views.push_back(Representation::SelectRows(layer, rows));
  return fused_ ? Operand(std::move(views), fusion_, cache) : Operand(views.front(), cache);
}

Operand Operand::Permuted(std::shared_ptr<const std::vector<int64_t>> order,
                          DerivedCache* cache) const {
  Operand permuted = SelectRows(order, cache);
  permuted.unpermuted_ = std::make_shared<const Operand>(*this);
  permuted.order_ = std::move(order);
  return permuted;
}

std::shared_ptr<const CenteredFeatures> Operand::Features(KernelKind kind) const {
  return std::make_shared<const CenteredFeatures>(layers_[0], kind == KernelKind::kCosine);
}

absl::StatusOr<std::shared_ptr<const Moments>> Operand::GetMoments(const ComputeContext& context,
                                                                   KernelKind kind,
                                                                   Arithmetic arithmetic) const {
  if (unpermuted_ != nullptr) return unpermuted_->GetMoments(context, kind, arithmetic);
  return GetOrComputeAs<Moments>(
      cache_, absl::StrCat(key_, "/moments/", FeatureName(kind), PrecisionName(arithmetic)),
      context, [&](const ComputeContext& entry) {
        return Moments::Compute(entry, *Features(kind), arithmetic);
      });
}

absl::StatusOr<std::shared_ptr<const RowNorms>> Operand::GetRowNorms(const ComputeContext& context,
                                                                     KernelKind kind) const {
  return GetOrComputeAs<RowNorms>(
      cache_, absl::StrCat(key_, "/row_norms/", FeatureName(kind)), context,
      [&](const ComputeContext& entry) { return RowNorms::Compute(entry, *Features(kind)); });
}

absl::StatusOr<bool> Operand::SuitsFloat32(const ComputeContext& context, KernelKind kind) const {
  // Squared norms of rows, largest over mean, and the range of their mean.
  constexpr double kMaxRatio = 64.0;
  constexpr double kMaxMean = 1.0e24;
  constexpr double kMinMean = 1.0e-24;
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const RowNorms> norms, GetRowNorms(context, kind));
  const double mean = norms->squared().mean();
  return mean >= kMinMean && mean <= kMaxMean && norms->squared().maxCoeff() <= kMaxRatio * mean;
}

absl::StatusOr<double> Operand::GetBandwidth(const ComputeContext& context,
                                             const KernelSpec& kernel) const {
  if (!kernel.has_bandwidth()) return 0.0;
  if (kernel.rule == BandwidthRule::kFixed) return kernel.factor;
  if (unpermuted_ != nullptr) return unpermuted_->GetBandwidth(context, kernel);
  KernelSpec unit = kernel;
  unit.kind = KernelKind::kRbf;
  GRAMIAN_ASSIGN_OR_RETURN(
      const std::shared_ptr<const DerivedNumber> number,
      GetOrComputeAs<DerivedNumber>(
          cache_, absl::StrCat(key_, "/bandwidth/", unit.ToString()), context,
          [&](const ComputeContext& entry) -> absl::StatusOr<std::shared_ptr<const DerivedNumber>> {
            absl::StatusOr<double> sigma = ComputeBandwidth(entry, *layers_[0], unit);
            if (absl::IsFailedPrecondition(sigma.status())) sigma = 0.0;
            if (!sigma.ok()) return sigma.status();
            return std::make_shared<const DerivedNumber>(*sigma);
          }));
  return number->value;
}

bool Operand::UsesFeatures(KernelKind kind) const {
  return (kind == KernelKind::kLinear || kind == KernelKind::kCosine) &&
         layers_[0]->cols() <= layers_[0]->rows();
}

absl::StatusOr<std::shared_ptr<const SpectralOperator>> Operand::ComputeLayerSpectral(
    const ComputeContext& context, const KernelSpec& kernel, const SpectralOptions& options) const {
  if (UsesFeatures(kernel.kind)) {
    const Arithmetic arithmetic =
        options.precise ? Arithmetic::kFloat64 : ChooseArithmetic(MomentWork(*layers_[0]));
    GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const Moments> moments,
                             GetMoments(context, kernel.kind, arithmetic));
    GRAMIAN_ASSIGN_OR_RETURN(
        std::shared_ptr<const SpectralOperator> spectral,
        SpectralOperator::FromMoments(context, Features(kernel.kind), *moments));
    if (spectral == nullptr || !options.materialized) return spectral;
    return spectral->Materialize(context);
  }
  GRAMIAN_ASSIGN_OR_RETURN(const double sigma, GetBandwidth(context, kernel));
  if (kernel.has_bandwidth() && sigma == 0.0) return std::shared_ptr<const SpectralOperator>();
  const int64_t n = rows();
  GRAMIAN_RETURN_IF_ERROR(
      context.CheckScratch(4 * 8 * n * n, "the eigendecomposition of an n x n RSM"));
  // FromRsm centres. The size of the entries before that tells it what rounding may have left.
  GRAMIAN_ASSIGN_OR_RETURN(Matrix rsm, kernel.is_feature_map()
                                           ? ComputeCenteredRsm(context, *layers_[0], kernel, sigma)
                                           : ComputeRsm(context, *layers_[0], kernel, sigma));
  return SpectralOperator::FromRsm(context, std::move(rsm));
}

absl::StatusOr<std::shared_ptr<const SpectralOperator>> Operand::GetSpectral(
    const ComputeContext& context, const KernelSpec& kernel, const SpectralOptions& options) const {
  if (unpermuted_ != nullptr) return PermuteSpectral(context, kernel, options);
  const std::string key =
      absl::StrCat(key_, "/spectral/", kernel.ToString(), options.precise ? "/precise" : "",
                   options.materialized ? "/materialized" : "");
  return GetOrComputeAs<SpectralOperator>(
      cache_, key, context,
      [&](const ComputeContext& entry) -> absl::StatusOr<std::shared_ptr<const SpectralOperator>> {
        if (!fused_) return ComputeLayerSpectral(entry, kernel, options);
        GRAMIAN_ASSIGN_OR_RETURN(const Chain chain, GetChain(entry, kernel, options));
        if (chain.layers.empty()) return std::shared_ptr<const SpectralOperator>();
        return FuseSymmetric(entry, chain.layers, chain.first, chain.last, fusion_.order);
      });
}

absl::StatusOr<std::shared_ptr<const SpectralOperator>> Operand::PermuteSpectral(
    const ComputeContext& context, const KernelSpec& kernel, const SpectralOptions& options) const {
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const SpectralOperator> spectral,
                           unpermuted_->GetSpectral(context, kernel, options));
  if (spectral == nullptr) return spectral;
  if (spectral->features().is_explicit()) {
    GRAMIAN_RETURN_IF_ERROR(
        context.CheckScratch(8 * rows() * spectral->rank(), "eigenvectors in another order"));
  }
  return std::make_shared<const SpectralOperator>(
      spectral->features().SelectRows(order_), spectral->loadings(), spectral->gram(),
      spectral->eigenvalues(), spectral->log_scale(), spectral->arithmetic());
}

absl::StatusOr<std::shared_ptr<const ProductOperator>> Operand::GetProduct(
    const ComputeContext& context, const KernelSpec& kernel) const {
  return GetOrComputeAs<ProductOperator>(
      cache_, absl::StrCat(key_, "/product/", kernel.ToString()), context,
      [&](const ComputeContext& entry) -> absl::StatusOr<std::shared_ptr<const ProductOperator>> {
        GRAMIAN_ASSIGN_OR_RETURN(const Chain chain, GetChain(entry, kernel, {}));
        if (chain.layers.empty()) return std::shared_ptr<const ProductOperator>();
        return ProductOperator::Fuse(entry, chain.layers, chain.first, chain.last);
      });
}

absl::StatusOr<Operand::Chain> Operand::GetChain(const ComputeContext& context,
                                                 const KernelSpec& kernel,
                                                 const SpectralOptions& options) const {
  Chain chain;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Operand layer = Only(layers_[i]);
    const bool is_end = i == 0 || i + 1 == layers_.size();
    // A layer in the middle takes part with its features as they are: no covariance, no
    // eigenvectors.
    if (!is_end && layer.UsesFeatures(kernel.kind)) {
      // Its centred rows would be rounding, which rescaling would make look like a layer.
      if (HasEqualRows(*layer.Features(kernel.kind))) return Chain{};
      chain.layers.push_back({layer.Features(kernel.kind), Vector()});
      continue;
    }
    GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const SpectralOperator> spectral,
                             layer.GetSpectral(context, kernel, options));
    if (spectral == nullptr) return Chain{};
    chain.layers.push_back(layer.UsesFeatures(kernel.kind) && !options.materialized
                               ? FusionLayer{layer.Features(kernel.kind), Vector()}
                               : FusionLayerOf(*spectral));
    if (i == 0) chain.first = spectral;
    chain.last = spectral;
  }
  return chain;
}

}  // namespace gramian
