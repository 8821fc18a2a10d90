// The answers about corresponding layers and nearby networks: message in, engine, message out. No
// gRPC in here.
#ifndef GRAMIAN_SERVER_MATCH_ANSWER_H_
#define GRAMIAN_SERVER_MATCH_ANSWER_H_

#include <stop_token>

#include "absl/status/status.h"
#include "gramian/v1/match.pb.h"
#include "server/rpc.h"

namespace gramian {

// Each fills `response`. Errors as in similarity_service.proto.
absl::Status AnswerMatch(ServerState& state, const v1::MatchLayersRequest& request,
                         v1::MatchLayersResponse& response, std::stop_token stop);
absl::Status AnswerSearch(ServerState& state, const v1::SearchNetworksRequest& request,
                          v1::SearchNetworksResponse& response, std::stop_token stop);
absl::Status AnswerEmbedding(ServerState& state, const v1::EmbedNetworksRequest& request,
                             v1::EmbedNetworksResponse& response, std::stop_token stop);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_MATCH_ANSWER_H_
