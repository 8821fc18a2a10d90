#ifndef GRAMIAN_CLI_NPY_H_
#define GRAMIAN_CLI_NPY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gramian/client/dtype.h"

namespace gramian::client::cli {

// What the header of a .npy file (format versions 1, 2 and 3) says.
struct NpyHeader {
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;
  int64_t data_offset = 0;  // first byte of the elements in the file

  // Product of the shape; 1 for a scalar. The parser has checked that it and its size in bytes fit
  // an int64.
  int64_t element_count() const;
};

// Parses the header at the start of `bytes` (at least the header itself; elements may follow or
// not).
//
// Accepted element types: little-endian float16, float32 and float64, and bfloat16, which NumPy has
// no name for: it is stored as two-byte void ("|V2") or as "<u2", and the latter counts as bfloat16
// only when `declared` says so. `declared` must agree with the file otherwise.
//
// INVALID_ARGUMENT, with what to do about it: not a .npy file, an unknown version, Fortran order,
// another element type or byte order, a shape whose size overflows, a header cut short or longer
// than 1 MiB.
absl::StatusOr<NpyHeader> ParseNpyHeader(std::span<const std::byte> bytes,
                                         std::optional<DType> declared);

// A .npy file of activations, mapped into memory and read-only: its pages are read as they are
// sent. Movable; thread-safe once opened. Cutting the file short while it is mapped ends the
// process, as with every mapped file.
class NpyFile {
 public:
  // NOT_FOUND or PERMISSION_DENIED when the file cannot be opened, else as ParseNpyHeader;
  // INVALID_ARGUMENT as well when the file holds fewer elements than its header says.
  static absl::StatusOr<NpyFile> Open(const std::string& path, std::optional<DType> declared);

  NpyFile(NpyFile&& other) noexcept;
  NpyFile& operator=(NpyFile&& other) noexcept;
  NpyFile(const NpyFile&) = delete;
  NpyFile& operator=(const NpyFile&) = delete;
  ~NpyFile();

  const NpyHeader& header() const { return header_; }

  // The elements in C order, element_count() * ByteSize(dtype) bytes.
  std::span<const std::byte> data() const;

 private:
  NpyFile(void* mapping, size_t size) : mapping_(mapping), size_(size) {}

  void* mapping_ = nullptr;
  size_t size_ = 0;
  NpyHeader header_;
};

// The header of a .npy file (version 1) of an array in C order, whose elements follow it; bfloat16
// as
// "|V2", for which NumPy has no name.
std::string EncodeNpyHeader(DType dtype, std::span<const int64_t> shape);

// A .npy file (version 1) of a float64 array in C order, as bytes. `values` holds the product of
// `shape` elements; a missing value is a quiet NaN there, which is what NumPy users expect.
std::string EncodeNpy(std::span<const double> values, std::span<const int64_t> shape);

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_NPY_H_
