#include "gramian/cli/layer_source.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gramian/client/resource_name.h"

namespace gramian::client::cli {
namespace {

namespace fs = std::filesystem;

float FromHalf(uint16_t bits) {
  const uint32_t exponent = (bits >> 10) & 0x1f;
  const uint32_t mantissa = bits & 0x3ff;
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  if (exponent == 0)
    return std::copysign(std::ldexp(static_cast<float>(mantissa), -24), sign == 0 ? 1.0F : -1.0F);
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | (mantissa << 13));
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

double ReadElement(const std::byte* source, DType dtype) {
  uint16_t half = 0;
  float single = 0;
  double full = 0;
  switch (dtype) {
    case DType::kFloat16:
      std::memcpy(&half, source, sizeof(half));
      return FromHalf(half);
    case DType::kBfloat16:
      std::memcpy(&half, source, sizeof(half));
      return std::bit_cast<float>(static_cast<uint32_t>(half) << 16);
    case DType::kFloat32:
      std::memcpy(&single, source, sizeof(single));
      return single;
    case DType::kFloat64:
      break;
  }
  std::memcpy(&full, source, sizeof(full));
  return full;
}

// Means of `group_count` groups of `group_size` successive elements.
std::vector<float> Pool(const std::byte* data, DType dtype, int64_t group_count,
                        int64_t group_size) {
  std::vector<float> means(static_cast<size_t>(group_count));
  for (float& mean : means) {
    double sum = 0;
    for (int64_t i = 0; i < group_size; ++i, data += ByteSize(dtype))
      sum += ReadElement(data, dtype);
    mean = static_cast<float>(sum / static_cast<double>(group_size));
  }
  return means;
}

std::string LayerOfFile(const fs::path& path) {
  const std::string stem = path.stem().string();
  const absl::StatusOr<std::string> decoded = DecodeId(stem);
  return decoded.ok() ? *decoded : stem;
}

absl::StatusOr<std::vector<fs::path>> ExpandPath(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status))
    return absl::NotFoundError(absl::StrCat("no such file or folder: ", path));
  if (!fs::is_directory(status)) return std::vector<fs::path>{path};
  std::vector<fs::path> files;
  for (auto entry = fs::directory_iterator(path, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (entry->path().extension() == ".npy") files.push_back(entry->path());
  }
  if (error) return absl::UnknownError(absl::StrCat("cannot read ", path, ": ", error.message()));
  if (files.empty()) return absl::InvalidArgumentError(absl::StrCat("no .npy file in ", path));
  return files;
}

absl::Status ApplyOrder(const std::vector<std::string>& order, std::vector<LayerFile>& files) {
  for (LayerFile& file : files) {
    const auto position = std::find(order.begin(), order.end(), file.layer);
    if (position == order.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--order does not name the layer ", file.layer));
    }
    file.ordinal = position - order.begin();
  }
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.ordinal < b.ordinal; });
  if (files.size() == order.size()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("--order names ", order.size(), " layers (",
                                                 absl::StrJoin(order, ", "), "), but there are ",
                                                 files.size(), " files"));
}

}  // namespace

absl::string_view Name(Reduction reduction) {
  switch (reduction) {
    case Reduction::kFlatten:
      return "flatten";
    case Reduction::kAvgPool:
      return "avg_pool";
    case Reduction::kNone:
      break;
  }
  return "none";
}

absl::StatusOr<Reduction> ParseReduction(absl::string_view name) {
  for (const Reduction reduction : {Reduction::kNone, Reduction::kFlatten, Reduction::kAvgPool}) {
    if (Name(reduction) == name) return reduction;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown reduction '", name, "': use none, flatten or avg_pool"));
}

absl::StatusOr<RowKind> ParseRowKind(absl::string_view name) {
  for (const RowKind kind : {RowKind::kActivations, RowKind::kFactor, RowKind::kJacobian,
                             RowKind::kPullbackMetric, RowKind::kSoftmaxJacobian}) {
    if (Name(kind) == name) return kind;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown kind of rows '", name,
                   "': use activations, jacobian, factor, pullback_metric or softmax_jacobian"));
}

