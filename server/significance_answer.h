// The answer about the worth of scores: message in, engine, message out. No gRPC in here.
#ifndef GRAMIAN_SERVER_SIGNIFICANCE_ANSWER_H_
#define GRAMIAN_SERVER_SIGNIFICANCE_ANSWER_H_

#include <stop_token>

#include "absl/status/status.h"
#include "gramian/v1/significance.pb.h"
#include "server/rpc.h"

namespace gramian {

// Fills `response`. Errors as in similarity_service.proto.
absl::Status AnswerAssessment(ServerState& state, const v1::AssessSimilarityRequest& request,
                              v1::AssessSimilarityResponse& response, std::stop_token stop);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_SIGNIFICANCE_ANSWER_H_
