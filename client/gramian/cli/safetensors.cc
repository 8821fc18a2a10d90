#include "gramian/cli/safetensors.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gramian::client::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kAlignment = 64;
constexpr size_t kLengthBytes = 8;
constexpr char kMetadata[] = "__metadata__";

const char* ToTag(DType dtype) {
  switch (dtype) {
    case DType::kFloat16:
      return "F16";
    case DType::kBfloat16:
      return "BF16";
    case DType::kFloat32:
      return "F32";
    case DType::kFloat64:
      break;
  }
  return "F64";
}

}  // namespace

absl::StatusOr<std::string> EncodeSafetensorsHeader(std::span<const LayerInfo> layers) {
  Json metadata = Json::object();
  Json tensors = Json::object();
  int64_t offset = 0;
  for (const LayerInfo& layer : layers) {
    if (layer.module_path == kMetadata) {
      return absl::InvalidArgumentError(
          absl::StrCat("a .safetensors file cannot hold the layer ", kMetadata,
                       ", it keeps that name for itself: pull to .npy or to a folder"));
    }
    metadata[layer.module_path + "#digest"] = layer.digest;
    metadata[layer.module_path + "#ordinal"] = absl::StrCat(layer.ordinal);
    metadata[layer.module_path + "#probe_set"] = layer.probe_set;
    metadata[layer.module_path + "#reduction"] = layer.reduction;
    Json& tensor = tensors[layer.module_path];
    tensor["dtype"] = ToTag(layer.dtype);
    tensor["shape"] = {layer.row_count, layer.feature_count};
    tensor["data_offsets"] = {offset, offset + layer.size_bytes};
    offset += layer.size_bytes;
  }
  Json json = {{kMetadata, std::move(metadata)}};
  json.update(tensors);
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.append((kAlignment - (kLengthBytes + text.size()) % kAlignment) % kAlignment, ' ');
  std::string result;
  for (size_t i = 0; i < kLengthBytes; ++i)
    result.push_back(static_cast<char>((text.size() >> (8 * i)) & 0xff));
  return result + text;
}

}  // namespace gramian::client::cli
