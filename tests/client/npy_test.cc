#include "gramian/cli/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "absl/strings/str_cat.h"
#include "tests/testing/temporary_directory.h"

namespace gramian::client::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string File(const std::string& dictionary, int version = 1, const std::string& data = "") {
  std::string result = "\x93NUMPY";
  result.push_back(static_cast<char>(version));
  result.push_back('\0');
  const size_t length = dictionary.size();
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) {
    result.push_back(static_cast<char>((length >> (8 * i)) & 0xff));
  }
  return result + dictionary + data;
}

absl::StatusOr<NpyHeader> Parse(const std::string& file, std::optional<DType> declared = {}) {
  return ParseNpyHeader(std::as_bytes(std::span(file)), declared);
}

std::string Header(const std::string& descr, const std::string& shape = "(500, 64)") {
  return absl::StrCat("{'descr': '", descr, "', 'fortran_order': False, 'shape': ", shape,
                      ", }   \n");
}

TEST(NpyTest, ReadsTheHeaderOfEveryFormatVersion) {
  for (const int version : {1, 2, 3}) {
    const absl::StatusOr<NpyHeader> header = Parse(File(Header("<f4"), version));
    ASSERT_TRUE(header.ok()) << version << ": " << header.status();
    EXPECT_EQ(header->dtype, DType::kFloat32);
    EXPECT_THAT(header->shape, ElementsAre(500, 64));
    EXPECT_EQ(header->element_count(), 32000);
  }
}

TEST(NpyTest, KeysMayComeInAnyOrderAndWithEitherQuote) {
  const absl::StatusOr<NpyHeader> header =
      Parse(File(R"({"shape":(3,4,5),"fortran_order":False,"descr":"<f8"})"));
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->dtype, DType::kFloat64);
  EXPECT_THAT(header->shape, ElementsAre(3, 4, 5));
}

TEST(NpyTest, KnowsEveryElementType) {
  EXPECT_EQ(Parse(File(Header("<f2")))->dtype, DType::kFloat16);
  EXPECT_EQ(Parse(File(Header("<f8")))->dtype, DType::kFloat64);
  EXPECT_EQ(Parse(File(Header("|V2")))->dtype, DType::kBfloat16);
  EXPECT_EQ(Parse(File(Header("<u2")), DType::kBfloat16)->dtype, DType::kBfloat16);
}

struct Refusal {
  std::string file;
  std::string message;
};

TEST(NpyTest, RefusesWhatItCannotReadAndSaysWhatToDo) {
  const Refusal refusals[] = {
      {"PK\x03\x04 not an array", "numpy.save"},
      {File(Header("<f4"), 1).substr(0, 20), "cut short"},
      {File(Header("<f4"), 4), "version 4"},
      {File(Header(">f4")), "big-endian"},
      {File(Header("<i4")), "astype('float32')"},
      {File(Header("<u2")), "--dtype bfloat16"},
      {File("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }"), "structured"},
      {File("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }"), "ascontiguousarray"},
      {File("{'descr': '<f4', 'shape': (2, 3), }"), "order"},
      {File("{'descr': '<f4', 'fortran_order': False, }"), "shape"},
      {File(Header("<f4", "(2, -3)")), "malformed"},
      {File(Header("<f4", "(4611686018427387904, 4)")), "too large"},
  };
  for (const Refusal& refusal : refusals) {
    const absl::StatusOr<NpyHeader> header = Parse(refusal.file);
    EXPECT_EQ(header.status().code(), absl::StatusCode::kInvalidArgument) << refusal.message;
    EXPECT_THAT(std::string(header.status().message()), HasSubstr(refusal.message));
  }
}

TEST(NpyTest, RefusesAFileThatContradictsTheDeclaredType) {
  EXPECT_THAT(std::string(Parse(File(Header("<f4")), DType::kFloat16).status().message()),
              HasSubstr("float32, not the float16"));
}

TEST(NpyTest, WhatIsWrittenIsReadBack) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.path() + "/layer.npy";
  const double values[] = {1.5, -0.25, std::numeric_limits<double>::quiet_NaN(), 4, 5, 6};
  const int64_t shape[] = {2, 3};
  const std::string encoded = EncodeNpy(values, shape);
  std::ofstream(path, std::ios::binary) << encoded;
  const absl::StatusOr<NpyFile> file = NpyFile::Open(path, std::nullopt);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->header().data_offset % 64, 0);
  EXPECT_THAT(file->header().shape, ElementsAre(2, 3));
  EXPECT_EQ(std::memcmp(file->data().data(), values, sizeof(values)), 0);
}

TEST(NpyTest, EveryDtypeIsWrittenAsItIsRead) {
  const int64_t shape[] = {7, 5};
  for (const DType dtype : {DType::kFloat16, DType::kBfloat16, DType::kFloat32, DType::kFloat64}) {
    const std::string encoded = EncodeNpyHeader(dtype, shape);
    const absl::StatusOr<NpyHeader> header = Parse(encoded);
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->dtype, dtype);
    EXPECT_THAT(header->shape, ElementsAre(7, 5));
    EXPECT_EQ(header->data_offset, static_cast<int64_t>(encoded.size()));
    EXPECT_EQ(encoded.size() % 64, 0U);
  }
}

TEST(NpyTest, AFileCutShortIsRefused) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.path() + "/short.npy";
  std::ofstream(path, std::ios::binary) << File(Header("<f4", "(2, 3)"), 1, std::string(23, 'x'));
  const absl::StatusOr<NpyFile> file = NpyFile::Open(path, std::nullopt);
  EXPECT_THAT(std::string(file.status().message()), HasSubstr("needs 24 bytes, the file has 23"));
}

TEST(NpyTest, AMissingFileIsNotFound) {
  EXPECT_EQ(NpyFile::Open("/nowhere/x.npy", std::nullopt).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace gramian::client::cli
