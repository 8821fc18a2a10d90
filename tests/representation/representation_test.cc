#include "gramian/representation/representation.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::RandomNormal;

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

template <typename T>
absl::StatusOr<std::shared_ptr<const Representation>> Create(const RepresentationShape& shape,
                                                             const std::vector<T>& values) {
  const size_t size = values.size() * sizeof(T);
  auto bytes = std::make_unique<std::byte[]>(size);
  std::copy_n(reinterpret_cast<const std::byte*>(values.data()), size, bytes.get());
  return Representation::Create(shape, std::move(bytes));
}

TEST(SizeBytesTest, IsRowsTimesColumnsTimesElementSize) {
  EXPECT_EQ(SizeBytes({3, 5, DType::kFloat32}).value(), 60);
  EXPECT_EQ(SizeBytes({3, 5, DType::kFloat16}).value(), 30);
  EXPECT_EQ(SizeBytes({3, 5, DType::kBFloat16}).value(), 30);
  EXPECT_EQ(SizeBytes({3, 5, DType::kFloat64}).value(), 120);
}

TEST(SizeBytesTest, NeedsARowAndAColumn) {
  for (const RepresentationShape& shape :
       {RepresentationShape{0, 5}, {5, 0}, {-1, 5}, {5, -1}, {-1, -1}, {0, 0}, {-kMax - 1, 1}}) {
    const absl::Status status = SizeBytes(shape).status();
    EXPECT_EQ(status.code(), kInvalid);
    EXPECT_THAT(status.message(), HasSubstr(std::to_string(shape.rows)));
  }
}

TEST(SizeBytesTest, MustFitIn63Bits) {
  EXPECT_EQ(SizeBytes({kMax / 8, 1, DType::kFloat64}).value(), kMax / 8 * 8);
  EXPECT_EQ(SizeBytes({kMax / 8 + 1, 1, DType::kFloat64}).status().code(), kInvalid);
  EXPECT_EQ(SizeBytes({kMax, kMax, DType::kFloat16}).status().code(), kInvalid);
  EXPECT_EQ(SizeBytes({int64_t{1} << 32, int64_t{1} << 32, DType::kFloat32}).status().code(),
            kInvalid);
}

TEST(RepresentationTest, KeepsShapeAndContent) {
  const Matrix matrix = RandomNormal(7, 3, 1);
  const auto layer = Representation::FromMatrix(matrix).value();
  EXPECT_EQ(layer->rows(), 7);
  EXPECT_EQ(layer->cols(), 3);
  EXPECT_EQ(layer->size_bytes(), 7 * 3 * 8);
  EXPECT_EQ(layer->shape(), (RepresentationShape{7, 3, DType::kFloat64}));
  EXPECT_EQ(std::memcmp(layer->data(), matrix.data(), 7 * 3 * 8), 0);
}

TEST(RepresentationTest, ReadsAnyRowsInEitherPrecision) {
  const Matrix matrix = RandomNormal(9, 4, 2);
  const MatrixF rounded = matrix.cast<float>();
  const auto wide = Representation::FromMatrix(matrix).value();
  const auto narrow = Representation::FromMatrix(rounded).value();
  for (Index first = 0; first <= 9; ++first) {
    for (Index count = 0; first + count <= 9; ++count) {
      Matrix doubles(count, 4);
      MatrixF floats(count, 4);
      wide->ReadRows(first, count, doubles.data());
      wide->ReadRows(first, count, floats.data());
      EXPECT_EQ(doubles, matrix.middleRows(first, count));
      EXPECT_EQ(floats, rounded.middleRows(first, count));
      narrow->ReadRows(first, count, doubles.data());
      narrow->ReadRows(first, count, floats.data());
      EXPECT_EQ(doubles, rounded.middleRows(first, count).cast<double>());
      EXPECT_EQ(floats, rounded.middleRows(first, count));
    }
  }
}

