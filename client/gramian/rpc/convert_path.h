#ifndef GRAMIAN_RPC_CONVERT_PATH_H_
#define GRAMIAN_RPC_CONVERT_PATH_H_

#include "gramian/client/path_types.h"
#include "gramian/v1/path.pb.h"

namespace gramian::client {

// Messages about paths to and from the plain structs of path_types.h.
v1::AnalyzePathRequest ToProto(const PathQuery& query);
PathReport FromProto(const v1::AnalyzePathResponse& proto);

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_CONVERT_PATH_H_
