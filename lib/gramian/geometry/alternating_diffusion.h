// A network as one operator: the fused operator of its layers.
#ifndef GRAMIAN_GEOMETRY_ALTERNATING_DIFFUSION_H_
#define GRAMIAN_GEOMETRY_ALTERNATING_DIFFUSION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gramian/base/compute.h"
#include "gramian/base/derived.h"
#include "gramian/base/matrix.h"
#include "gramian/geometry/centered_features.h"
#include "gramian/geometry/spectral_operator.h"

namespace gramian {

// In which order the Markov operators P_1 ... P_L of a network's layers are multiplied.
enum class FusionOrder {
  kSymmetrized,  // P_1 ... P_L P_L ... P_1: positive semidefinite, scores in [0, 1]; weights the
                 // first layer
  kProduct,      // P_1 ... P_L: not symmetric, scores in [-1, 1]
  kReversed,     // P_L ... P_1 P_1 ... P_L: positive semidefinite; weights the last layer
};

// "symmetrized" | "product" | "reversed" ("symmetrised" is read too).
const char* ToString(FusionOrder order);
absl::StatusOr<FusionOrder> ParseFusionOrder(absl::string_view text);

// How a network is fused.
struct Fusion {
  FusionOrder order = FusionOrder::kSymmetrized;
  // Power of the fused operator before a measure's own diffusion time multiplies it; a positive
  // integer, real for the positive semidefinite orders.
  double power = 1.0;

  friend bool operator==(const Fusion&, const Fusion&) = default;
  std::string ToString() const;
};

// INVALID_ARGUMENT unless power is finite, > 0 and, for kProduct, an integer.
absl::Status Validate(const Fusion& fusion);

// One layer of a chain: S~ is proportional to F diag(weights) F' (weights empty: all 1).
struct FusionLayer {
  std::shared_ptr<const CenteredFeatures> features;
  Vector weights;
};

// Features and weights of a layer that is already in spectral form with explicit eigenvectors.
FusionLayer FusionLayerOf(const SpectralOperator& layer);

// Fuses `layers`, all over the same n rows, in execution order; `first` and `last` are the spectral
// operators of the end layers.
//
// With M = S~_1 ... S~_L = F_1 K F_L', K = C_12 C_23 ... C_(L-1)L and C_ij = F_i' F_j: the
// kSymmetrized operator M M' (kReversed: M' M) has, from the singular values of a r_1 x r_L core,
// eigenpairs of the same form as a single layer. K is rescaled after every factor, so that nothing
// over- or underflows. O(n sum k_l k_(l+1) + k^3); nothing n x n. A chain of one layer is symmetric
// already and is that layer. Null pointer if the product is 0. Source: arXiv 2605.15901
// (alternating diffusion), identities in docs/architecture.md.
absl::StatusOr<std::shared_ptr<const SpectralOperator>> FuseSymmetric(
    const ComputeContext& context, absl::Span<const FusionLayer> layers,
    std::shared_ptr<const SpectralOperator> first, std::shared_ptr<const SpectralOperator> last,
    FusionOrder order);

// The plain product M = scale * U_1 core U_L' with the eigenvectors of the end layers; not
// symmetric.
class ProductOperator final : public Derived {
 public:
  // Arguments and errors as FuseSymmetric. Null pointer if the product is 0.
  static absl::StatusOr<std::shared_ptr<const ProductOperator>> Fuse(
      const ComputeContext& context, absl::Span<const FusionLayer> layers,
      std::shared_ptr<const SpectralOperator> first, std::shared_ptr<const SpectralOperator> last);

  int64_t rows() const { return first_->rows(); }
  int64_t size_bytes() const override;

  // <Ma^t, Mb^t> / (|Ma^t| |Mb^t|), in [-1, 1], for integer t >= 1; 0 if a power vanishes.
  //   M^t = U_1 K_t U_L', K_t = core (U_L' U_1 core)^(t-1);  <Ma^t, Mb^t> = tr(K_t' (U_1' V_1) K'_t
  //   (V_L' U_L))
  static absl::StatusOr<double> PowerCosine(const ComputeContext& context, const ProductOperator& a,
                                            const ProductOperator& b, int64_t t);

 private:
  ProductOperator() = default;
  // K_t with |K_t|_F = 1; empty if M^t = 0.
  absl::StatusOr<Matrix> UnitPower(const ComputeContext& context, int64_t t) const;

  std::shared_ptr<const SpectralOperator> first_;
  std::shared_ptr<const SpectralOperator> last_;
  Matrix core_;        // r_1 x r_L
  Matrix last_first_;  // U_L' U_1, r_L x r_1
};

}  // namespace gramian

#endif  // GRAMIAN_GEOMETRY_ALTERNATING_DIFFUSION_H_
