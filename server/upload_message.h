// Messages of an upload as they come from the wire.
#ifndef GRAMIAN_SERVER_UPLOAD_MESSAGE_H_
#define GRAMIAN_SERVER_UPLOAD_MESSAGE_H_

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gramian/v1/activation_service.pb.h"

namespace gramian {

// An UploadChunk whose data lies in pieces in the buffer it was read from. gRPC hands a message
// over as slices of some kilobytes; to make one string of them would be another copy of every byte.
struct ChunkView {
  int64_t first_row = 0;
  int64_t byte_offset = 0;
  uint32_t crc32c = 0;
  std::vector<absl::string_view> data;
  int64_t size_bytes = 0;
};

// An UploadLayerRequest: exactly one of the two.
struct UploadMessage {
  std::optional<v1::UploadHeader> header;
  std::optional<ChunkView> chunk;
};

// Reads `buffer`, which must outlive the result. Unknown fields are skipped. INVALID_ARGUMENT if it
// is no UploadLayerRequest or holds neither or both.
absl::StatusOr<UploadMessage> ParseUploadMessage(grpc::ByteBuffer& buffer);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_UPLOAD_MESSAGE_H_
