// The file format of blobs: one matrix, as any reader of safetensors can open it.
#ifndef GRAMIAN_STORE_SAFETENSORS_H_
#define GRAMIAN_STORE_SAFETENSORS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gramian/representation/representation.h"

namespace gramian {

// What stands in front of the data of a blob: 8 bytes of length, JSON padded with spaces. The data
// are one tensor named "activations", row-major, and begin at a multiple of 64 bytes. A layout of
// tangent data is kept as metadata "row_kind" and "coordinates".
struct SafetensorsHeader {
  RepresentationShape shape;
  std::string part;  // the upload that wrote the file, kept as metadata "part"; may be empty
  friend bool operator==(const SafetensorsHeader&, const SafetensorsHeader&) = default;
};

// The first bytes of the file; the data follow at once.
std::string EncodeSafetensorsHeader(const SafetensorsHeader& header);

// How many bytes the header of a file takes that begins with the 8 bytes `length`.
// INVALID_ARGUMENT if that is more than 64 KiB, which no header of one matrix needs.
absl::StatusOr<int64_t> SafetensorsHeaderSize(absl::string_view length);

// Reads SafetensorsHeaderSize bytes again. INVALID_ARGUMENT, saying what is wrong, for anything
// that EncodeSafetensorsHeader could not have meant: damage, several tensors, offsets that do not
// fit dtype and shape.
absl::StatusOr<SafetensorsHeader> DecodeSafetensorsHeader(absl::string_view bytes);

}  // namespace gramian

#endif  // GRAMIAN_STORE_SAFETENSORS_H_
