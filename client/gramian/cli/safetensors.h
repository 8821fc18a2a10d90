#ifndef GRAMIAN_CLI_SAFETENSORS_H_
#define GRAMIAN_CLI_SAFETENSORS_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "gramian/client/types.h"

namespace gramian::client::cli {

// The head of a safetensors file with these layers, each a tensor named by its module path, inputs
// x features, whose bytes follow in the order given. The metadata tells of each layer what the
// tensor does not: `<module path>#digest`, `#ordinal`, `#probe_set` and `#reduction`. The bytes
// begin at a multiple of 64. INVALID_ARGUMENT if a layer has the name that the format keeps for the
// metadata.
absl::StatusOr<std::string> EncodeSafetensorsHeader(std::span<const LayerInfo> layers);

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_SAFETENSORS_H_
