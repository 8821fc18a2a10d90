#ifndef GRAMIAN_CLI_TOP_VIEW_H_
#define GRAMIAN_CLI_TOP_VIEW_H_

#include <string>

#include "gramian/client/operation_types.h"

namespace gramian::client::cli {

// A screen about a server: rates between two readings, the rest as of the later one. Lines of at
// most 80 characters. With readings of the same moment rates are since the start of the server.
std::string RenderTop(const std::string& server, const ServerStats& before, const ServerStats& now);

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_TOP_VIEW_H_
