// The parameters in a measure's name, handed to the family that understands them.
#ifndef GRAMIAN_MEASURE_MEASURE_PARAMETERS_H_
#define GRAMIAN_MEASURE_MEASURE_PARAMETERS_H_

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gramian/geometry/kernel.h"
#include "gramian/measure/measure.h"
#include "gramian/measure/measure_registry.h"

namespace gramian {

// Key = value pairs of one name. A family takes those it knows; what is left over is an error.
class MeasureParameters {
 public:
  explicit MeasureParameters(std::map<std::string, std::string> values)
      : values_(std::move(values)) {}

  // Removes and returns the value of `key`, or `default_value`.
  std::string Take(const std::string& key, absl::string_view default_value);
  // kernel=... and bandwidth=...; a bandwidth is refused for kernels that have none.
  // `with_distance` allows that kernel.
  absl::StatusOr<KernelSpec> TakeKernel(bool with_distance);
  // The value of `key`, which is one of `choices`; the first of them is the default.
  absl::StatusOr<std::string> TakeChoice(const std::string& key,
                                         std::initializer_list<const char*> choices);
  // A number from `low` to `high` under `key`.
  absl::StatusOr<double> TakeNumber(const std::string& key, double default_value, double low,
                                    double high);
  // A real number > 0 under `key`.
  absl::StatusOr<double> TakePositive(const std::string& key, double default_value);
  // An integer from `least` to 10^9 under `key`.
  absl::StatusOr<int64_t> TakeCount(const std::string& key, int64_t default_value, int64_t least);

  const std::map<std::string, std::string>& left() const { return values_; }

 private:
  std::map<std::string, std::string> values_;
};

// How a family takes part in the registry: what it is, and how a name becomes a measure.
struct MeasureEntry {
  MeasureFamily family;
  absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> (*make)(MeasureParameters& parameters);
};

// The families; each is defined in the file of its name.
MeasureEntry CkaEntry();
MeasureEntry MinibatchCkaEntry();
MeasureEntry HsicEntry();
MeasureEntry DistanceCorrelationEntry();
MeasureEntry MultiScaleCkaEntry();
MeasureEntry MultiScaleDistanceCorrelationEntry();
MeasureEntry StressEntry();
MeasureEntry AffineInvariantEntry();
MeasureEntry CcaEntry();
MeasureEntry SvccaEntry();
MeasureEntry PwccaEntry();
MeasureEntry LinearRegressionEntry();
MeasureEntry ProcrustesEntry();
MeasureEntry PermutationProcrustesEntry();
MeasureEntry CorrelationMatchEntry();
MeasureEntry AlignedCosineEntry();
MeasureEntry BuresEntry();
MeasureEntry GulpEntry();
MeasureEntry GramDistanceEntry();
MeasureEntry EigenspaceOverlapEntry();
MeasureEntry MsaEntry();
MeasureEntry RsaEntry();
MeasureEntry RsmDifferenceEntry();
MeasureEntry KnnJaccardEntry();
MeasureEntry MutualKnnEntry();
MeasureEntry RankSimilarityEntry();
MeasureEntry JointRankJaccardEntry();
MeasureEntry CycleKnnEntry();
MeasureEntry SecondOrderCosineEntry();
MeasureEntry CknnaEntry();
MeasureEntry ImdEntry();
MeasureEntry RtdEntry();
MeasureEntry MagnitudeDifferenceEntry();
MeasureEntry ConcentricityDifferenceEntry();
MeasureEntry UniformityDifferenceEntry();
MeasureEntry JsdEntry();
MeasureEntry DisagreementEntry();
MeasureEntry LatentFunctionalMapEntry();

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_MEASURE_PARAMETERS_H_
