#include "server/resource_name.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

struct Part {
  absl::string_view collection;
  absl::string_view id;
};
constexpr std::array<Part, 4> kLayerParts = {
    {{"projects", "project"}, {"networks", "network"}, {"snapshots", "step"}, {"layers", "layer"}}};
constexpr std::array<Part, 2> kProbeSetParts = {
    {{"projects", "project"}, {"probeSets", "probe_set"}}};
constexpr std::array<Part, 2> kWatchParts = {{{"projects", "project"}, {"watches", "watch"}}};

absl::Span<const Part> PartsOf(ResourcePattern pattern) {
  if (pattern == ResourcePattern::kProbeSet) return kProbeSetParts;
  if (pattern == ResourcePattern::kWatch) return kWatchParts;
  return absl::MakeConstSpan(kLayerParts).first(static_cast<size_t>(pattern) + 1);
}

bool IsUnreserved(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_' ||
         c == '~';
}

std::string Encode(absl::string_view id) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  for (const char c : id) {
    if (IsUnreserved(c)) {
      text += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    text += '%';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

absl::Status Malformed(absl::string_view name, absl::string_view problem) {
  return absl::InvalidArgumentError(
      absl::StrCat("name '", absl::Utf8SafeCEscape(name), "': ", problem));
}

// Bytes of the UTF-8 sequence that a lead byte begins; 0 if it begins none.
size_t SequenceLength(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  if (lead >= 0xF0 && lead < 0xF5) return 4;
  return 0;
}

bool IsUtf8(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = SequenceLength(lead);
    if (length == 0 || i + length > text.size()) return false;
    for (size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return false;
    }
    // Overlong forms, surrogates and code points above U+10FFFF show in the second byte.
    const unsigned second = length > 1 ? static_cast<unsigned char>(text[i + 1]) : 0;
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
      return false;
    }
    i += length;
  }
  return true;
}

// Nothing if a byte is not written as it should.
std::optional<std::string> Unescape(absl::string_view text) {
  std::string id;
  for (size_t i = 0; i < text.size(); ++i) {
    if (IsUnreserved(text[i])) {
      id += text[i];
      continue;
    }
    if (text[i] != '%' || i + 2 >= text.size() ||
        !absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 1])) ||
        !absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      return std::nullopt;
    }
    id += absl::HexStringToBytes(text.substr(i + 1, 2));
    i += 2;
  }
  return id;
}

absl::StatusOr<std::string> Decode(absl::string_view name, absl::string_view text,
                                   absl::string_view what, int64_t id_bytes) {
  std::optional<std::string> unescaped = Unescape(text);
  if (!unescaped.has_value()) {
    return Malformed(name, absl::StrCat("the ", what, " id holds a byte that must be written %XX"));
  }
  std::string id = *std::move(unescaped);
  if (id.empty()) return Malformed(name, absl::StrCat("the ", what, " id is empty"));
  if (static_cast<int64_t>(id.size()) > id_bytes) {
    return Malformed(
        name, absl::StrCat("the ", what, " id has ", id.size(), " bytes of at most ", id_bytes));
  }
  GRAMIAN_RETURN_IF_ERROR(CheckText(id, absl::StrCat("the ", what, " id")));
  return id;
}

absl::StatusOr<std::optional<int64_t>> ParseStep(absl::string_view name, absl::string_view text) {
  if (text == "last") return std::optional<int64_t>();
  int64_t step = 0;
  // Printing it again refuses signs, spaces and leading zeros: one snapshot has one name.
  if (!absl::SimpleAtoi(text, &step) || step < 0 || absl::StrCat(step) != text) {
    return Malformed(name, "the step is neither a number >= 0 nor 'last'");
  }
  return std::optional<int64_t>(step);
}

}  // namespace

bool MayBeName(absl::string_view text, int64_t id_bytes) {
  constexpr int64_t kIds = 3;
  constexpr int64_t kEncodedBytes = 3;  // of a byte
  constexpr int64_t kOtherBytes = 64;   // the collections and a step
  return absl::StartsWith(text, "projects/") &&
         static_cast<int64_t>(text.size()) <= kIds * kEncodedBytes * id_bytes + kOtherBytes &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return IsUnreserved(c) || c == '%' || c == '/'; });
}

std::string ProjectOf(absl::string_view name) {
  if (!absl::ConsumePrefix(&name, "projects/")) return "";
  std::string id = Unescape(name.substr(0, name.find('/'))).value_or("");
  return CheckText(id, "").ok() ? id : "";
}

absl::Status CheckText(absl::string_view text, absl::string_view what) {
  if (!IsUtf8(text)) return absl::InvalidArgumentError(absl::StrCat(what, " is not valid UTF-8"));
  for (const char c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      return absl::InvalidArgumentError(absl::StrCat(what, " holds a control character"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ResourceName> ParseResourceName(absl::string_view name, ResourcePattern pattern,
                                               int64_t id_bytes) {
  const absl::Span<const Part> parts = PartsOf(pattern);
  const std::vector<absl::string_view> segments = absl::StrSplit(name, '/');
  bool matches = segments.size() == 2 * parts.size();
  std::string expected;
  for (size_t i = 0; i < parts.size(); ++i) {
    matches = matches && segments[2 * i] == parts[i].collection;
    absl::StrAppend(&expected, i == 0 ? "" : "/", parts[i].collection, "/{", parts[i].id, "}");
  }
  if (!matches) return Malformed(name, absl::StrCat("is not of the form ", expected));

  ResourceName result;
  GRAMIAN_ASSIGN_OR_RETURN(result.project, Decode(name, segments[1], "project", id_bytes));
  if (pattern == ResourcePattern::kProbeSet) {
    GRAMIAN_ASSIGN_OR_RETURN(result.probe_set, Decode(name, segments[3], "probe set", id_bytes));
    return result;
  }
  if (pattern == ResourcePattern::kWatch) {
    GRAMIAN_ASSIGN_OR_RETURN(result.watch, Decode(name, segments[3], "watch", id_bytes));
    return result;
  }
  if (parts.size() > 1) {
    GRAMIAN_ASSIGN_OR_RETURN(result.network, Decode(name, segments[3], "network", id_bytes));
  }
  if (parts.size() > 2) {
    GRAMIAN_ASSIGN_OR_RETURN(result.step, ParseStep(name, segments[5]));
  }
  if (parts.size() > 3) {
    GRAMIAN_ASSIGN_OR_RETURN(result.layer, Decode(name, segments[7], "layer", id_bytes));
  }
  return result;
}

std::string FormatProject(absl::string_view project) {
  return absl::StrCat("projects/", Encode(project));
}

std::string FormatNetwork(absl::string_view project, absl::string_view network) {
  return absl::StrCat(FormatProject(project), "/networks/", Encode(network));
}

std::string FormatSnapshot(const SnapshotKey& key) {
  return absl::StrCat(FormatNetwork(key.project, key.network), "/snapshots/", key.step);
}

std::string FormatLayer(const LayerKey& key) {
  return absl::StrCat(FormatSnapshot(key.snapshot), "/layers/", Encode(key.layer));
}

std::string FormatProbeSet(absl::string_view project, absl::string_view probe_set) {
  return absl::StrCat(FormatProject(project), "/probeSets/", Encode(probe_set));
}

std::string FormatWatch(absl::string_view project, absl::string_view watch) {
  return absl::StrCat(FormatProject(project), "/watches/", Encode(watch));
}

}  // namespace gramian
