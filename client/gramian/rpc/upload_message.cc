#include "gramian/rpc/upload_message.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpc/slice.h>
#include <grpcpp/support/slice.h>
#include <isa-l/crc.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <string>

namespace gramian::client {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

// Two tags, two lengths, two varints of at most ten bytes, a tag and a fixed32.
constexpr size_t kPrefixBytes = 64;

// `field`'s tag and the length of what follows, written at `target`; returns the end.
uint8_t* WriteLengthPrefix(int field, int64_t length, uint8_t* target) {
  target =
      WireFormatLite::WriteTagToArray(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED, target);
  return CodedOutputStream::WriteVarint64ToArray(static_cast<uint64_t>(length), target);
}

void Gather(const ChunkSource& source, uint8_t* target) {
  if (source.stride_bytes == source.row_bytes) {
    std::memcpy(target, source.data, static_cast<size_t>(source.size_bytes()));
    return;
  }
  for (int64_t row = 0; row < source.row_count; ++row) {
    std::memcpy(target + row * source.row_bytes, source.data + row * source.stride_bytes,
                static_cast<size_t>(source.row_bytes));
  }
}

// All of a chunk's message but its data, which comes last.
class ChunkPrefix {
 public:
  ChunkPrefix(int64_t first_row, int64_t byte_offset, std::span<const std::byte> data) {
    const auto data_bytes = static_cast<int64_t>(data.size());
    v1::UploadChunk fields;
    fields.set_first_row(first_row);
    fields.set_byte_offset(byte_offset);
    fields.set_crc32c(Crc32c(data));
    uint8_t* const begin = bytes_.data();
    const int64_t inner_bytes =
        static_cast<int64_t>(fields.ByteSizeLong()) + data_bytes +
        (WriteLengthPrefix(v1::UploadChunk::kDataFieldNumber, data_bytes, begin) - begin);
    uint8_t* end = WriteLengthPrefix(v1::UploadLayerRequest::kChunkFieldNumber, inner_bytes, begin);
    end = fields.SerializeWithCachedSizesToArray(end);
    end = WriteLengthPrefix(v1::UploadChunk::kDataFieldNumber, data_bytes, end);
    size_ = static_cast<size_t>(end - begin);
  }

  const uint8_t* data() const { return bytes_.data(); }
  size_t size() const { return size_; }

 private:
  std::array<uint8_t, kPrefixBytes> bytes_;
  size_t size_;
};

grpc::ByteBuffer ToBuffer(grpc_slice raw) {
  const grpc::Slice slice(raw, grpc::Slice::STEAL_REF);
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace

uint32_t Crc32c(std::span<const std::byte> data) {
  // The bytes come from memory for the first time: the processor's own prefetching ends with each
  // page, so that what comes two steps later is asked for here.
  constexpr size_t kStep = 2048;
  constexpr size_t kAhead = 2 * kStep;
  constexpr size_t kLine = 64;
  uint32_t state = 0xffffffff;
  for (size_t begin = 0; begin < data.size(); begin += kStep) {
    const size_t ahead = std::min(begin + kAhead, data.size());
    const size_t ahead_end = std::min(ahead + kStep, data.size());
    for (size_t i = ahead; i < ahead_end; i += kLine) __builtin_prefetch(&data[i]);
    // The library's argument is not const, but it only reads.
    auto* bytes =
        const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(data.data() + begin));
    state = crc32_iscsi(bytes, static_cast<int>(std::min(kStep, data.size() - begin)), state);
  }
  return ~state;
}

grpc::ByteBuffer ChunkMessage(int64_t first_row, int64_t byte_offset, const ChunkSource& source) {
  const auto size = static_cast<size_t>(source.size_bytes());
  grpc_slice raw = grpc_slice_malloc(kPrefixBytes + size);
  uint8_t* const data = GRPC_SLICE_START_PTR(raw) + kPrefixBytes;
  Gather(source, data);
  const ChunkPrefix prefix(first_row, byte_offset,
                           {reinterpret_cast<const std::byte*>(data), size});
  // The prefix ends where the data begins; what is left of its room is cut off.
  std::memcpy(data - prefix.size(), prefix.data(), prefix.size());
  const grpc_slice message = grpc_slice_sub(raw, kPrefixBytes - prefix.size(), kPrefixBytes + size);
  grpc_slice_unref(raw);
  return ToBuffer(message);
}

grpc::ByteBuffer BorrowingChunkMessage(int64_t first_row, int64_t byte_offset,
                                       std::span<const std::byte> data,
                                       const std::shared_ptr<Loan>& loan) {
  const ChunkPrefix prefix(first_row, byte_offset, data);
  loan->Borrow();
  const auto give_back = [](void* holder) {
    const std::unique_ptr<std::shared_ptr<Loan>> held(static_cast<std::shared_ptr<Loan>*>(holder));
    (*held)->Return();
  };
  // gRPC only reads what it sends.
  const grpc_slice borrowed =
      grpc_slice_new_with_user_data(const_cast<std::byte*>(data.data()), data.size(), give_back,
                                    std::make_unique<std::shared_ptr<Loan>>(loan).release());
  const std::array<grpc::Slice, 2> slices = {
      grpc::Slice(prefix.data(), prefix.size()),
      grpc::Slice(borrowed, grpc::Slice::STEAL_REF),
  };
  return grpc::ByteBuffer(slices.data(), slices.size());
}

grpc::ByteBuffer HeaderMessage(const v1::UploadHeader& header) {
  v1::UploadLayerRequest request;
  *request.mutable_header() = header;
  const std::string bytes = request.SerializeAsString();
  return ToBuffer(grpc_slice_from_copied_buffer(bytes.data(), bytes.size()));
}

}  // namespace gramian::client
