#ifndef GRAMIAN_CLI_PATH_EXPORT_H_
#define GRAMIAN_CLI_PATH_EXPORT_H_

#include <string>

#include "gramian/client/path_types.h"

namespace gramian::client::cli {

// For people: a line about each path and a row for each of its points. Lengths in the units of the
// space, angles in radians, places on the geodesic in percent.
std::string RenderPaths(const PathReport& report);

// CSV (RFC 4180): a row for each point of each path. Values read back as the same double; what is
// not defined is empty.
std::string ToCsv(const PathReport& report);

// One object with everything the answer said; what an end of a path does not have is left out, what
// is not defined is null beside its status.
std::string ToJson(const PathReport& report);

// A figure: every path as a line through its points in the first two coordinates of the picture.
// Points that are not placed are left out.
std::string RenderSvg(const PathReport& report);

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_PATH_EXPORT_H_
