#ifndef GRAMIAN_RPC_CONVERT_MATCH_H_
#define GRAMIAN_RPC_CONVERT_MATCH_H_

#include "gramian/client/match_types.h"
#include "gramian/v1/match.pb.h"

namespace gramian::client {

// Messages about matched layers and nearby networks to and from the plain structs of match_types.h.
v1::MatchLayersRequest ToProto(const MatchQuery& query);
v1::SearchNetworksRequest ToProto(const SearchQuery& query);
v1::EmbedNetworksRequest ToProto(const EmbedQuery& query);
MatchReport FromProto(const v1::MatchLayersResponse& proto);
SearchReport FromProto(const v1::SearchNetworksResponse& proto);
EmbedReport FromProto(const v1::EmbedNetworksResponse& proto);

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_CONVERT_MATCH_H_
