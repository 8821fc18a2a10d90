#include "gramian/representation/representation_builder.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gramian/base/error_reason.h"
#include "gtest/gtest.h"
#include "tests/testing/random.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// Sanitizers abort on an allocation that cannot be had unless told to return null as others do.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
extern "C" const char* __tsan_default_options() { return "allocator_may_return_null=1"; }
#endif

namespace gramian {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// 9 rows of 5 float32: 20 bytes a row.
constexpr RepresentationShape kShape{9, 5, DType::kFloat32};
constexpr int64_t kRowBytes = 20;
constexpr int64_t kSize = 180;

MatrixF SampleMatrix() { return testing::RandomNormal(9, 5, 1).cast<float>(); }

std::string BytesOf(const MatrixF& matrix) {
  return std::string(reinterpret_cast<const char*>(matrix.data()),
                     sizeof(float) * static_cast<size_t>(matrix.size()));
}

// Appends bytes [begin, end) of `content`, addressed from `row`.
absl::Status AppendFrom(RepresentationBuilder& builder, const std::string& content, int64_t row,
                        int64_t begin, int64_t end) {
  return builder.Append(row, begin - row * kRowBytes,
                        absl::string_view(content).substr(static_cast<size_t>(begin),
                                                          static_cast<size_t>(end - begin)));
}

absl::Status AppendBytes(RepresentationBuilder& builder, const std::string& content, int64_t begin,
                         int64_t end) {
  return AppendFrom(builder, content, begin / kRowBytes, begin, end);
}

RepresentationBuilder NewBuilder() { return RepresentationBuilder::Create(kShape).value(); }

// Which bytes have arrived, counted one by one.
class Seen {
 public:
  void Mark(int64_t begin, int64_t end) {
    std::fill(seen_.begin() + begin, seen_.begin() + end, true);
  }
  int64_t bytes() const { return std::count(seen_.begin(), seen_.end(), true); }
  int64_t rows() const {
    int64_t rows = 0;
    for (int64_t row = 0; row < kShape.rows; ++row) {
      const auto first = seen_.begin() + row * kRowBytes;
      rows += std::all_of(first, first + kRowBytes, [](bool seen) { return seen; }) ? 1 : 0;
    }
    return rows;
  }
  int64_t first_missing() const {
    return std::find(seen_.begin(), seen_.end(), false) - seen_.begin();
  }

