#include "gramian/store/layer.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace gramian {

std::string Difference(const LayerDescription& is, const LayerDescription& asked) {
  const auto texts = [](const char* name, const std::string& a, const std::string& b) {
    return absl::StrCat(name, " '", a, "', not '", b, "'");
  };
  if (is.ordinal != asked.ordinal) {
    return absl::StrCat("ordinal ", is.ordinal, ", not ", asked.ordinal);
  }
  if (is.probe_set != asked.probe_set) return texts("probe set", is.probe_set, asked.probe_set);
  if (is.reduction != asked.reduction) return texts("reduction", is.reduction, asked.reduction);
  if (is.module_path != asked.module_path) {
    return texts("module path", is.module_path, asked.module_path);
  }
  return "";
}

std::string NameOf(const SnapshotKey& key) {
  return absl::StrCat("snapshot ", key.network, "@", key.step);
}

std::string DigestOfInputIds(absl::Span<const std::string> input_ids) {
  DigestBuilder builder("");
  // The terminating zero is part of the digest: it keeps ("ab") and ("a", "b") apart.
  for (const std::string& id : input_ids) {
    builder.Update(id.c_str(), static_cast<int64_t>(id.size()) + 1);
  }
  return builder.Finish().ToHex();
}

bool MayBeSameInputs(absl::string_view a, absl::string_view b) {
  return a.empty() || b.empty() || absl::EqualsIgnoreCase(a, b);
}

absl::Status CheckInputs(const ProbeSet& probe_set, int64_t rows,
                         absl::Span<const std::string> input_ids,
                         const std::string& input_ids_digest) {
  const auto differ = [&](const auto& is, const auto& asked) {
    return absl::FailedPreconditionError(
        absl::StrCat("probe set '", probe_set.id, "' has ", is, ", not ", asked));
  };
  if (probe_set.input_count != rows)
    return differ(absl::StrCat(probe_set.input_count, " inputs"), rows);
  const std::string digest = input_ids.empty() ? input_ids_digest : DigestOfInputIds(input_ids);
  if (MayBeSameInputs(digest, probe_set.input_ids_digest)) return absl::OkStatus();
  const std::vector<std::string>& known = probe_set.input_ids;
  for (size_t i = 0; i < std::min(known.size(), input_ids.size()); ++i) {
    if (known[i] == input_ids[i]) continue;
    return differ(absl::StrCat("'", known[i], "' as input ", i),
                  absl::StrCat("'", input_ids[i], "'"));
  }
  return differ(absl::StrCat("inputs with the digest ", probe_set.input_ids_digest), digest);
}

}  // namespace gramian
