// The answer about pullback metrics: message in, engine, message out. No gRPC in here.
#ifndef GRAMIAN_SERVER_TANGENT_ANSWER_H_
#define GRAMIAN_SERVER_TANGENT_ANSWER_H_

#include <stop_token>

#include "absl/status/status.h"
#include "gramian/v1/tangent.pb.h"
#include "server/rpc.h"

namespace gramian {

// Fills `response`. Errors as in similarity_service.proto.
absl::Status AnswerTangents(ServerState& state, const v1::CompareTangentsRequest& request,
                            v1::CompareTangentsResponse& response, std::stop_token stop);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_TANGENT_ANSWER_H_
