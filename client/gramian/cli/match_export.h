#ifndef GRAMIAN_CLI_MATCH_EXPORT_H_
#define GRAMIAN_CLI_MATCH_EXPORT_H_

#include <string>

#include "gramian/client/match_types.h"

namespace gramian::client::cli {

// For people: a row for each layer with its counterpart; the accuracy if the truth is known.
std::string Render(const MatchReport& report);
// A row for each network that was found.
std::string Render(const SearchReport& report);
// The tree, leaves from top to bottom, each with its place in the picture.
std::string Render(const EmbedReport& report);

// CSV (RFC 4180), a row for each layer or network; values read back as the same double, what is not
// there is empty.
std::string ToCsv(const MatchReport& report);
std::string ToCsv(const SearchReport& report);
std::string ToCsv(const EmbedReport& report);

// One object with everything the answer said.
std::string ToJson(const MatchReport& report);
std::string ToJson(const SearchReport& report);
std::string ToJson(const EmbedReport& report);

// A figure: the networks in the first two coordinates of the picture at the left, the tree at the
// right. Networks that are not placed are left out.
std::string RenderSvg(const EmbedReport& report);

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_MATCH_EXPORT_H_