 private:
  std::vector<bool> seen_ = std::vector<bool>(kSize, false);
};

TEST(RepresentationBuilderTest, OnePieceGivesTheRepresentation) {
  const MatrixF matrix = SampleMatrix();
  RepresentationBuilder builder = NewBuilder();
  EXPECT_EQ(builder.size_bytes(), kSize);
  EXPECT_EQ(builder.received_bytes(), 0);
  EXPECT_EQ(builder.complete_rows(), 0);
  ASSERT_TRUE(builder.Append(0, 0, BytesOf(matrix)).ok());
  EXPECT_EQ(builder.received_bytes(), kSize);
  EXPECT_EQ(builder.complete_rows(), 9);
  const auto layer = std::move(builder).Finish();
  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_EQ((*layer)->shape(), kShape);
  EXPECT_EQ(std::memcmp((*layer)->data(), matrix.data(), kSize), 0);
}

// Pieces that cut rows anywhere, in any order, some of them sent again with other borders.
TEST(RepresentationBuilderTest, CutsOrderAndRepetitionDoNotMatter) {
  const MatrixF matrix = SampleMatrix();
  const std::string content = BytesOf(matrix);
  const Digest expected = Representation::FromMatrix(matrix).value()->digest();
  for (uint64_t round = 0; round < 200; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    std::mt19937_64 random(round);
    const auto below = [&](int64_t limit) {
      return std::uniform_int_distribution<int64_t>(0, limit - 1)(random);
    };
    std::vector<std::pair<int64_t, int64_t>> pieces;
    const int64_t longest = 1 + below(kSize);
    for (int64_t begin = 0; begin < kSize;) {
      const int64_t end = std::min(kSize, begin + 1 + below(longest));
      pieces.emplace_back(begin, end);
      begin = end;
    }
    const int64_t repeated = below(8);
    for (int64_t i = 0; i < repeated; ++i) {
      const int64_t begin = below(kSize);
      pieces.emplace_back(begin, begin + 1 + below(kSize - begin));
    }
    std::shuffle(pieces.begin(), pieces.end(), random);

    RepresentationBuilder builder = NewBuilder();
    Seen seen;
    for (const auto& [begin, end] : pieces) {
      // A piece may be addressed from any row at or before the one it begins in.
      const int64_t row = below(begin / kRowBytes + 1);
      const absl::Status status = AppendFrom(builder, content, row, begin, end);
      ASSERT_TRUE(status.ok()) << status;
      seen.Mark(begin, end);
      ASSERT_EQ(builder.received_bytes(), seen.bytes());
      ASSERT_EQ(builder.complete_rows(), seen.rows());
    }
    const auto layer = std::move(builder).Finish();
    ASSERT_TRUE(layer.ok()) << layer.status();
    ASSERT_EQ((*layer)->digest(), expected);
  }
}

TEST(RepresentationBuilderTest, AnIncompleteUploadNamesItsFirstMissingRow) {
  const std::string content = BytesOf(SampleMatrix());
  const std::vector<std::vector<std::pair<int64_t, int64_t>>> uploads = {
      {},
      {{0, kSize - 1}},
      {{1, kSize}},
      {{0, 20}, {40, kSize}},
      {{0, 45}, {46, kSize}},
      {{100, 120}},
      {{0, 60}, {80, 100}, {120, 140}}};
  for (const auto& upload : uploads) {
    RepresentationBuilder builder = NewBuilder();
    Seen seen;
    for (const auto& [begin, end] : upload) {
      ASSERT_TRUE(AppendBytes(builder, content, begin, end).ok());
      seen.Mark(begin, end);
    }
    const absl::Status status = std::move(builder).Finish().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(status.message(),
                AllOf(HasSubstr(absl::StrCat("row ", seen.first_missing() / kRowBytes, " of 9")),
                      HasSubstr(absl::StrCat(seen.bytes(), " of 180"))));
  }
}

TEST(RepresentationBuilderTest, RefusesAnEmptyPiece) {
  RepresentationBuilder builder = NewBuilder();
  EXPECT_EQ(builder.Append(0, 0, "").code(), kInvalid);
}

TEST(RepresentationBuilderTest, RefusesRowsOutsideTheShape) {
  RepresentationBuilder builder = NewBuilder();
  EXPECT_TRUE(builder.Append(8, 0, "x").ok());
  for (const int64_t row : {int64_t{9}, int64_t{-1}, kMax, -kMax - 1}) {
    const absl::Status status = builder.Append(row, 0, "x");
    EXPECT_EQ(status.code(), kInvalid);
    EXPECT_THAT(status.message(), AllOf(HasSubstr(absl::StrCat(row)), HasSubstr("9")));
  }
  EXPECT_EQ(builder.received_bytes(), 1);
}

TEST(RepresentationBuilderTest, RefusesOffsetsOutsideTheShape) {
  RepresentationBuilder builder = NewBuilder();
  EXPECT_TRUE(builder.Append(7, 39, "x").ok());
  for (const int64_t offset : {int64_t{40}, int64_t{-1}, kMax, -kMax - 1}) {
    const absl::Status status = builder.Append(7, offset, "x");
    EXPECT_EQ(status.code(), kInvalid);
    EXPECT_THAT(status.message(), AllOf(HasSubstr(absl::StrCat(offset)), HasSubstr("40")));
  }
  EXPECT_EQ(builder.received_bytes(), 1);
}

TEST(RepresentationBuilderTest, RefusesAPieceThatIsOneByteTooLong) {
  RepresentationBuilder builder = NewBuilder();
  EXPECT_EQ(builder.Append(7, 10, std::string(31, 'x')).code(), kInvalid);
  EXPECT_EQ(builder.received_bytes(), 0);
  EXPECT_TRUE(builder.Append(7, 10, std::string(30, 'x')).ok());
  EXPECT_EQ(builder.Append(0, 0, std::string(kSize + 1, 'x')).code(), kInvalid);
}

TEST(RepresentationBuilderTest, RefusesBytesThatDifferFromWhatCameBefore) {
  const MatrixF matrix = SampleMatrix();
  const std::string content = BytesOf(matrix);
  RepresentationBuilder builder = NewBuilder();
  ASSERT_TRUE(AppendBytes(builder, content, 30, 75).ok());
  for (const int64_t changed : {30, 50, 74}) {
    std::string other = content;
    other[static_cast<size_t>(changed)] ^= 1;
    const absl::Status status = AppendBytes(builder, other, 10, 100);
    EXPECT_EQ(status.code(), kInvalid);
    EXPECT_THAT(status.message(), HasSubstr("rows 1 to 3"));
    EXPECT_EQ(builder.received_bytes(), 45);
  }
  // Nothing of the refused pieces was kept.
  std::string other = content;
  other[29] ^= 1;
  ASSERT_TRUE(AppendBytes(builder, content, 0, kSize).ok());
  EXPECT_EQ(AppendBytes(builder, other, 0, kSize).code(), kInvalid);
  EXPECT_EQ(std::move(builder).Finish().value()->digest(),
            Representation::FromMatrix(matrix).value()->digest());
}

TEST(RepresentationBuilderTest, RefusesWhatIsNotFiniteAtTheEnd) {
  MatrixF matrix = SampleMatrix();
  matrix(6, 2) = std::numeric_limits<float>::quiet_NaN();
  RepresentationBuilder builder = NewBuilder();
  ASSERT_TRUE(builder.Append(0, 0, BytesOf(matrix)).ok());
  const absl::Status status = std::move(builder).Finish().status();
  EXPECT_EQ(status.code(), kInvalid);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("row 6"), HasSubstr("column 2")));
}

