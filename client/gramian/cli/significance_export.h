#ifndef GRAMIAN_CLI_SIGNIFICANCE_EXPORT_H_
#define GRAMIAN_CLI_SIGNIFICANCE_EXPORT_H_

#include <string>
#include <vector>

#include "gramian/client/significance_types.h"

namespace gramian::client::cli {

// For people: what there is to say about each score, a line for each part; `query` is what was
// asked.
std::string RenderAssessments(const std::vector<Assessment>& assessments,
                              const AssessmentQuery& query);

// One row per score; what was not asked for, or is not defined, is empty.
std::string ToCsv(const std::vector<Assessment>& assessments);

// One object per score, its parts only if they were asked for.
std::string ToJson(const std::vector<Assessment>& assessments);

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_SIGNIFICANCE_EXPORT_H_
