// The answers that are sent in parts: matrices of scores, and views of operators. No gRPC in here.
#ifndef GRAMIAN_SERVER_MATRIX_STREAM_H_
#define GRAMIAN_SERVER_MATRIX_STREAM_H_

#include <functional>
#include <stop_token>

#include "absl/status/status.h"
#include "gramian/v1/similarity_service.pb.h"
#include "server/rpc.h"

namespace gramian {

// Where the parts of a matrix go. An error ends the computation and is its result.
struct MatrixWriter {
  std::function<absl::Status(v1::MatrixHeader)> header;
  std::function<absl::Status(v1::MatrixBlock)> block;
};

// Computes and sends a matrix of layers by layers, or of fused networks. Errors as in
// similarity_service.proto.
absl::Status StreamSnapshots(ServerState& state, const v1::CompareSnapshotsRequest& request,
                             const MatrixWriter& writer, std::stop_token stop);
absl::Status StreamNetworks(ServerState& state, const v1::CompareNetworksRequest& request,
                            const MatrixWriter& writer, std::stop_token stop);

// Computes and sends a view of an operator, in blocks of about 1 MiB.
absl::Status StreamOperator(ServerState& state, const v1::GetOperatorRequest& request,
                            const std::function<absl::Status(v1::GetOperatorResponse)>& send,
                            std::stop_token stop);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_MATRIX_STREAM_H_
