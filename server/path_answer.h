// The answer about paths: message in, engine, message out. No gRPC in here.
#ifndef GRAMIAN_SERVER_PATH_ANSWER_H_
#define GRAMIAN_SERVER_PATH_ANSWER_H_

#include <stop_token>

#include "absl/status/status.h"
#include "gramian/v1/path.pb.h"
#include "server/rpc.h"

namespace gramian {

// Fills `response`. Errors as in similarity_service.proto.
absl::Status AnswerPaths(ServerState& state, const v1::AnalyzePathRequest& request,
                         v1::AnalyzePathResponse& response, std::stop_token stop);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_PATH_ANSWER_H_
