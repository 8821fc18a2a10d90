#ifndef GRAMIAN_RPC_CONVERT_ALIGN_H_
#define GRAMIAN_RPC_CONVERT_ALIGN_H_

#include <map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gramian/client/align_types.h"
#include "gramian/v1/align.pb.h"

namespace gramian::client {

v1::AlignLayersRequest ToProto(const AlignmentQuery& query);

// Puts an alignment together from the messages of a stream, in their order.
class AlignmentReader {
 public:
  // INTERNAL when the message is not the next one, or parts are announced that are larger than
  // 10^9 values together.
  absl::Status Add(const v1::AlignLayersResponse& response);

  // The whole. INTERNAL when something is missing.
  absl::StatusOr<LayerAlignment> Finish();

 private:
  absl::Status Open(const v1::AlignmentReport& report);
  absl::Status Append(const v1::AlignmentBlock& block);

  bool is_open_ = false;
  LayerAlignment alignment_;
  std::map<v1::AlignmentPartKind, AlignmentMatrix> parts_;
};

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_CONVERT_ALIGN_H_
