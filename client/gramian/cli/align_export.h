#ifndef GRAMIAN_CLI_ALIGN_EXPORT_H_
#define GRAMIAN_CLI_ALIGN_EXPORT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gramian/client/align_types.h"

namespace gramian::client::cli {

// For people: what was aligned and how, its scores, and how well it finds what is known. `title`
// names the layers.
std::string RenderAlignment(const LayerAlignment& alignment, absl::string_view title);

// What to be careful about: few anchors, graphs in several pieces, a basis cut within an
// eigenspace. A sentence each.
std::vector<std::string> CautionsOf(const LayerAlignment& alignment, size_t anchor_count);

// One object with everything but the carried matrices.
std::string ToJson(const LayerAlignment& alignment);

// A matrix as .npy (float64) or, for any other extension, as CSV without names.
std::string RenderMatrix(const AlignmentMatrix& matrix, absl::string_view extension);

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_ALIGN_EXPORT_H_