// Pieces end between elements in even rounds and anywhere in odd ones.
TEST(RepresentationBuilderTest, NamesTheFirstElementThatIsNotFiniteHoweverTheUploadIsCut) {
  for (uint64_t round = 0; round < 200; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    std::mt19937_64 random(round);
    const auto below = [&](int64_t limit) {
      return std::uniform_int_distribution<int64_t>(0, limit - 1)(random);
    };
    MatrixF matrix = SampleMatrix();
    int64_t first = 45;
    for (int i = 0; i < 3; ++i) {
      const int64_t element = below(45);
      matrix.data()[element] = i == 0 ? std::numeric_limits<float>::quiet_NaN()
                                      : -std::numeric_limits<float>::infinity();
      first = std::min(first, element);
    }
    const std::string content = BytesOf(matrix);
    const int64_t grain = round % 2 == 0 ? 4 : 1;
    std::vector<std::pair<int64_t, int64_t>> pieces;
    for (int64_t begin = 0; begin < kSize;) {
      const int64_t end = std::min(kSize, begin + grain * (1 + below(12)));
      pieces.emplace_back(begin, end);
      // Some are sent again, a little longer.
      if (below(4) == 0) pieces.emplace_back(begin, std::min(kSize, end + grain));
      begin = end;
    }
    std::shuffle(pieces.begin(), pieces.end(), random);
    RepresentationBuilder builder = NewBuilder();
    for (const auto& [begin, end] : pieces) {
      ASSERT_TRUE(AppendBytes(builder, content, begin, end).ok());
    }
    const absl::Status status = std::move(builder).Finish().status();
    EXPECT_EQ(status.code(), kInvalid);
    EXPECT_THAT(status.message(),
                HasSubstr(absl::StrCat("row ", first / 5, ", column ", first % 5)));
  }
}

TEST(RepresentationBuilderTest, APieceMayLieInSeveralPartsOfMemory) {
  const MatrixF matrix = SampleMatrix();
  const std::string content = BytesOf(matrix);
  std::string other = content;
  other[50] ^= 1;
  const auto parts = [](absl::string_view text, std::vector<size_t> ends) {
    std::vector<absl::string_view> result;
    size_t begin = 0;
    ends.push_back(text.size());
    for (const size_t end : ends) {
      result.push_back(text.substr(begin, end - begin));
      begin = end;
    }
    return result;
  };
  // Empty parts, one byte, parts that end within an element and within a row.
  for (const std::vector<size_t>& ends :
       {std::vector<size_t>{}, {0, 1, 1, 50, 51, 180}, {3, 23, 60, 100}, {49, 50, 51}}) {
    RepresentationBuilder builder = NewBuilder();
    ASSERT_TRUE(AppendBytes(builder, content, 30, 75).ok());
    EXPECT_EQ(builder.Append(0, 0, parts(other, ends)).code(), kInvalid);
    EXPECT_EQ(builder.received_bytes(), 45);
    const absl::Status status = builder.Append(0, 0, parts(content, ends));
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(builder.received_bytes(), kSize);
    EXPECT_EQ(builder.Append(0, 1, parts(content, ends)).code(), kInvalid);
    EXPECT_EQ(std::move(builder).Finish().value()->digest(),
              Representation::FromMatrix(matrix).value()->digest());
  }
  RepresentationBuilder builder = NewBuilder();
  EXPECT_EQ(builder.Append(0, 0, std::vector<absl::string_view>()).code(), kInvalid);
  EXPECT_EQ(builder.Append(0, 0, std::vector<absl::string_view>{"", ""}).code(), kInvalid);
}

