#include "gramian/geometry/kernel.h"

#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace gramian {
namespace {

constexpr std::pair<const char*, KernelKind> kKinds[] = {
    {"linear", KernelKind::kLinear},     {"cosine", KernelKind::kCosine},
    {"rbf", KernelKind::kRbf},           {"laplacian", KernelKind::kLaplacian},
    {"distance", KernelKind::kDistance},
};

constexpr std::pair<const char*, BandwidthRule> kRules[] = {
    {"fixed", BandwidthRule::kFixed},
    {"median", BandwidthRule::kMedian},
    {"kornblith", BandwidthRule::kKornblith},
    {"lowermedian", BandwidthRule::kLowerMedian},
};

// Squares of these are well within double.
constexpr double kMinBandwidth = 1.0e-60;
constexpr double kMaxBandwidth = 1.0e60;

}  // namespace

std::string FormatNumber(double value) {
  char buffer[64];
  const std::to_chars_result result = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return std::string(buffer, result.ptr);
}

absl::StatusOr<double> ParseNumber(absl::string_view text, absl::string_view what) {
  double value = 0.0;
  const char* const end = text.data() + text.size();
  const std::from_chars_result result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end || !std::isfinite(value)) {
    return absl::InvalidArgumentError(absl::StrCat(what, " is a finite number, not '", text, "'"));
  }
  return value;
}

std::string KernelSpec::ToString() const {
  std::string text;
  for (const auto& [name, value] : kKinds) {
    if (value == kind) text = name;
  }
  if (exponent != 1.0) absl::StrAppend(&text, "-exponent=", FormatNumber(exponent));
  if (!has_bandwidth()) return text;
  for (const auto& [name, value] : kRules) {
    if (value == rule) absl::StrAppend(&text, "-bandwidth=", name, ":", FormatNumber(factor));
  }
  return text;
}

absl::StatusOr<KernelKind> ParseKernelKind(absl::string_view text) {
  for (const auto& [name, kind] : kKinds) {
    if (text == name) return kind;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("kernel is linear, cosine, rbf, laplacian or distance, not '", text, "'"));
}

absl::Status ParseBandwidth(absl::string_view text, KernelSpec& spec) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(':', 1));
  for (const auto& [name, rule] : kRules) {
    if (parts.first != name) continue;
    absl::StatusOr<double> factor = ParseNumber(parts.second, "the number of a bandwidth");
    if (!factor.ok()) return factor.status();
    if (*factor < kMinBandwidth || *factor > kMaxBandwidth) {
      return absl::InvalidArgumentError(absl::StrCat("the number of a bandwidth is > 0, from ",
                                                     kMinBandwidth, " to ", kMaxBandwidth, ", not ",
                                                     parts.second));
    }
    spec.rule = rule;
    spec.factor = *factor;
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "bandwidth is fixed:S, median:F, kornblith:F or lowermedian:F, not '", text, "'"));
}

}  // namespace gramian
