// The features F of a doubly centred RSM, S~ = F F', read block by block.
#ifndef GRAMIAN_GEOMETRY_CENTERED_FEATURES_H_
#define GRAMIAN_GEOMETRY_CENTERED_FEATURES_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "gramian/base/matrix.h"
#include "gramian/representation/representation.h"

namespace gramian {

// What is done to each row (input) by itself before anything else.
enum class RowScaling {
  kNone,
  kUnit,          // divided by its Euclidean norm; a zero row stays zero
  kStandardized,  // its mean over the features is taken off, then as kUnit: inner products are
                  // Pearson correlations of inputs. A row of equal features becomes zero.
};

// Immutable n x k features, from one of two sources:
//   a representation (k = d), rows optionally scaled to unit length (cosine kernel); centring is
//   left to whoever accumulates, so that no centred copy of the activations is ever held; explicit
//   orthonormal eigenvectors (k = r), centred by nature, for kernels that have no finite features.
class CenteredFeatures {
 public:
  CenteredFeatures(std::shared_ptr<const Representation> layer, RowScaling scaling);
  // unit_rows: kUnit instead of kNone.
  CenteredFeatures(std::shared_ptr<const Representation> layer, bool unit_rows)
      : CenteredFeatures(std::move(layer), unit_rows ? RowScaling::kUnit : RowScaling::kNone) {}
  // modes: k x n, row i is the i-th feature over all inputs; its entries sum to 0.
  explicit CenteredFeatures(Matrix modes);

  // The same features of the given rows, in this order: of a view of the layer, or a copy of the
  // eigenvectors, which stay orthonormal and centred only if `rows` permutes the inputs.
  std::shared_ptr<const CenteredFeatures> SelectRows(
      const std::shared_ptr<const std::vector<int64_t>>& rows) const;

  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  bool is_explicit() const { return layer_ == nullptr; }
  // Whether float32 holds every value exactly: float32, float16 and bfloat16 activations as they
  // are.
  bool fits_float32() const {
    return layer_ != nullptr && scaling_ == RowScaling::kNone &&
           layer_->shape().dtype != DType::kFloat64;
  }
  // k x n; only if is_explicit().
  const Matrix& modes() const { return modes_; }
  // Bytes held beyond the representation.
  int64_t size_bytes() const { return modes_.size() * static_cast<int64_t>(sizeof(double)); }

  // Rows [first, first + count) as count x k, not centred for a representation.
  void ReadRows(int64_t first, int64_t count, float* out) const;
  void ReadRows(int64_t first, int64_t count, double* out) const;

 private:
  template <typename Scalar>
  void Read(int64_t first, int64_t count, Scalar* out) const;

  std::shared_ptr<const Representation> layer_;
  RowScaling scaling_ = RowScaling::kNone;
  Matrix modes_;
  int64_t rows_;
  int64_t cols_;
};

// Whether all rows are equal but for rounding of scaled rows: decided at the first row that
// differs.
bool HasEqualRows(const CenteredFeatures& features);

}  // namespace gramian

#endif  // GRAMIAN_GEOMETRY_CENTERED_FEATURES_H_