TEST(RepresentationTest, ReadsHalfPrecisionRows) {
  // 1, 2, -0.5, 65504 in float16.
  const auto half = Create<uint16_t>({2, 2, DType::kFloat16}, {0x3c00, 0x4000, 0xb800, 0x7bff});
  float row[2];
  half.value()->ReadRows(1, 1, row);
  EXPECT_EQ(row[0], -0.5F);
  EXPECT_EQ(row[1], 65'504.0F);
  // 1, 3 in bfloat16.
  const auto brain = Create<uint16_t>({1, 2, DType::kBFloat16}, {0x3f80, 0x4040});
  brain.value()->ReadRows(0, 1, row);
  EXPECT_EQ(row[0], 1.0F);
  EXPECT_EQ(row[1], 3.0F);
}

TEST(RepresentationTest, EqualContentHasEqualDigests) {
  const Matrix matrix = RandomNormal(6, 5, 3);
  const auto first = Representation::FromMatrix(matrix).value();
  const auto second = Representation::FromMatrix(Matrix(matrix)).value();
  EXPECT_NE(first->data(), second->data());
  EXPECT_EQ(first->digest(), second->digest());
}

TEST(RepresentationTest, ShapeTypeAndContentAreAllInTheDigest) {
  // The same 24 zero bytes in every meaning they can have.
  std::set<std::string> digests;
  size_t made = 0;
  for (const DType dtype : {DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kFloat64}) {
    const int64_t elements = 24 / SizeOf(dtype);
    for (int64_t rows = 1; rows <= elements; ++rows) {
      if (elements % rows != 0) continue;
      const auto layer = Create<char>({rows, elements / rows, dtype}, std::vector<char>(24, 0));
      digests.insert(layer.value()->digest().ToHex());
      ++made;
    }
  }
  EXPECT_EQ(digests.size(), made);

  Matrix matrix = RandomNormal(6, 5, 4);
  const Digest before = Representation::FromMatrix(matrix).value()->digest();
  for (Index i = 0; i < matrix.size(); ++i) {
    Matrix changed = matrix;
    changed.data()[i] = std::nextafter(changed.data()[i], 100.0);
    EXPECT_NE(Representation::FromMatrix(changed).value()->digest(), before) << i;
  }
}

TEST(RepresentationTest, RefusesWhatIsNotFiniteNamingRowAndColumn) {
  for (const float bad :
       {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
        std::numeric_limits<float>::quiet_NaN()}) {
    MatrixF matrix = MatrixF::Ones(700, 5);
    matrix(612, 3) = bad;
    matrix(699, 4) = bad;
    const absl::Status status = Representation::FromMatrix(matrix).status();
    EXPECT_EQ(status.code(), kInvalid);
    EXPECT_THAT(status.message(), AllOf(HasSubstr("row 612"), HasSubstr("column 3")));
  }
}

TEST(RepresentationTest, RefusesFloat64BeyondFloat32) {
  Matrix matrix = Matrix::Ones(4, 3);
  matrix(2, 1) = 3.4028234e38;
  EXPECT_TRUE(Representation::FromMatrix(matrix).ok());
  matrix(2, 1) = -3.5e38;
  const absl::Status status = Representation::FromMatrix(matrix).status();
  EXPECT_EQ(status.code(), kInvalid);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("row 2"), HasSubstr("column 1")));
}

TEST(RepresentationTest, RefusesShapesWithoutEntries) {
  EXPECT_EQ(Create<float>({0, 3, DType::kFloat32}, {}).status().code(), kInvalid);
  EXPECT_EQ(Create<float>({3, -2, DType::kFloat32}, {}).status().code(), kInvalid);
  EXPECT_EQ(Representation::FromMatrix(Matrix(0, 3)).status().code(), kInvalid);
  EXPECT_EQ(Representation::FromMatrix(MatrixF(3, 0)).status().code(), kInvalid);
}

TEST(RepresentationTest, OneEntryIsEnough) {
  const auto layer = Create<float>({1, 1, DType::kFloat32}, {-0.0F});
  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_EQ((*layer)->size_bytes(), 4);
}

TEST(RepresentationTest, AViewGivesTheRowsThatAreSelected) {
  const Matrix matrix = Matrix::Random(6, 3);
  const auto base = Representation::FromMatrix(matrix).value();
  const auto select = [&](std::vector<int64_t> rows) {
    return Representation::SelectRows(
        base, std::make_shared<const std::vector<int64_t>>(std::move(rows)));
  };
  const auto view = select({5, 0, 0, 2});
  EXPECT_EQ(view->rows(), 4);
  EXPECT_EQ(view->cols(), 3);
  EXPECT_EQ(view->data(), nullptr);
  Matrix read(3, 3);
  view->ReadRows(1, 3, read.data());
  EXPECT_EQ(read.row(0), matrix.row(0));
  EXPECT_EQ(read.row(1), matrix.row(0));
  EXPECT_EQ(read.row(2), matrix.row(2));
  MatrixF first(1, 3);
  view->ReadRows(0, 1, first.data());
  EXPECT_EQ(first.row(0), matrix.row(5).cast<float>());
  // Views of views read through both.
  const auto twice = Representation::SelectRows(
      view, std::make_shared<const std::vector<int64_t>>(std::vector<int64_t>{3}));
  Matrix last(1, 3);
  twice->ReadRows(0, 1, last.data());
  EXPECT_EQ(last.row(0), matrix.row(2));
  EXPECT_EQ(select({5, 0, 0, 2})->digest(), view->digest());
  EXPECT_NE(select({5, 0, 2, 0})->digest(), view->digest());
  EXPECT_NE(select({0, 1, 2, 3, 4, 5})->digest(), base->digest());
}

}  // namespace
}  // namespace gramian
