// One side of a comparison: a layer, or a network fused from its layers.
#ifndef GRAMIAN_MEASURE_OPERAND_H_
#define GRAMIAN_MEASURE_OPERAND_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "gramian/base/compute.h"
#include "gramian/base/derived.h"
#include "gramian/base/digest.h"
#include "gramian/geometry/alternating_diffusion.h"
#include "gramian/geometry/centered_features.h"
#include "gramian/geometry/kernel.h"
#include "gramian/geometry/moments.h"
#include "gramian/geometry/spectral_operator.h"
#include "gramian/representation/representation.h"

namespace gramian {

// Gives measures the objects derived from activations, through the cache. Immutable, cheap to copy,
// thread-safe.
class Operand {
 public:
  // A layer. `cache` outlives the operand.
  Operand(std::shared_ptr<const Representation> layer, DerivedCache* cache);
  // A network: layers in execution order, all with the same n, at least one.
  Operand(std::vector<std::shared_ptr<const Representation>> layers, const Fusion& fusion,
          DerivedCache* cache);

  bool is_network() const { return fused_; }
  const Fusion& fusion() const { return fusion_; }
  // n.
  int64_t rows() const { return layers_.front()->rows(); }
  // Widest layer's d.
  int64_t cols() const;
  // Names the content: equal keys mean equal operands.
  const std::string& key() const { return key_; }
  // The same from the digests alone.
  static std::string LayerKey(const Digest& layer);
  static std::string NetworkKey(absl::Span<const Digest> layers, const Fusion& fusion);
  const std::vector<std::shared_ptr<const Representation>>& layers() const { return layers_; }

  // The operand of one of layers() alone.
  Operand Only(std::shared_ptr<const Representation> layer) const {
    return fused_ ? Other(std::move(layer)) : *this;
  }
  // The operand of another layer, such as one made from this one, through the same cache.
  Operand Other(std::shared_ptr<const Representation> layer) const {
    return Operand(std::move(layer), cache_);
  }

  // This operand with input i taken from input order[i], through another cache. What a permutation
  // only indexes (covariances, eigenpairs, bandwidths) is that of this operand, from its cache, so
  // that no operator is computed again; eigenvectors are copied in the new order.
  Operand Permuted(std::shared_ptr<const std::vector<int64_t>> order, DerivedCache* cache) const;
  // Inputs rows[i] of this operand, each in [0, n) and any number of times: another operand, of
  // which everything is computed anew.
  Operand SelectRows(const std::shared_ptr<const std::vector<int64_t>>& rows,
                     DerivedCache* cache) const;

  // Of a layer (not a network), through the cache:
  // centred covariance of the features of a feature-map kernel. n d^2 flops, d^2 doubles.
  absl::StatusOr<std::shared_ptr<const Moments>> GetMoments(const ComputeContext& context,
                                                            KernelKind kind,
                                                            Arithmetic arithmetic) const;
  // squared norms of the centred rows of the same features. O(n d).
  absl::StatusOr<std::shared_ptr<const RowNorms>> GetRowNorms(const ComputeContext& context,
                                                              KernelKind kind) const;
  // sigma of a kernel with a bandwidth, 0 for the others; 0 also if the rule gives 0, which no
  // kernel can use. O(n^2 d) unless fixed.
  absl::StatusOr<double> GetBandwidth(const ComputeContext& context,
                                      const KernelSpec& kernel) const;
  // whether float32 products of these features are as good as their rounding: no row stands out so
  // far that the others vanish beside it, and squares neither over- nor underflow. O(n d).
  absl::StatusOr<bool> SuitsFloat32(const ComputeContext& context, KernelKind kind) const;
  // the features themselves; not cached, holds no data.
  std::shared_ptr<const CenteredFeatures> Features(KernelKind kind) const;

  // Any other object derived from this operand, through the cache under `name` (which says all
  // parameters): what compute(context) -> StatusOr<shared_ptr<const T>> returns. T has
  // size_bytes(). A family of measures keeps its own objects this way.
  template <typename T, typename Compute>
  absl::StatusOr<std::shared_ptr<const T>> Derive(const ComputeContext& context,
                                                  const std::string& name,
                                                  const Compute& compute) const {
    return GetOrComputeAs<T>(cache_, key_ + "/" + name, context, compute);
  }

  // How a spectral operator is made.
  struct SpectralOptions {
    bool precise = false;       // float64 products whatever the work: for t < 1
    bool materialized = false;  // explicit eigenvectors (r x n) where the factored form would do
  };
  // Of a layer, or of a network fused symmetrized or reversed, through the cache. Null if the
  // centred RSM is 0.
  absl::StatusOr<std::shared_ptr<const SpectralOperator>> GetSpectral(
      const ComputeContext& context, const KernelSpec& kernel,
      const SpectralOptions& options) const;
  // Of a network fused as a plain product, through the cache. Null if the product is 0.
  absl::StatusOr<std::shared_ptr<const ProductOperator>> GetProduct(const ComputeContext& context,
                                                                    const KernelSpec& kernel) const;

 private:
  // Whether the layer's operator is cheapest from its d x d covariance: a feature map with d <= n.
  bool UsesFeatures(KernelKind kind) const;
  absl::StatusOr<std::shared_ptr<const SpectralOperator>> ComputeLayerSpectral(
      const ComputeContext& context, const KernelSpec& kernel,
      const SpectralOptions& options) const;
  // That of unpermuted_ with its inputs in another order.
  absl::StatusOr<std::shared_ptr<const SpectralOperator>> PermuteSpectral(
      const ComputeContext& context, const KernelSpec& kernel,
      const SpectralOptions& options) const;
  // The chain of a network with the operators of its ends; `layers` is empty if some layer is
  // constant.
  struct Chain {
    std::vector<FusionLayer> layers;
    std::shared_ptr<const SpectralOperator> first;
    std::shared_ptr<const SpectralOperator> last;
  };
  absl::StatusOr<Chain> GetChain(const ComputeContext& context, const KernelSpec& kernel,
                                 const SpectralOptions& options) const;

  std::vector<std::shared_ptr<const Representation>> layers_;
  bool fused_;
  Fusion fusion_;
  DerivedCache* cache_;
  std::string key_;
  // Of a permuted operand: what was permuted, and how.
  std::shared_ptr<const Operand> unpermuted_;
  std::shared_ptr<const std::vector<int64_t>> order_;
};

// INVALID_ARGUMENT unless all layers of `operand` hold activations, of which `what` is made.
absl::Status CheckActivations(const Operand& operand, const char* what);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_OPERAND_H_
