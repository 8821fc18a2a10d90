// The activations of one layer on the n inputs of a probe set.
#ifndef GRAMIAN_REPRESENTATION_REPRESENTATION_H_
#define GRAMIAN_REPRESENTATION_REPRESENTATION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gramian/base/digest.h"
#include "gramian/base/matrix.h"
#include "gramian/representation/dtype.h"
#include "gramian/representation/row_layout.h"

namespace gramian {

// Shape and element type of a representation, and how its rows are read.
struct RepresentationShape {
  int64_t rows = 0;  // n, inputs
  int64_t cols = 0;  // d, features; values of a row of tangent data
  DType dtype = DType::kFloat32;
  RowLayout layout = {};

  friend bool operator==(const RepresentationShape&, const RepresentationShape&) = default;
};

// n * d * element size. INVALID_ARGUMENT unless n >= 1, d >= 1, the product fits in 63 bits and d
// is that of the layout.
absl::StatusOr<int64_t> SizeBytes(const RepresentationShape& shape);

// An immutable n x d array, row-major and compact, every element finite. Kept in the type it was
// sent in; read as float or double. Shared by pointer: eviction or deletion never pulls it from
// under a computation.
class Representation {
 public:
  // Takes over `bytes` (SizeBytes(shape) of them, 64-byte aligned or not). INVALID_ARGUMENT names
  // row and column of the first element that is not finite as float32. O(n d): one pass for the
  // check, one for the digest.
  static absl::StatusOr<std::shared_ptr<const Representation>> Create(
      const RepresentationShape& shape, std::unique_ptr<std::byte[]> bytes);
  // Shares SizeBytes(shape) bytes that were checked when `digest` was computed, such as those of a
  // mapped file, for as long as it lives; they do not change. O(1).
  static std::shared_ptr<const Representation> FromVerified(const RepresentationShape& shape,
                                                            std::shared_ptr<const std::byte> bytes,
                                                            const Digest& digest);
  // The digest that bytes have as the content of a representation. O(n d).
  static Digest DigestOf(const RepresentationShape& shape, const std::byte* bytes);

  // The given rows of `base` in this order, each in [0, n), any number of times and at least one: a
  // view, which holds the order and no activations. Its digest names base and order, so that it is
  // not that of a copy. O(rows).
  static std::shared_ptr<const Representation> SelectRows(
      std::shared_ptr<const Representation> base, std::shared_ptr<const std::vector<int64_t>> rows);

  // Copies a float32 or float64 matrix: for tests and in-process use.
  static absl::StatusOr<std::shared_ptr<const Representation>> FromMatrix(const MatrixF& matrix);
  static absl::StatusOr<std::shared_ptr<const Representation>> FromMatrix(const Matrix& matrix);

  const RepresentationShape& shape() const { return shape_; }
  int64_t rows() const { return shape_.rows; }
  int64_t cols() const { return shape_.cols; }
  int64_t size_bytes() const { return size_bytes_; }
  // Names the content: dtype, shape, layout and bytes. Equal content has equal digests whatever the
  // upload looked like.
  const Digest& digest() const { return digest_; }
  // n d elements; null for a view.
  const std::byte* data() const { return bytes_.get(); }

  // Rows [first, first + count) as `count` x d floats or doubles.
  void ReadRows(int64_t first, int64_t count, float* out) const;
  void ReadRows(int64_t first, int64_t count, double* out) const;

 private:
  // Knows the digest already, and that every element is finite.
  friend class RepresentationBuilder;

  Representation(const RepresentationShape& shape, int64_t size_bytes,
                 std::shared_ptr<const std::byte[]> bytes, const Digest& digest);

  template <typename Real>
  void Read(int64_t first, int64_t count, Real* out) const;
  // What the digest covers besides the bytes.
  static std::string DigestHeader(const RepresentationShape& shape);
  static absl::Status NonFiniteError(const RepresentationShape& shape, int64_t element);

  const RepresentationShape shape_;
  const int64_t size_bytes_;
  const std::shared_ptr<const std::byte[]> bytes_;  // Memory of its own, or a mapping.
  const Digest digest_;
  // Of a view:
  std::shared_ptr<const Representation> base_;
  std::shared_ptr<const std::vector<int64_t>> selected_;
};

}  // namespace gramian

#endif  // GRAMIAN_REPRESENTATION_REPRESENTATION_H_
