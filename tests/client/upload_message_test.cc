#include "gramian/rpc/upload_message.h"

#include <grpcpp/support/slice.h>
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace gramian::client {
namespace {

v1::UploadLayerRequest Decode(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  v1::UploadLayerRequest request;
  EXPECT_TRUE(request.ParseFromString(bytes));
  EXPECT_EQ(request.SerializeAsString(), bytes) << "not the canonical encoding";
  return request;
}

std::vector<std::byte> Bytes(size_t size) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + 1);
  return bytes;
}

std::string Text(const std::byte* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

TEST(Crc32cTest, HasTheValuesOfRfc3720) {
  EXPECT_EQ(Crc32c(std::as_bytes(std::span("123456789", 9))), 0xE3069283U);
  const std::vector<std::byte> zeros(32);
  EXPECT_EQ(Crc32c(zeros), 0x8A9136AAU);
  const std::vector<std::byte> ones(32, std::byte{0xff});
  EXPECT_EQ(Crc32c(ones), 0x62A8AB43U);
}

// Goal: the hand-made encoding is the one protobuf would make. Method: sizes around the steps of
// the length prefixes.
TEST(UploadMessageTest, AChunkIsEncodedAsProtobufWould) {
  for (const int64_t size : {1, 4, 100, 127, 128, 16383, 16384, 1 << 20}) {
    const std::vector<std::byte> bytes = Bytes(static_cast<size_t>(size));
    for (const int64_t first_row : {int64_t{0}, int64_t{1}, int64_t{200}, int64_t{1} << 40}) {
      const v1::UploadLayerRequest request =
          Decode(ChunkMessage(first_row, first_row / 2, {bytes.data(), 1, size, size}));
      EXPECT_EQ(request.chunk().first_row(), first_row);
      EXPECT_EQ(request.chunk().byte_offset(), first_row / 2);
      EXPECT_EQ(request.chunk().data(), Text(bytes.data(), bytes.size()));
      EXPECT_EQ(request.chunk().crc32c(), Crc32c(bytes));
    }
  }
}

TEST(UploadMessageTest, ABorrowingChunkSaysTheSameAndHoldsItsLoanWhileItLives) {
  for (const int64_t size : {1, 100, 128, 16384, 1 << 20}) {
    const std::vector<std::byte> bytes = Bytes(static_cast<size_t>(size));
    const auto loan = std::make_shared<Loan>();
    {
      const grpc::ByteBuffer message = BorrowingChunkMessage(200, 100, bytes, loan);
      EXPECT_TRUE(loan->is_open());
      EXPECT_EQ(Decode(message).SerializeAsString(),
                Decode(ChunkMessage(200, 100, {bytes.data(), 1, size, size})).SerializeAsString());
    }
    EXPECT_FALSE(loan->is_open());
  }
}

TEST(UploadMessageTest, RowsWithGapsAreGathered) {
  const std::vector<std::byte> bytes = Bytes(30);
  const v1::UploadLayerRequest request = Decode(ChunkMessage(5, 0, {bytes.data(), 3, 4, 10}));
  EXPECT_EQ(request.chunk().data(), Text(&bytes[0], 4) + Text(&bytes[10], 4) + Text(&bytes[20], 4));
}

TEST(UploadMessageTest, AHeaderIsSentAsItIs) {
  v1::UploadHeader header;
  header.set_parent("projects/p/networks/n/snapshots/1");
  header.set_row_count(3);
  EXPECT_EQ(Decode(HeaderMessage(header)).header().SerializeAsString(), header.SerializeAsString());
}

}  // namespace
}  // namespace gramian::client
