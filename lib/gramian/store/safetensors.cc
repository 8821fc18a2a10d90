#include "gramian/store/safetensors.h"

#include <array>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

using Json = nlohmann::json;

constexpr size_t kLengthBytes = 8;
constexpr size_t kAlignment = 64;
constexpr uint64_t kMaxHeader = 64 << 10;
constexpr char kTensor[] = "activations";

constexpr std::array<std::pair<DType, const char*>, 4> kDtypes = {{{DType::kFloat32, "F32"},
                                                                   {DType::kFloat16, "F16"},
                                                                   {DType::kBFloat16, "BF16"},
                                                                   {DType::kFloat64, "F64"}}};

absl::Status Bad(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("safetensors header: ", what));
}

absl::StatusOr<DType> ParseDtype(const Json& tensor) {
  const auto it = tensor.find("dtype");
  for (const auto& [dtype, name] : kDtypes) {
    if (it != tensor.end() && *it == name) return dtype;
  }
  return Bad("the dtype is none of F32, F16, BF16, F64");
}

// Two integers >= 0 of an object's member.
absl::StatusOr<std::pair<int64_t, int64_t>> ParsePair(const Json& tensor, const char* member) {
  const auto it = tensor.find(member);
  const auto is_number = [](const Json& value) {
    return value.is_number_unsigned() && value.get<uint64_t>() <= uint64_t{INT64_MAX};
  };
  if (it == tensor.end() || !it->is_array() || it->size() != 2 || !is_number((*it)[0]) ||
      !is_number((*it)[1])) {
    return Bad(absl::StrCat(member, " is not a list of two numbers"));
  }
  return std::pair((*it)[0].get<int64_t>(), (*it)[1].get<int64_t>());
}

// The text of a member of the metadata; empty if there is none.
absl::StatusOr<std::string> ParseText(const Json& metadata, const char* member) {
  const auto it = metadata.find(member);
  if (it == metadata.end()) return std::string();
  if (!it->is_string()) return Bad(absl::StrCat("the ", member, " is not a text"));
  return it->get<std::string>();
}

absl::StatusOr<RowLayout> ParseLayout(const Json& metadata) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::string kind, ParseText(metadata, "row_kind"));
  GRAMIAN_ASSIGN_OR_RETURN(const std::string coordinates, ParseText(metadata, "coordinates"));
  if (kind.empty() && coordinates.empty()) return RowLayout();
  const std::optional<RowKind> parsed = ParseRowKind(kind);
  RowLayout layout;
  if (!parsed.has_value() || !absl::SimpleAtoi(coordinates, &layout.coordinates)) {
    return Bad("row_kind and coordinates are not those of tangent data");
  }
  layout.kind = *parsed;
  return layout;
}

absl::StatusOr<RepresentationShape> ParseTensor(const Json& tensor, const RowLayout& layout) {
  if (!tensor.is_object() || tensor.size() != 3) {
    return Bad("the tensor is not described by dtype, shape and data_offsets");
  }
  RepresentationShape shape;
  GRAMIAN_ASSIGN_OR_RETURN(shape.dtype, ParseDtype(tensor));
  GRAMIAN_ASSIGN_OR_RETURN(const auto rows_cols, ParsePair(tensor, "shape"));
  GRAMIAN_ASSIGN_OR_RETURN(const auto offsets, ParsePair(tensor, "data_offsets"));
  shape.rows = rows_cols.first;
  shape.cols = rows_cols.second;
  shape.layout = layout;
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t size, SizeBytes(shape));
  if (offsets.first != 0 || offsets.second != size) {
    return Bad(absl::StrCat("data_offsets are not [0,", size, "]"));
  }
  return shape;
}

}  // namespace

std::string EncodeSafetensorsHeader(const SafetensorsHeader& header) {
  const RepresentationShape& shape = header.shape;
  Json tensor;
  for (const auto& [dtype, name] : kDtypes) {
    if (dtype == shape.dtype) tensor["dtype"] = name;
  }
  tensor["shape"] = {shape.rows, shape.cols};
  tensor["data_offsets"] = {0, shape.rows * shape.cols * SizeOf(shape.dtype)};
  Json json;
  json[kTensor] = std::move(tensor);
  if (!header.part.empty()) json["__metadata__"]["part"] = header.part;
  if (shape.layout.is_tangent()) {
    json["__metadata__"]["row_kind"] = std::string(ToString(shape.layout.kind));
    json["__metadata__"]["coordinates"] = absl::StrCat(shape.layout.coordinates);
  }
  std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  text.append((kAlignment - (kLengthBytes + text.size()) % kAlignment) % kAlignment, ' ');
  std::string bytes;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    bytes.push_back(static_cast<char>(uint64_t{text.size()} >> (8 * i)));
  }
  return bytes + text;
}

absl::StatusOr<int64_t> SafetensorsHeaderSize(absl::string_view length) {
  if (length.size() < kLengthBytes) return Bad("the file is shorter than 8 bytes");
  uint64_t size = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    size |= uint64_t{static_cast<unsigned char>(length[i])} << (8 * i);
  }
  if (size > kMaxHeader) return Bad(absl::StrCat(size, " bytes, more than ", kMaxHeader));
  return static_cast<int64_t>(kLengthBytes + size);
}

absl::StatusOr<SafetensorsHeader> DecodeSafetensorsHeader(absl::string_view bytes) {
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t size, SafetensorsHeaderSize(bytes));
  if (static_cast<int64_t>(bytes.size()) != size) {
    return Bad(absl::StrCat(bytes.size(), " bytes instead of ", size));
  }
  const absl::string_view text = bytes.substr(kLengthBytes);
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Bad("not a JSON object");
  const auto metadata = json.find("__metadata__");
  const auto tensor = json.find(kTensor);
  if (tensor == json.end() || json.size() != (metadata == json.end() ? 1U : 2U)) {
    return Bad(absl::StrCat("it has to hold the tensor \"", kTensor, "\" and no other"));
  }
  SafetensorsHeader header;
  RowLayout layout;
  if (metadata != json.end()) {
    if (!metadata->is_object()) return Bad("__metadata__ is not an object");
    GRAMIAN_ASSIGN_OR_RETURN(header.part, ParseText(*metadata, "part"));
    GRAMIAN_ASSIGN_OR_RETURN(layout, ParseLayout(*metadata));
  }
  GRAMIAN_ASSIGN_OR_RETURN(header.shape, ParseTensor(*tensor, layout));
  if (bytes.size() % kAlignment != 0) return Bad("the data do not begin at a multiple of 64");
  return header;
}

}  // namespace gramian
