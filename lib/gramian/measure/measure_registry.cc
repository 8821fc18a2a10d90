#include "gramian/measure/measure_registry.h"

#include <cctype>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/measure_parameters.h"

namespace gramian {
namespace {

const std::vector<MeasureEntry>& Entries() {
  static const auto* const entries =
      new std::vector<MeasureEntry>{CkaEntry(),
                                    MinibatchCkaEntry(),
                                    HsicEntry(),
                                    DistanceCorrelationEntry(),
                                    MultiScaleCkaEntry(),
                                    MultiScaleDistanceCorrelationEntry(),
                                    StressEntry(),
                                    CcaEntry(),
                                    SvccaEntry(),
                                    PwccaEntry(),
                                    LinearRegressionEntry(),
                                    ProcrustesEntry(),
                                    PermutationProcrustesEntry(),
                                    CorrelationMatchEntry(),
                                    AlignedCosineEntry(),
                                    BuresEntry(),
                                    GulpEntry(),
                                    GramDistanceEntry(),
                                    EigenspaceOverlapEntry(),
                                    RsaEntry(),
                                    RsmDifferenceEntry(),
                                    KnnJaccardEntry(),
                                    MutualKnnEntry(),
                                    RankSimilarityEntry(),
                                    JointRankJaccardEntry(),
                                    CycleKnnEntry(),
                                    SecondOrderCosineEntry(),
                                    CknnaEntry(),
                                    ImdEntry(),
                                    RtdEntry(),
                                    MagnitudeDifferenceEntry(),
                                    ConcentricityDifferenceEntry(),
                                    UniformityDifferenceEntry(),
                                    JsdEntry(),
                                    DisagreementEntry(),
                                    LatentFunctionalMapEntry(),
                                    MsaEntry(),
                                    AffineInvariantEntry()};
  return *entries;
}

// Whether `text` begins with "key=": only there does a hyphen separate parameters (numbers may hold
// one: 1e-05).
bool BeginsWithKey(absl::string_view text) {
  size_t i = 0;
  while (i < text.size() && (std::islower(static_cast<unsigned char>(text[i])) != 0)) ++i;
  return i > 0 && i < text.size() && text[i] == '=';
}

// "-a=1-b=2" as a map.
absl::StatusOr<std::map<std::string, std::string>> SplitParameters(absl::string_view text) {
  std::map<std::string, std::string> values;
  while (!text.empty()) {
    if (!absl::ConsumePrefix(&text, "-") || !BeginsWithKey(text)) {
      return absl::InvalidArgumentError(
          absl::StrCat("expected -key=value in a measure's name, not '", text, "'"));
    }
    const size_t equals = text.find('=');
    size_t end = equals + 1;
    while (end < text.size() && !(text[end] == '-' && BeginsWithKey(text.substr(end + 1)))) ++end;
    const std::string key(text.substr(0, equals));
    const std::string value(text.substr(equals + 1, end - equals - 1));
    if (!values.emplace(key, value).second) {
      return absl::InvalidArgumentError(absl::StrCat("parameter ", key, " is given twice"));
    }
    text.remove_prefix(end);
  }
  return values;
}

std::string KeysOf(const MeasureFamily& family) {
  return absl::StrJoin(family.parameters, ", ", [](std::string* out, const MeasureParameter& p) {
    absl::StrAppend(out, p.key, "=", p.values);
  });
}

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> ParseWith(const MeasureEntry& entry,
                                                                   absl::string_view parameters) {
  GRAMIAN_ASSIGN_OR_RETURN(auto values, SplitParameters(parameters));
  MeasureParameters left(std::move(values));
  GRAMIAN_ASSIGN_OR_RETURN(auto measure, entry.make(left));
  if (left.left().empty()) return measure;
  return absl::InvalidArgumentError(absl::StrCat(entry.family.name, " has no parameter ",
                                                 left.left().begin()->first,
                                                 "; it has: ", KeysOf(entry.family)));
}

}  // namespace

std::string MeasureParameters::Take(const std::string& key, absl::string_view default_value) {
  const auto it = values_.find(key);
  if (it == values_.end()) return std::string(default_value);
  std::string value = std::move(it->second);
  values_.erase(it);
  return value;
}

absl::StatusOr<KernelSpec> MeasureParameters::TakeKernel(bool with_distance) {
  KernelSpec kernel;
  GRAMIAN_ASSIGN_OR_RETURN(kernel.kind, ParseKernelKind(Take("kernel", "linear")));
  if (kernel.kind == KernelKind::kDistance && !with_distance) {
    return absl::InvalidArgumentError(
        "kernel=distance belongs to distcorr and ms-distcorr, not to this measure");
  }
  if (!kernel.has_bandwidth()) return kernel;
  GRAMIAN_RETURN_IF_ERROR(ParseBandwidth(Take("bandwidth", "median:1"), kernel));
  return kernel;
}

absl::StatusOr<std::string> MeasureParameters::TakeChoice(
    const std::string& key, std::initializer_list<const char*> choices) {
  std::string value = Take(key, *choices.begin());
  for (const char* const choice : choices) {
    if (value == choice) return value;
  }
  return absl::InvalidArgumentError(
      absl::StrCat(key, " is one of ", absl::StrJoin(choices, ", "), ", not '", value, "'"));
}

absl::StatusOr<double> MeasureParameters::TakeNumber(const std::string& key, double default_value,
                                                     double low, double high) {
  const std::string text = Take(key, FormatNumber(default_value));
  GRAMIAN_ASSIGN_OR_RETURN(const double value, ParseNumber(text, key));
  if (value >= low && value <= high) return value;
  return absl::InvalidArgumentError(absl::StrCat(key, " is from ", FormatNumber(low), " to ",
                                                 FormatNumber(high), ", not ", text));
}

absl::StatusOr<double> MeasureParameters::TakePositive(const std::string& key,
                                                       double default_value) {
  const std::string text = Take(key, FormatNumber(default_value));
  GRAMIAN_ASSIGN_OR_RETURN(const double value, ParseNumber(text, key));
  if (value > 0.0) return value;
  return absl::InvalidArgumentError(absl::StrCat(key, " is > 0, not ", text));
}

absl::StatusOr<int64_t> MeasureParameters::TakeCount(const std::string& key, int64_t default_value,
                                                     int64_t least) {
  constexpr int64_t kMost = 1000000000;
  const std::string text = Take(key, absl::StrCat(default_value));
  int64_t value = 0;
  if (absl::SimpleAtoi(text, &value) && absl::StrCat(value) == text && value >= least &&
      value <= kMost) {
    return value;
  }
  return absl::InvalidArgumentError(
      absl::StrCat(key, " is an integer from ", least, " to ", kMost, ", not '", text, "'"));
}

const std::vector<MeasureFamily>& MeasureRegistry::Families() {
  static const auto* const families = [] {
    auto* list = new std::vector<MeasureFamily>();
    for (const MeasureEntry& entry : Entries()) list->push_back(entry.family);
    return list;
  }();
  return *families;
}

absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> MeasureRegistry::Parse(
    absl::string_view name) {
  absl::string_view rest = absl::StripSuffix(name, "-score");
  for (const MeasureEntry& entry : Entries()) {
    absl::string_view parameters = rest;
    if (!absl::ConsumePrefix(&parameters, entry.family.name)) continue;
    if (!parameters.empty() && parameters.front() != '-') continue;
    absl::StatusOr<std::shared_ptr<const SimilarityMeasure>> measure = ParseWith(entry, parameters);
    if (measure.ok() || !absl::IsInvalidArgument(measure.status())) return measure;
    return absl::InvalidArgumentError(
        absl::StrCat("measure '", name, "': ", measure.status().message()));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "measure '", name, "' is unknown; known are ",
      absl::StrJoin(Families(), ", ", [](std::string* out, const MeasureFamily& family) {
        absl::StrAppend(out, family.name);
      })));
}

}  // namespace gramian
