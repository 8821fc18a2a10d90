#include "gramian/representation/representation.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/checked_size.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

template <typename M>
absl::StatusOr<std::shared_ptr<const Representation>> Copy(const M& matrix, DType dtype) {
  const RepresentationShape shape{matrix.rows(), matrix.cols(), dtype};
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t size, SizeBytes(shape));
  auto bytes = std::make_unique<std::byte[]>(static_cast<size_t>(size));
  std::memcpy(bytes.get(), matrix.data(), static_cast<size_t>(size));
  return Representation::Create(shape, std::move(bytes));
}

}  // namespace

absl::StatusOr<int64_t> SizeBytes(const RepresentationShape& shape) {
  if (shape.rows < 1 || shape.cols < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a representation has at least 1 row and 1 column, not ", shape.rows, " x ", shape.cols));
  }
  GRAMIAN_RETURN_IF_ERROR(CheckRowLayout(shape.layout, shape.cols));
  return CheckedProduct({shape.rows, shape.cols, SizeOf(shape.dtype)},
                        "the size of the layer in bytes");
}

Representation::Representation(const RepresentationShape& shape, int64_t size_bytes,
                               std::shared_ptr<const std::byte[]> bytes, const Digest& digest)
    : shape_(shape), size_bytes_(size_bytes), bytes_(std::move(bytes)), digest_(digest) {}

std::string Representation::DigestHeader(const RepresentationShape& shape) {
  const std::string header =
      absl::StrCat(ToString(shape.dtype), "[", shape.rows, ",", shape.cols, "]");
  if (!shape.layout.is_tangent()) return header;
  return absl::StrCat(header, ToString(shape.layout.kind), "(", shape.layout.coordinates, ")");
}

absl::Status Representation::NonFiniteError(const RepresentationShape& shape, int64_t element) {
  return absl::InvalidArgumentError(absl::StrCat("row ", element / shape.cols, ", column ",
                                                 element % shape.cols,
                                                 " is not a finite float32 number"));
}

absl::StatusOr<std::shared_ptr<const Representation>> Representation::Create(
    const RepresentationShape& shape, std::unique_ptr<std::byte[]> bytes) {
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t size, SizeBytes(shape));
  const int64_t bad = FindNonFinite(shape.dtype, bytes.get(), shape.rows * shape.cols);
  if (bad >= 0) return NonFiniteError(shape, bad);
  const Digest digest = ComputeDigest(DigestHeader(shape), bytes.get(), size);
  return std::shared_ptr<const Representation>(
      new Representation(shape, size, std::move(bytes), digest));
}

std::shared_ptr<const Representation> Representation::FromVerified(
    const RepresentationShape& shape, std::shared_ptr<const std::byte> bytes,
    const Digest& digest) {
  const std::byte* const data = bytes.get();
  return std::shared_ptr<const Representation>(
      new Representation(shape, shape.rows * shape.cols * SizeOf(shape.dtype),
                         std::shared_ptr<const std::byte[]>(std::move(bytes), data), digest));
}

Digest Representation::DigestOf(const RepresentationShape& shape, const std::byte* bytes) {
  return ComputeDigest(DigestHeader(shape), bytes, shape.rows * shape.cols * SizeOf(shape.dtype));
}

absl::StatusOr<std::shared_ptr<const Representation>> Representation::FromMatrix(
    const MatrixF& matrix) {
  return Copy(matrix, DType::kFloat32);
}

absl::StatusOr<std::shared_ptr<const Representation>> Representation::FromMatrix(
    const Matrix& matrix) {
  return Copy(matrix, DType::kFloat64);
}

std::shared_ptr<const Representation> Representation::SelectRows(
    std::shared_ptr<const Representation> base, std::shared_ptr<const std::vector<int64_t>> rows) {
  const auto count = static_cast<int64_t>(rows->size());
  RepresentationShape shape = base->shape();
  shape.rows = count;
  const Digest digest = ComputeDigest(absl::StrCat("rows of ", base->digest().ToHex()),
                                      rows->data(), count * static_cast<int64_t>(sizeof(int64_t)));
  // Not make_shared: the constructor is private.
  std::shared_ptr<Representation> view(new Representation(
      shape, count * base->cols() * SizeOf(shape.dtype), /*bytes=*/nullptr, digest));
  view->base_ = std::move(base);
  view->selected_ = std::move(rows);
  return view;
}

template <typename Real>
void Representation::Read(int64_t first, int64_t count, Real* out) const {
  if (base_ == nullptr) {
    const int64_t row_bytes = shape_.cols * SizeOf(shape_.dtype);
    Convert(shape_.dtype, bytes_.get() + first * row_bytes, count * shape_.cols, out);
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    base_->ReadRows((*selected_)[static_cast<size_t>(first + i)], 1, out + i * shape_.cols);
  }
}

void Representation::ReadRows(int64_t first, int64_t count, float* out) const {
  Read(first, count, out);
}

void Representation::ReadRows(int64_t first, int64_t count, double* out) const {
  Read(first, count, out);
}

}  // namespace gramian
