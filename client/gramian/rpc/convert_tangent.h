#ifndef GRAMIAN_RPC_CONVERT_TANGENT_H_
#define GRAMIAN_RPC_CONVERT_TANGENT_H_

#include "gramian/client/tangent_types.h"
#include "gramian/v1/tangent.pb.h"

namespace gramian::client {

// Messages about pullback metrics to and from the plain structs of tangent_types.h.
v1::CompareTangentsRequest ToProto(const TangentQuery& query);
TangentReport FromProto(const v1::CompareTangentsResponse& proto);

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_CONVERT_TANGENT_H_
