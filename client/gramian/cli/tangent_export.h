#ifndef GRAMIAN_CLI_TANGENT_EXPORT_H_
#define GRAMIAN_CLI_TANGENT_EXPORT_H_

#include <string>

#include "gramian/client/tangent_types.h"

namespace gramian::client::cli {

// A table for people.
std::string RenderTangents(const TangentReport& report);

// One line per input: its number, spectral ratio, log scale, shape distance, AIRM, joint rank and
// whether ranks differ; what is not defined is empty.
std::string ToCsv(const TangentReport& report);
// One object with everything the answer said; what is not defined is null.
std::string ToJson(const TangentReport& report);
// The spectral ratios, float64, n.
std::string ToNpy(const TangentReport& report);

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_TANGENT_EXPORT_H_