bool NaturalLess(absl::string_view a, absl::string_view b) {
  const auto is_digit = [](char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); };
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (!is_digit(a[i]) || !is_digit(b[j])) {
      // As string_view compares, whatever the sign of char.
      if (a[i] != b[j]) {
        return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
      }
      ++i;
      ++j;
      continue;
    }
    while (i < a.size() && a[i] == '0') ++i;
    while (j < b.size() && b[j] == '0') ++j;
    const size_t a_start = i;
    const size_t b_start = j;
    while (i < a.size() && is_digit(a[i])) ++i;
    while (j < b.size() && is_digit(b[j])) ++j;
    if (i - a_start != j - b_start) return i - a_start < j - b_start;
    const int comparison = a.substr(a_start, i - a_start).compare(b.substr(b_start, j - b_start));
    if (comparison != 0) return comparison < 0;
  }
  // Equal as far as numbers go: fewer characters left first, then plain order, so that no two names
  // are equivalent.
  if ((a.size() - i) != (b.size() - j)) return a.size() - i < b.size() - j;
  return a < b;
}

absl::StatusOr<std::vector<LayerFile>> FindLayerFiles(const std::vector<std::string>& paths,
                                                      const std::vector<std::string>& order) {
  std::vector<LayerFile> files;
  for (const std::string& path : paths) {
    absl::StatusOr<std::vector<fs::path>> expanded = ExpandPath(path);
    if (!expanded.ok()) return expanded.status();
    for (const fs::path& file : *expanded) files.push_back({file.string(), LayerOfFile(file), 0});
  }
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return NaturalLess(a.layer, b.layer); });
  for (size_t i = 0; i < files.size(); ++i) {
    files[i].ordinal = static_cast<int64_t>(i);
    if (i > 0 && files[i].layer == files[i - 1].layer) {
      return absl::InvalidArgumentError(absl::StrCat(
          "both ", files[i - 1].path, " and ", files[i].path, " are the layer ", files[i].layer));
    }
  }
  if (!order.empty()) {
    if (absl::Status status = ApplyOrder(order, files); !status.ok()) return status;
  }
  return files;
}

namespace {

// m of an array of tangent data; 0 if it cannot be one.
int64_t CoordinateCount(RowKind kind, const std::vector<int64_t>& shape) {
  if (kind == RowKind::kJacobian) return shape.size() == 3 ? shape[2] : 0;
  if (kind == RowKind::kSoftmaxJacobian) return shape.size() == 3 ? shape[2] - 1 : 0;
  int64_t m = 0;
  while (shape.size() == 2 && m < 4096 && m * (m + 1) / 2 < shape[1]) ++m;
  return shape.size() == 2 && m * (m + 1) / 2 == shape[1] ? m : 0;
}

absl::string_view ExpectedShape(RowKind kind) {
  if (kind == RowKind::kJacobian) return "expected inputs x features x coordinates";
  if (kind == RowKind::kSoftmaxJacobian) return "expected inputs x classes x (1 + coordinates)";
  return "expected inputs x m (m + 1) / 2, the packed upper triangles of m x m matrices";
}

}  // namespace

absl::StatusOr<LayerData> LayerData::Load(const std::string& path, std::optional<DType> declared,
                                          Reduction reduction, RowKind row_kind) {
  absl::StatusOr<NpyFile> file = NpyFile::Open(path, declared);
  if (!file.ok()) return file.status();
  LayerData result(*std::move(file));
  const NpyHeader& header = result.file_.header();
  const std::vector<int64_t>& shape = header.shape;
  const auto invalid = [&](absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has shape (", absl::StrJoin(shape, ", "), "): ", what));
  };
  if (shape.size() < 2) return invalid("expected inputs x features; use array.reshape(n, -1)");
  if (header.element_count() == 0) return invalid("it is empty");
  if (row_kind != RowKind::kActivations) {
    result.coordinate_count_ = CoordinateCount(row_kind, shape);
    if (result.coordinate_count_ < 1) return invalid(ExpectedShape(row_kind));
    if (reduction != Reduction::kNone) return invalid("tangent data have no --reduction");
  } else if (reduction == Reduction::kNone && shape.size() > 2) {
    return invalid("say with --reduction flatten or avg_pool how it becomes one row per input");
  }
  result.row_count_ = shape[0];
  result.dtype_ = header.dtype;
  result.feature_count_ = header.element_count() / shape[0];
  if (reduction == Reduction::kAvgPool && shape.size() > 2) {
    const int64_t group_count = shape[0] * shape[1];
    result.pooled_ = Pool(result.file_.data().data(), header.dtype, group_count,
                          header.element_count() / group_count);
    result.feature_count_ = shape[1];
    result.dtype_ = DType::kFloat32;
  }
  return result;
}

const std::byte* LayerData::data() const {
  return pooled_.empty() ? file_.data().data() : reinterpret_cast<const std::byte*>(pooled_.data());
}

}  // namespace gramian::client::cli
