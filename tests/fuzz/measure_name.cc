#include <memory>
#include <string>

#include "gramian/measure/measure_registry.h"
#include "server/convert.h"
#include "tests/fuzz/targets.h"

namespace gramian::fuzz {

void FuzzMeasureName(absl::string_view input) {
  const auto measure = MeasureRegistry::Parse(input);
  if (measure.ok()) {
    const std::string name((*measure)->name());
    const auto again = MeasureRegistry::Parse(name);
    Require(again.ok(), "a canonical name is a name");
    Require((*again)->name() == name, "a canonical name stays as it is");
  } else {
    Require(!measure.status().message().empty(), "a refusal has a message");
  }
  // The grammar's middle part comes alone as well, from GetOperator.
  const auto kernel = ToKernel(input);
  Require(kernel.ok() || !kernel.status().message().empty(), "a refusal has a message");
}

}  // namespace gramian::fuzz
