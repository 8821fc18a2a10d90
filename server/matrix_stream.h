// The answers that are sent in parts: matrices of scores, and views of operators. No gRPC in here.
#ifndef GRAMIAN_SERVER_MATRIX_STREAM_H_
#define GRAMIAN_SERVER_MATRIX_STREAM_H_

#include <functional>
#include <stop_token>

#include "absl/status/statusor.h"
#include "gramian/v1/similarity_service.pb.h"
#include "server/rpc.h"

namespace gramian {

// Where the parts of a matrix go; neither waits.
struct MatrixWriter {
  std::function<void(v1::MatrixHeader)> header;
  std::function<void(v1::MatrixBlock)> block;
};

// The next step of a matrix: hands over a part or two, returns whether there are more. The first
// one finds all mistakes of the request. Errors as in similarity_service.proto.
using MatrixStep =
    std::function<absl::StatusOr<bool>(const MatrixWriter& writer, const std::stop_token& stop)>;

// Steps of a matrix of layers by layers, or of fused networks, one for each row. `request` and
// `state` outlive the steps.
MatrixStep SnapshotSteps(ServerState& state, const v1::CompareSnapshotsRequest& request);
MatrixStep NetworkSteps(ServerState& state, const v1::CompareNetworksRequest& request);

// Steps of a view of an operator: the first computes it, each sends a block of about 1 MiB.
using OperatorStep = std::function<absl::StatusOr<bool>(
    const std::function<void(v1::GetOperatorResponse)>& send, const std::stop_token& stop)>;
OperatorStep OperatorSteps(ServerState& state, const v1::GetOperatorRequest& request);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_MATRIX_STREAM_H_
