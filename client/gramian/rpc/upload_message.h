#ifndef GRAMIAN_RPC_UPLOAD_MESSAGE_H_
#define GRAMIAN_RPC_UPLOAD_MESSAGE_H_

#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/strings/string_view.h"
#include "gramian/v1/activation_service.pb.h"

namespace gramian::client {

// Where a chunk's bytes are in the caller's memory: `row_count` pieces of `row_bytes` bytes,
// `stride_bytes` apart.
struct ChunkSource {
  const std::byte* data = nullptr;
  int64_t row_count = 0;
  int64_t row_bytes = 0;
  int64_t stride_bytes = 0;

  int64_t size_bytes() const { return row_count * row_bytes; }
};

// Memory of the caller that messages still read. Thread-safe.
class Loan {
 public:
  bool is_open() const { return borrowers_.load(std::memory_order_acquire) > 0; }
  void Borrow() { borrowers_.fetch_add(1, std::memory_order_relaxed); }
  void Return() { borrowers_.fetch_sub(1, std::memory_order_release); }

 private:
  std::atomic<int64_t> borrowers_{0};
};

// The message {chunk: {first_row, byte_offset, crc32c, data}}, serialized by hand: the data is
// copied once, into the buffer that goes to the socket, where the generated code would copy it
// twice.
grpc::ByteBuffer ChunkMessage(int64_t first_row, int64_t byte_offset, const ChunkSource& source);

// The same without any copy. `data` has to stay as it is while `loan` is open; the message returns
// its share when the socket has the bytes, on a thread of gRPC's.
grpc::ByteBuffer BorrowingChunkMessage(int64_t first_row, int64_t byte_offset,
                                       std::span<const std::byte> data,
                                       const std::shared_ptr<Loan>& loan);

// The message {header}.
grpc::ByteBuffer HeaderMessage(const v1::UploadHeader& header);

// CRC-32C (Castagnoli): of "123456789" it is 0xE3069283.
uint32_t Crc32c(std::span<const std::byte> data);

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_UPLOAD_MESSAGE_H_