// Parts end anywhere, also within the element in question and within what is hashed at a time.
TEST(RepresentationBuilderTest, ChecksAndHashesLongPiecesInPartsAsAWhole) {
  constexpr int64_t kRows = 300;
  constexpr int64_t kCols = 64;
  const RepresentationShape shape{kRows, kCols, DType::kFloat32};
  for (uint64_t round = 0; round < 60; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    std::mt19937_64 random(round);
    MatrixF matrix(kRows, kCols);
    for (int64_t i = 0; i < matrix.size(); ++i) matrix.data()[i] = static_cast<float>(i % 1013);
    const auto bad = std::uniform_int_distribution<int64_t>(0, matrix.size() - 1)(random);
    const Digest digest = Representation::FromMatrix(matrix).value()->digest();
    const auto in_bad = static_cast<size_t>(4 * bad) + round % 4;
    std::vector<size_t> cuts = {0, in_bad, size_t{4} * kRows * kCols};
    for (int i = 0; i < 8; ++i)
      cuts.push_back(std::uniform_int_distribution<size_t>(0, cuts[2])(random));
    std::sort(cuts.begin(), cuts.end());
    for (const bool finite : {true, false}) {
      if (!finite) matrix.data()[bad] = std::numeric_limits<float>::infinity();
      const std::string content = BytesOf(matrix);
      std::vector<absl::string_view> parts;
      for (size_t i = 1; i < cuts.size(); ++i)
        parts.push_back(absl::string_view(content).substr(cuts[i - 1], cuts[i] - cuts[i - 1]));
      RepresentationBuilder builder = RepresentationBuilder::Create(shape).value();
      ASSERT_TRUE(builder.Append(0, 0, parts).ok());
      const auto result = std::move(builder).Finish();
      if (finite) {
        EXPECT_EQ(result.value()->digest(), digest);
      } else {
        EXPECT_THAT(result.status().message(),
                    HasSubstr(absl::StrCat("row ", bad / kCols, ", column ", bad % kCols, " ")));
      }
    }
  }
}

TEST(RepresentationBuilderTest, RefusesShapesThatCannotBe) {
  for (const RepresentationShape& shape :
       {RepresentationShape{0, 1}, {1, 0}, {-3, 1}, {1, -3}, {kMax, kMax}}) {
    EXPECT_EQ(RepresentationBuilder::Create(shape).status().code(), kInvalid);
  }
}

TEST(RepresentationBuilderTest, SaysThatMemoryCannotBeHad) {
  const absl::Status status =
      RepresentationBuilder::Create({int64_t{1} << 30, int64_t{1} << 30, DType::kFloat32}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("4611686018427387904"));
}

TEST(RepresentationBuilderTest, RefusesMorePiecesWithGapsThanItCanKeepTrackOf) {
  constexpr int64_t kPieces = int64_t{1} << 20;
  RepresentationBuilder builder =
      RepresentationBuilder::Create({2 * kPieces + 2, 1, DType::kFloat16}).value();
  for (int64_t i = 0; i < kPieces; ++i) {
    ASSERT_TRUE(builder.Append(2 * i, 0, absl::string_view("\0\0", 2)).ok());
  }
  const absl::Status status = builder.Append(2 * kPieces, 0, absl::string_view("\0\0", 2));
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(GetReason(status)->reason, "TOO_MANY_GAPS");
  EXPECT_EQ(GetReason(status)->metadata.at("value"), absl::StrCat((1 << 20) + 1));
  EXPECT_EQ(GetReason(status)->metadata.at("limit"), absl::StrCat(1 << 20));
  EXPECT_TRUE(builder.Append(1, 0, absl::string_view("\0\0", 2)).ok()) << "which fills a gap";
  EXPECT_TRUE(builder.Append(2 * kPieces, 0, absl::string_view("\0\0", 2)).ok());
}

// Memory that can refuse to take something.
class TestSink final : public ByteSink {
 public:
  explicit TestSink(std::shared_ptr<std::string> bytes) : bytes_(std::move(bytes)) {}
  absl::Status Write(int64_t offset, absl::Span<const absl::string_view> parts) override {
    if (!status.ok()) return std::exchange(status, absl::OkStatus());
    for (const absl::string_view part : parts) {
      bytes_->replace(static_cast<size_t>(offset), part.size(), part.data(), part.size());
      offset += static_cast<int64_t>(part.size());
    }
    return absl::OkStatus();
  }
  std::shared_ptr<const std::byte> bytes() const override {
    return {bytes_, reinterpret_cast<const std::byte*>(bytes_->data())};
  }

