// The table of all measures: from a canonical name to a measure, and what each is.
#ifndef GRAMIAN_MEASURE_MEASURE_REGISTRY_H_
#define GRAMIAN_MEASURE_MEASURE_REGISTRY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gramian/measure/measure.h"

namespace gramian {

// One parameter of a family, as it appears in a name: "-t=4".
struct MeasureParameter {
  std::string key;            // "t"
  std::string values;         // "any real > 0"
  std::string default_value;  // "1"; empty if it must be given
  std::string description;
};

// A family of measures that share definition and parameters.
struct MeasureFamily {
  std::string name;         // "ms-cka"
  std::string description;  // one sentence with the formula
  std::string source;       // paper and equation
  std::vector<MeasureParameter> parameters;
  // Canonical names that together show every parameter value: what property tests and ListMeasures
  // go through.
  std::vector<std::string> examples;
};

// The measures of this build. Thread-safe; the table is constant.
class MeasureRegistry {
 public:
  // All families in a fixed order.
  static const std::vector<MeasureFamily>& Families();

  // The measure that `name` means. Short forms ("cka", "cka-hsic=song") are accepted, parameters
  // may come in any order; the result's name() is canonical. INVALID_ARGUMENT says which part is
  // not understood and what would be.
  //
  //   name = family *( "-" key "=" value ) [ "-score" ],  keys of lower-case letters
  //
  // Families and their keys: Families().
  static absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> Parse(absl::string_view name);
};

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_MEASURE_REGISTRY_H_
