#ifndef GRAMIAN_RPC_CONVERT_SIGNIFICANCE_H_
#define GRAMIAN_RPC_CONVERT_SIGNIFICANCE_H_

#include <vector>

#include "gramian/client/significance_types.h"
#include "gramian/v1/significance.pb.h"

namespace gramian::client {

// Messages about the worth of scores to and from the plain structs of significance_types.h.
v1::AssessSimilarityRequest ToProto(const AssessmentQuery& query);
std::vector<Assessment> FromProto(const v1::AssessSimilarityResponse& proto);

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_CONVERT_SIGNIFICANCE_H_
