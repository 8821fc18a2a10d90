// The answer about an alignment of layers: message in, engine, messages out. No gRPC in here.
#ifndef GRAMIAN_SERVER_ALIGN_ANSWER_H_
#define GRAMIAN_SERVER_ALIGN_ANSWER_H_

#include <functional>
#include <stop_token>

#include "absl/status/statusor.h"
#include "gramian/v1/align.pb.h"
#include "server/rpc.h"

namespace gramian {

// Steps of an alignment: the first computes it and sends the report, each sends a block of about 1
// MiB and returns whether there are more. `request` and `state` outlive the steps. Errors as in
// similarity_service.proto.
using AlignStep = std::function<absl::StatusOr<bool>(
    const std::function<void(v1::AlignLayersResponse)>& send, const std::stop_token& stop)>;
AlignStep AlignSteps(ServerState& state, const v1::AlignLayersRequest& request);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_ALIGN_ANSWER_H_
