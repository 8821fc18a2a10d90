#include "server/upload_message.h"

#include <grpcpp/support/slice.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gramian {
namespace {

// `bytes` in slices of `slice_bytes`.
grpc::ByteBuffer Buffer(const std::string& bytes, size_t slice_bytes) {
  std::vector<grpc::Slice> slices;
  for (size_t begin = 0; begin < bytes.size(); begin += slice_bytes) {
    slices.emplace_back(bytes.substr(begin, slice_bytes));
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

v1::UploadLayerRequest SampleChunk() {
  v1::UploadLayerRequest request;
  request.mutable_chunk()->set_first_row(70'000);
  request.mutable_chunk()->set_byte_offset(12);
  request.mutable_chunk()->set_crc32c(0xDEADBEEF);
  for (int i = 0; i < 1000; ++i) *request.mutable_chunk()->mutable_data() += static_cast<char>(i);
  return request;
}

absl::StatusCode CodeOf(const std::string& bytes) {
  grpc::ByteBuffer buffer = Buffer(bytes, 7);
  return ParseUploadMessage(buffer).status().code();
}

TEST(UploadMessageTest, ChunksReadTheSameHoweverTheyAreSliced) {
  const v1::UploadLayerRequest request = SampleChunk();
  for (const size_t slice_bytes : std::vector<size_t>{1, 2, 3, 17, 100, 5000}) {
    grpc::ByteBuffer buffer = Buffer(request.SerializeAsString(), slice_bytes);
    const auto message = ParseUploadMessage(buffer);
    ASSERT_TRUE(message.ok()) << message.status();
    ASSERT_TRUE(message->chunk.has_value());
    EXPECT_EQ(message->chunk->first_row, 70'000);
    EXPECT_EQ(message->chunk->byte_offset, 12);
    EXPECT_EQ(message->chunk->crc32c, 0xDEADBEEF);
    EXPECT_EQ(message->chunk->size_bytes, 1000);
    std::string data;
    for (const absl::string_view piece : message->chunk->data) data += std::string(piece);
    EXPECT_EQ(data, request.chunk().data());
  }
}

TEST(UploadMessageTest, HeadersReadAsTheyWereWritten) {
  v1::UploadLayerRequest request;
  request.mutable_header()->set_module_path("a/b");
  request.mutable_header()->set_row_count(5);
  grpc::ByteBuffer buffer = Buffer(request.SerializeAsString(), 3);
  const auto message = ParseUploadMessage(buffer);
  ASSERT_TRUE(message.ok()) << message.status();
  ASSERT_TRUE(message->header.has_value());
  EXPECT_EQ(message->header->SerializeAsString(), request.header().SerializeAsString());
}

TEST(UploadMessageTest, FieldsOfLaterVersionsAreSkipped) {
  // Field 100, a varint, before and within the chunk.
  const std::string unknown = "\xA0\x06\x05";
  const std::string chunk = unknown + SampleChunk().chunk().SerializeAsString();
  ASSERT_LT(chunk.size(), size_t{1} << 14);
  std::string bytes = unknown + "\x12";
  bytes += static_cast<char>((chunk.size() & 0x7F) | 0x80);
  bytes += static_cast<char>(chunk.size() >> 7);
  bytes += chunk;
  grpc::ByteBuffer buffer = Buffer(bytes, 9);
  const auto message = ParseUploadMessage(buffer);
  ASSERT_TRUE(message.ok()) << message.status();
  EXPECT_EQ(message->chunk->size_bytes, 1000);
}

TEST(UploadMessageTest, EveryTruncationIsRefused) {
  const std::string bytes = SampleChunk().SerializeAsString();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(CodeOf(bytes.substr(0, size)), absl::StatusCode::kInvalidArgument) << size;
  }
}

TEST(UploadMessageTest, GarbageAndBothAtOnceAreRefused) {
  v1::UploadLayerRequest header;
  header.mutable_header()->set_row_count(5);
  EXPECT_EQ(CodeOf(header.SerializeAsString() + SampleChunk().SerializeAsString()),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(std::string("\x12\xFF\xFF\xFF\xFF\x0F", 6)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(std::string("\x12\x03\x22\x7F\x00", 5)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(std::string(50, '\xFF')), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(""), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gramian
