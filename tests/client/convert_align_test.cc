// Goal: an alignment is put together from its blocks, and a server that sends others is found out.
#include "gramian/rpc/convert_align.h"

#include <gtest/gtest.h>

namespace gramian::client {
namespace {

v1::AlignLayersResponse Report(int64_t rows) {
  v1::AlignLayersResponse response;
  response.mutable_report()->set_accuracy(0.5);
  for (const v1::AlignmentPartKind kind :
       {v1::ALIGNMENT_PART_KIND_MAP, v1::ALIGNMENT_PART_KIND_MATCHES}) {
    v1::AlignmentPart* part = response.mutable_report()->add_parts();
    part->set_kind(kind);
    part->set_row_count(rows);
    part->set_column_count(kind == v1::ALIGNMENT_PART_KIND_MAP ? 2 : 1);
  }
  return response;
}

v1::AlignLayersResponse Block(v1::AlignmentPartKind kind, int64_t first_row, int64_t columns,
                              const std::vector<double>& values) {
  v1::AlignLayersResponse response;
  v1::AlignmentBlock* block = response.mutable_block();
  block->set_kind(kind);
  block->set_first_row(first_row);
  block->set_row_count(static_cast<int64_t>(values.size()) / columns);
  block->set_column_count(columns);
  block->mutable_values()->Add(values.begin(), values.end());
  return response;
}

TEST(ConvertAlignTest, BlocksBecomeParts) {
  AlignmentReader reader;
  ASSERT_TRUE(reader.Add(Report(2)).ok());
  ASSERT_TRUE(reader.Add(Block(v1::ALIGNMENT_PART_KIND_MAP, 0, 2, {1, 2})).ok());
  ASSERT_TRUE(reader.Add(Block(v1::ALIGNMENT_PART_KIND_MAP, 1, 2, {3, 4})).ok());
  ASSERT_TRUE(reader.Add(Block(v1::ALIGNMENT_PART_KIND_MATCHES, 0, 1, {1, 0})).ok());
  const absl::StatusOr<LayerAlignment> alignment = reader.Finish();
  ASSERT_TRUE(alignment.ok()) << alignment.status();
  EXPECT_EQ(alignment->accuracy, 0.5);
  EXPECT_EQ(alignment->map.values, (std::vector<double>{1, 2, 3, 4}));
  EXPECT_EQ(alignment->matches, (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(alignment->carried_points.row_count, 0);
}

TEST(ConvertAlignTest, WhatIsNotAnAlignmentIsFoundOut) {
  using absl::StatusCode;
  EXPECT_EQ(AlignmentReader().Finish().status().code(), StatusCode::kInternal);
  EXPECT_EQ(AlignmentReader().Add(Block(v1::ALIGNMENT_PART_KIND_MAP, 0, 2, {1, 2})).code(),
            StatusCode::kInternal);
  EXPECT_EQ(AlignmentReader().Add(Report(0)).code(), StatusCode::kInternal);
  EXPECT_EQ(AlignmentReader().Add(Report(400'000'000)).code(), StatusCode::kInternal);
  AlignmentReader reader;
  ASSERT_TRUE(reader.Add(Report(2)).ok());
  EXPECT_EQ(reader.Add(Report(2)).code(), StatusCode::kInternal);
  for (const v1::AlignLayersResponse& wrong :
       {Block(v1::ALIGNMENT_PART_KIND_POINTS, 0, 2, {1, 2}),
        Block(v1::ALIGNMENT_PART_KIND_MAP, 1, 2, {1, 2}),
        Block(v1::ALIGNMENT_PART_KIND_MAP, -1, 2, {1, 2}),
        Block(v1::ALIGNMENT_PART_KIND_MAP, 0, 3, {1, 2, 3}),
        Block(v1::ALIGNMENT_PART_KIND_MAP, 0, 2, {}),
        Block(v1::ALIGNMENT_PART_KIND_MAP, 0, 2, {1, 2, 3, 4, 5, 6})}) {
    EXPECT_EQ(reader.Add(wrong).code(), StatusCode::kInternal) << wrong.ShortDebugString();
  }
  ASSERT_TRUE(reader.Add(Block(v1::ALIGNMENT_PART_KIND_MAP, 0, 2, {1, 2})).ok());
  EXPECT_EQ(reader.Finish().status().code(), StatusCode::kInternal);
}

}  // namespace
}  // namespace gramian::client