  absl::Status status;

 private:
  const std::shared_ptr<std::string> bytes_;
};

class SinkTest : public ::testing::Test {
 protected:
  SinkTest() {
    MatrixF matrix(shape_.rows, shape_.cols);
    for (Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = static_cast<float>(i);
    expected_ = Representation::FromMatrix(matrix).value();
    content_.assign(reinterpret_cast<const char*>(expected_->data()),
                    static_cast<size_t>(expected_->size_bytes()));
    *stored_ = std::string(content_.size(), '\0');
  }
  RepresentationBuilder NewBuilder(std::map<int64_t, int64_t> received) {
    auto sink = std::make_unique<TestSink>(stored_);
    sink_ = sink.get();
    return RepresentationBuilder::Create(shape_, std::move(sink), std::move(received)).value();
  }
  absl::string_view Rows(int64_t first, int64_t count) const {
    return absl::string_view(content_).substr(static_cast<size_t>(12 * first),
                                              static_cast<size_t>(12 * count));
  }

  const RepresentationShape shape_{5, 3, DType::kFloat32};
  std::shared_ptr<const Representation> expected_;
  std::string content_;
  const std::shared_ptr<std::string> stored_ = std::make_shared<std::string>();
  TestSink* sink_ = nullptr;
};

TEST_F(SinkTest, HoldsTheBytesThatTheRepresentationShares) {
  RepresentationBuilder builder = NewBuilder({});
  for (const int64_t row : {4, 0, 2, 1, 3}) ASSERT_TRUE(builder.Append(row, 0, Rows(row, 1)).ok());
  const auto built = std::move(builder).Finish();
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ((*built)->digest(), expected_->digest());
  EXPECT_EQ(reinterpret_cast<const char*>((*built)->data()), stored_->data());
  EXPECT_EQ(*stored_, content_);
}

TEST_F(SinkTest, WhatItRefusesIsNotReceived) {
  RepresentationBuilder builder = NewBuilder({});
  ASSERT_TRUE(builder.Append(0, 0, Rows(0, 2)).ok());
  for (const int64_t row : {1, 2}) {
    sink_->status = absl::ResourceExhaustedError("full");
    EXPECT_TRUE(absl::IsResourceExhausted(builder.Append(row, 0, Rows(row, 3))));
    EXPECT_EQ(builder.received_bytes(), 24);
    EXPECT_EQ(builder.complete_rows(), 2);
  }
  ASSERT_TRUE(builder.Append(1, 0, Rows(1, 4)).ok());
  EXPECT_EQ(std::move(builder).Finish().value()->digest(), expected_->digest());
}

TEST_F(SinkTest, WhatItHeldBeforeCountsAndIsCheckedInTheEnd) {
  stored_->replace(12, 12, Rows(1, 1).data(), 12);
  RepresentationBuilder builder = NewBuilder({{12, 24}});
  EXPECT_EQ(builder.received_bytes(), 12);
  EXPECT_EQ(builder.complete_rows(), 1);
  EXPECT_TRUE(absl::IsInvalidArgument(builder.Append(1, 0, Rows(2, 1))));
  ASSERT_TRUE(builder.Append(0, 0, Rows(0, 2)).ok());
  ASSERT_TRUE(builder.Append(2, 0, Rows(2, 3)).ok());
  EXPECT_EQ(std::move(builder).Finish().value()->digest(), expected_->digest());

  stored_->replace(12, 12, std::string(12, '\xFF'));
  RepresentationBuilder infinite = NewBuilder({{0, 60}});
  const absl::Status status = std::move(infinite).Finish().status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(std::string(status.message()), "row 1, column 0 is not a finite float32 number");
}

TEST_F(SinkTest, RowsAreCountedWhateverTheOrderAndTheCut) {
  RepresentationBuilder builder = NewBuilder({});
  ASSERT_TRUE(builder.Append(0, 6, absl::string_view(content_).substr(6, 12)).ok());
  EXPECT_EQ(builder.complete_rows(), 0);
  ASSERT_TRUE(builder.Append(2, 0, Rows(2, 1)).ok());
  EXPECT_EQ(builder.complete_rows(), 1);
  ASSERT_TRUE(builder.Append(1, 0, Rows(1, 1)).ok());
  EXPECT_EQ(builder.complete_rows(), 2);
  ASSERT_TRUE(builder.Append(0, 0, Rows(0, 1)).ok());
  EXPECT_EQ(builder.complete_rows(), 3);
}

}  // namespace
}  // namespace gramian
