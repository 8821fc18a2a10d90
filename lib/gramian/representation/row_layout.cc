#include "gramian/representation/row_layout.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gramian {
namespace {

constexpr std::array<std::pair<RowKind, absl::string_view>, 5> kNames = {
    {{RowKind::kActivations, "activations"},
     {RowKind::kFactor, "factor"},
     {RowKind::kJacobian, "jacobian"},
     {RowKind::kPullbackMetric, "pullback_metric"},
     {RowKind::kSoftmaxJacobian, "softmax_jacobian"}}};

}  // namespace

absl::string_view ToString(RowKind kind) {
  for (const auto& [known, name] : kNames) {
    if (known == kind) return name;
  }
  return "";
}

std::optional<RowKind> ParseRowKind(absl::string_view name) {
  for (const auto& [kind, known] : kNames) {
    if (known == name) return kind;
  }
  return std::nullopt;
}

absl::Status CheckRowLayout(const RowLayout& layout, int64_t cols) {
  const int64_t m = layout.coordinates;
  if (!layout.is_tangent()) {
    if (m == 0) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("rows of activations have no coordinates, ", m, " were given"));
  }
  if (m < 1 || m > kMaxCoordinates) {
    return absl::InvalidArgumentError(absl::StrCat("rows of ", ToString(layout.kind), " have ", m,
                                                   " coordinates, must be from 1 to ",
                                                   kMaxCoordinates));
  }
  const auto wrong = [&](const auto&... expected) {
    return absl::InvalidArgumentError(absl::StrCat("rows of ", ToString(layout.kind), " for ", m,
                                                   " coordinates hold ", expected...,
                                                   " values, not ", cols));
  };
  switch (layout.kind) {
    case RowKind::kJacobian:
      return cols % m == 0 ? absl::OkStatus() : wrong("a multiple of ", m);
    case RowKind::kSoftmaxJacobian:
      return cols % (m + 1) == 0 ? absl::OkStatus() : wrong("a multiple of ", m + 1);
    default:
      return cols == PackedSize(m) ? absl::OkStatus() : wrong(PackedSize(m));
  }
}

}  // namespace gramian
