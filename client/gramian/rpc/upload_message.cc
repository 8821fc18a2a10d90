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
#include <string>

namespace gramian::client {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

constexpr int64_t kPrefixBytes =
    64;  // two tags, two lengths, two varints of at most ten bytes, a tag and a fixed32

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

grpc::ByteBuffer ToBuffer(grpc_slice raw) {
  const grpc::Slice slice(raw, grpc::Slice::STEAL_REF);
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace

uint32_t Crc32c(std::span<const std::byte> data) {
  uint32_t state = 0xffffffff;
  while (!data.empty()) {
    const size_t size = std::min<size_t>(data.size(), std::numeric_limits<int>::max());
    // The library's argument is not const, but it only reads.
    auto* bytes = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(data.data()));
    state = crc32_iscsi(bytes, static_cast<int>(size), state);
    data = data.subspan(size);
  }
  return ~state;
}

grpc::ByteBuffer ChunkMessage(int64_t first_row, int64_t byte_offset, const ChunkSource& source) {
  const int64_t size = source.size_bytes();
  grpc_slice raw = grpc_slice_malloc(static_cast<size_t>(kPrefixBytes + size));
  uint8_t* const start = GRPC_SLICE_START_PTR(raw);
  uint8_t* const data = start + kPrefixBytes;
  Gather(source, data);

  v1::UploadChunk fields;
  fields.set_first_row(first_row);
  fields.set_byte_offset(byte_offset);
  fields.set_crc32c(Crc32c({reinterpret_cast<const std::byte*>(data), static_cast<size_t>(size)}));
  const auto fields_bytes = static_cast<int64_t>(fields.ByteSizeLong());

  std::array<uint8_t, kPrefixBytes> scratch;
  uint8_t* end = WriteLengthPrefix(v1::UploadChunk::kDataFieldNumber, size, scratch.data());
  const int64_t data_prefix_bytes = end - scratch.data();
  end = WriteLengthPrefix(v1::UploadLayerRequest::kChunkFieldNumber,
                          fields_bytes + data_prefix_bytes + size, scratch.data());
  end = fields.SerializeWithCachedSizesToArray(end);
  end = WriteLengthPrefix(v1::UploadChunk::kDataFieldNumber, size, end);

  // The prefix ends where the data begins; what is left of its room is cut off.
  const int64_t prefix_bytes = end - scratch.data();
  std::memcpy(data - prefix_bytes, scratch.data(), static_cast<size_t>(prefix_bytes));
  const grpc_slice message = grpc_slice_sub(raw, static_cast<size_t>(kPrefixBytes - prefix_bytes),
                                            static_cast<size_t>(kPrefixBytes + size));
  grpc_slice_unref(raw);
  return ToBuffer(message);
}

grpc::ByteBuffer HeaderMessage(const v1::UploadHeader& header) {
  v1::UploadLayerRequest request;
  *request.mutable_header() = header;
  const std::string bytes = request.SerializeAsString();
  return ToBuffer(grpc_slice_from_copied_buffer(bytes.data(), bytes.size()));
}

}  // namespace gramian::client
