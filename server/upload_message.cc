#include "server/upload_message.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <algorithm>
#include <limits>

namespace gramian {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr uint32_t Tag(int field, WireFormatLite::WireType type) {
  return WireFormatLite::MakeTag(field, type);
}

// Calls read(tag) for every field up to the limit in force; false if one returns false or the bytes
// are no fields.
template <typename Read>
bool ReadFields(CodedInputStream& in, const Read& read) {
  // A tag that is cut short ends at the limit as well: the end is where no tag begins.
  while (in.BytesUntilLimit() != 0) {
    const uint32_t tag = in.ReadTag();
    if (tag == 0 || !read(tag)) return false;
  }
  return true;
}

// A length-delimited field: `read` sees exactly its bytes.
template <typename Read>
bool ReadDelimited(CodedInputStream& in, const Read& read) {
  uint32_t size = 0;
  if (!in.ReadVarint32(&size) || size > static_cast<uint32_t>(std::numeric_limits<int>::max()))
    return false;
  const CodedInputStream::Limit outer = in.PushLimit(static_cast<int>(size));
  // A length beyond what is left would be cut to the outer limit.
  const bool read_all =
      in.BytesUntilLimit() == static_cast<int>(size) && read() && in.BytesUntilLimit() == 0;
  in.PopLimit(outer);
  return read_all;
}

bool ReadInt64(CodedInputStream& in, int64_t& value) {
  uint64_t bits = 0;
  if (!in.ReadVarint64(&bits)) return false;
  value = static_cast<int64_t>(bits);
  return true;
}

// Points at the bytes up to the limit, without reading them.
bool ReadPieces(CodedInputStream& in, ChunkView& chunk) {
  chunk.data.clear();
  chunk.size_bytes = in.BytesUntilLimit();
  for (int left = in.BytesUntilLimit(); left > 0; left = in.BytesUntilLimit()) {
    const void* piece = nullptr;
    int size = 0;
    if (!in.GetDirectBufferPointer(&piece, &size) || size == 0) return false;
    size = std::min(size, left);
    chunk.data.emplace_back(static_cast<const char*>(piece), static_cast<size_t>(size));
    if (!in.Skip(size)) return false;
  }
  return true;
}

bool ReadChunk(CodedInputStream& in, ChunkView& chunk) {
  return ReadFields(in, [&](uint32_t tag) {
    switch (tag) {
      case Tag(v1::UploadChunk::kFirstRowFieldNumber, WireFormatLite::WIRETYPE_VARINT):
        return ReadInt64(in, chunk.first_row);
      case Tag(v1::UploadChunk::kByteOffsetFieldNumber, WireFormatLite::WIRETYPE_VARINT):
        return ReadInt64(in, chunk.byte_offset);
      case Tag(v1::UploadChunk::kCrc32CFieldNumber, WireFormatLite::WIRETYPE_FIXED32):
        return in.ReadLittleEndian32(&chunk.crc32c);
      case Tag(v1::UploadChunk::kDataFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED):
        return ReadDelimited(in, [&] { return ReadPieces(in, chunk); });
      default:
        return WireFormatLite::SkipField(&in, tag);
    }
  });
}

}  // namespace

absl::StatusOr<UploadMessage> ParseUploadMessage(grpc::ByteBuffer& buffer) {
  UploadMessage message;
  grpc::ProtoBufferReader reader(&buffer);
  CodedInputStream in(&reader);
  const CodedInputStream::Limit whole = in.PushLimit(static_cast<int>(buffer.Length()));
  const bool parsed =
      reader.status().ok() && ReadFields(in, [&](uint32_t tag) {
        switch (tag) {
          case Tag(v1::UploadLayerRequest::kHeaderFieldNumber,
                   WireFormatLite::WIRETYPE_LENGTH_DELIMITED):
            return ReadDelimited(
                in, [&] { return message.header.emplace().ParseFromCodedStream(&in); });
          case Tag(v1::UploadLayerRequest::kChunkFieldNumber,
                   WireFormatLite::WIRETYPE_LENGTH_DELIMITED):
            return ReadDelimited(in, [&] { return ReadChunk(in, message.chunk.emplace()); });
          default:
            return WireFormatLite::SkipField(&in, tag);
        }
      });
  in.PopLimit(whole);
  if (!parsed) return absl::InvalidArgumentError("a message is not an UploadLayerRequest");
  if (message.header.has_value() == message.chunk.has_value()) {
    return absl::InvalidArgumentError("a message holds neither or both of header and chunk");
  }
  return message;
}

}  // namespace gramian
