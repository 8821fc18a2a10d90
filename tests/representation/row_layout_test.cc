#include "gramian/representation/row_layout.h"

#include <string>

#include "gramian/representation/representation.h"
#include "gtest/gtest.h"

namespace gramian {
namespace {

std::string Error(RowKind kind, int64_t coordinates, int64_t cols) {
  const absl::Status status = CheckRowLayout({kind, coordinates}, cols);
  if (status.ok()) return "";
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(RowLayoutTest, KindsHaveNames) {
  for (const RowKind kind : {RowKind::kActivations, RowKind::kFactor, RowKind::kJacobian,
                             RowKind::kPullbackMetric, RowKind::kSoftmaxJacobian}) {
    EXPECT_EQ(ParseRowKind(ToString(kind)), kind);
  }
  EXPECT_FALSE(ParseRowKind("tangents").has_value());
}

TEST(RowLayoutTest, WidthsBelongToKinds) {
  EXPECT_EQ(Error(RowKind::kActivations, 0, 7), "");
  EXPECT_EQ(Error(RowKind::kFactor, 3, 6), "");
  EXPECT_EQ(Error(RowKind::kPullbackMetric, 3, 6), "");
  EXPECT_EQ(Error(RowKind::kJacobian, 3, 12), "");
  EXPECT_EQ(Error(RowKind::kSoftmaxJacobian, 3, 12), "");
  EXPECT_EQ(Error(RowKind::kActivations, 3, 6),
            "rows of activations have no coordinates, 3 were given");
  EXPECT_EQ(Error(RowKind::kFactor, 3, 9), "rows of factor for 3 coordinates hold 6 values, not 9");
  EXPECT_EQ(Error(RowKind::kJacobian, 3, 10),
            "rows of jacobian for 3 coordinates hold a multiple of 3 values, not 10");
  EXPECT_EQ(Error(RowKind::kSoftmaxJacobian, 3, 9),
            "rows of softmax_jacobian for 3 coordinates hold a multiple of 4 values, not 9");
}

TEST(RowLayoutTest, CoordinatesAreLimited) {
  EXPECT_EQ(Error(RowKind::kJacobian, kMaxCoordinates, kMaxCoordinates), "");
  EXPECT_EQ(Error(RowKind::kJacobian, kMaxCoordinates + 1, kMaxCoordinates + 1),
            "rows of jacobian have 65 coordinates, must be from 1 to 64");
  EXPECT_EQ(Error(RowKind::kJacobian, 0, 5),
            "rows of jacobian have 0 coordinates, must be from 1 to 64");
  EXPECT_FALSE(SizeBytes({5, 4, DType::kFloat64, {RowKind::kFactor, 2}}).ok());
}

TEST(RowLayoutTest, TheDigestNamesTheLayout) {
  const std::byte bytes[24] = {};
  const auto digest = [&](const RowLayout& layout) {
    return Representation::DigestOf({1, 3, DType::kFloat64, layout}, bytes);
  };
  const Digest plain = digest({});
  EXPECT_NE(digest({RowKind::kFactor, 2}), plain);
  EXPECT_NE(digest({RowKind::kFactor, 2}), digest({RowKind::kPullbackMetric, 2}));
  EXPECT_NE(digest({RowKind::kJacobian, 1}), digest({RowKind::kJacobian, 3}));
}

}  // namespace
}  // namespace gramian
