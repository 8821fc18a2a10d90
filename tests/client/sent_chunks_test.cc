#include "gramian/rpc/sent_chunks.h"

#include <gmock/gmock.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace gramian::client {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kRowBytes = 10;

// `rows` rows of one letter each.
std::vector<std::byte> Rows(char letter, int64_t rows) {
  return std::vector<std::byte>(static_cast<size_t>(rows * kRowBytes),
                                static_cast<std::byte>(letter));
}

void Add(SentChunks& chunks, int64_t first_row, char letter, int64_t rows = 1) {
  const std::vector<std::byte> data = Rows(letter, rows);
  chunks.AddOwned(first_row, 0, {data.data(), rows, kRowBytes, kRowBytes});
}

v1::UploadChunk Decode(grpc::ByteBuffer message) {
  v1::UploadLayerRequest request;
  EXPECT_TRUE(
      grpc::SerializationTraits<v1::UploadLayerRequest>::Deserialize(&message, &request).ok());
  return request.chunk();
}

// Takes everything that is to be sent: the first letter of every chunk.
std::string SendAll(SentChunks& chunks) {
  const auto loan = std::make_shared<Loan>();
  std::string sent;
  for (; chunks.has_next(); chunks.Advance())
    sent += Decode(chunks.NextMessage(loan)).data().substr(0, 1);
  EXPECT_FALSE(loan->is_open());
  return sent;
}

// Goal: ranges behave like a set of bytes. Method: a few thousand random operations on both.
TEST(ByteRangesTest, AreASetOfBytes) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    ByteRanges ranges;
    ByteRanges other;
    std::set<int64_t> bytes;
    std::set<int64_t> other_bytes;
    for (int i = 0; i < 12; ++i) {
      const int64_t begin = static_cast<int64_t>(random() % 60);
      const int64_t end = begin + static_cast<int64_t>(random() % 10);
      const bool is_other = random() % 2 == 0;
      (is_other ? other : ranges).Add({begin, end});
      for (int64_t byte = begin; byte < end; ++byte) (is_other ? other_bytes : bytes).insert(byte);
    }
    int64_t size = 0;
    int64_t last_end = -1;
    for (const ByteRange& range : ranges.ranges()) {
      EXPECT_GT(range.begin, last_end) << "disjoint, not touching, ascending";
      last_end = range.end;
      size += range.end - range.begin;
      for (int64_t byte = range.begin; byte < range.end; ++byte) EXPECT_TRUE(bytes.contains(byte));
    }
    EXPECT_EQ(size, static_cast<int64_t>(bytes.size()));
    const int64_t begin = static_cast<int64_t>(random() % 60);
    const int64_t end = begin + static_cast<int64_t>(random() % 10);
    bool is_there = true;
    for (int64_t byte = begin; byte < end; ++byte) is_there = is_there && bytes.contains(byte);
    EXPECT_EQ(ranges.Contains({begin, end}), is_there);
    int64_t missing = 0;
    for (const int64_t byte : bytes) missing += other_bytes.contains(byte) ? 0 : 1;
    EXPECT_EQ(ranges.CountMissing(other), missing);
  }
}

TEST(SentChunksTest, WhatIsConfirmedIsForgotten) {
  SentChunks chunks(kRowBytes);
  Add(chunks, 0, 'a');
  Add(chunks, 1, 'b', 2);
  EXPECT_EQ(SendAll(chunks), "ab");
  EXPECT_EQ(chunks.unconfirmed_bytes(), 30);
  EXPECT_TRUE(chunks.Confirm(1));
  EXPECT_EQ(chunks.unconfirmed_bytes(), 20);
  EXPECT_FALSE(chunks.Confirm(1)) << "nothing new";
  EXPECT_TRUE(chunks.Confirm(99)) << "no more than was sent";
  EXPECT_EQ(chunks.unconfirmed_bytes(), 0);
}

TEST(SentChunksTest, WhatWasNotSentIsNotTakenForPersisted) {
  SentChunks chunks(kRowBytes);
  Add(chunks, 0, 'a');
  EXPECT_FALSE(chunks.Confirm(1));
  EXPECT_EQ(chunks.unconfirmed_bytes(), 10);
  EXPECT_EQ(SendAll(chunks), "a");
}

TEST(SentChunksTest, ANewStreamGetsWhatTheServerDoesNotHaveInOrder) {
  SentChunks chunks(kRowBytes);
  for (int64_t i = 0; i < 5; ++i) Add(chunks, i, static_cast<char>('0' + i));
  SendAll(chunks);
  EXPECT_TRUE(chunks.Confirm(2));
  ASSERT_TRUE(chunks.Restart({{0, 20}, {30, 45}}).ok());
  EXPECT_EQ(SendAll(chunks), "24") << "3 is there, half of 4 does not count";
  EXPECT_TRUE(chunks.IsPersisted({5, 20}));
  EXPECT_FALSE(chunks.IsPersisted({40, 50}));
  EXPECT_TRUE(chunks.Confirm(1));
  ASSERT_TRUE(chunks.Restart({{0, 45}}).ok());
  EXPECT_EQ(SendAll(chunks), "4");
}

TEST(SentChunksTest, ALossOfWhatWasAcknowledgedIsAnError) {
  SentChunks chunks(kRowBytes);
  ASSERT_TRUE(chunks.Restart({{0, 10}}).ok());
  Add(chunks, 1, 'b');
  SendAll(chunks);
  EXPECT_TRUE(chunks.Confirm(1));
  const absl::Status lost = chunks.Restart({{0, 3}});
  EXPECT_EQ(lost.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(lost.message()), HasSubstr("lost 17 bytes"));
  EXPECT_TRUE(chunks.Restart({{0, 20}}).ok());
}

TEST(SentChunksTest, WhatNobodyAcknowledgedIsNoLoss) {
  SentChunks chunks(kRowBytes);
  Add(chunks, 0, 'a');
  SendAll(chunks);
  ASSERT_TRUE(chunks.Restart({}).ok());
  EXPECT_EQ(SendAll(chunks), "a");
  EXPECT_EQ(SendAll(chunks), "");
}

// Goal: what was lent is right when it is sent, and again after the caller's memory has changed.
TEST(SentChunksTest, LentRowsAreCopiedWhenTheyHaveToStay) {
  SentChunks chunks(kRowBytes);
  Add(chunks, 0, 'a');
  std::vector<std::byte> lent = Rows('b', 2);
  chunks.AddLent(1, 0, {lent.data(), 2, kRowBytes, kRowBytes});
  const auto loan = std::make_shared<Loan>();
  {
    chunks.Advance();
    const grpc::ByteBuffer message = chunks.NextMessage(loan);
    EXPECT_TRUE(loan->is_open());
    EXPECT_EQ(Decode(message).data(), std::string(20, 'b'));
    chunks.Advance();
  }
  EXPECT_FALSE(loan->is_open());
  chunks.Own();
  lent = Rows('x', 2);
  ASSERT_TRUE(chunks.Restart({}).ok());
  EXPECT_EQ(SendAll(chunks), "ab");
}

}  // namespace
}  // namespace gramian::client
