#include "gramian/store/recovery.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

using OnDamage = std::function<void(const absl::Status&)>;

// Checks the blobs that layers name.
absl::Status FindLost(DirectoryBlobStore& blobs, const std::map<Digest, RepresentationShape>& named,
                      const OnDamage& on_damage, std::set<Digest>& lost) {
  for (const auto& [digest, shape] : named) {
    const absl::Status status = blobs.Check(digest, shape);
    if (status.ok()) continue;
    if (!absl::IsNotFound(status) && !absl::IsDataLoss(status)) return status;
    lost.insert(digest);
    std::string text =
        absl::StrCat("content ", digest.ToHex(), " is lost, upload it again: ", status.message());
    if (absl::IsDataLoss(status)) {
      GRAMIAN_ASSIGN_OR_RETURN(const std::string place, blobs.Quarantine(digest));
      absl::StrAppend(&text, "; moved to ", place);
    }
    if (on_damage) on_damage(absl::DataLossError(text));
  }
  return absl::OkStatus();
}

// An upload that was stopped after it had published content that other layers name too: its part
// is their blob now.
absl::Status CopyPublished(DirectoryBlobStore& blobs,
                           const std::map<Digest, RepresentationShape>& named,
                           const std::set<Digest>& lost, const std::set<std::string>& wanted,
                           std::set<std::string>& present) {
  if (std::includes(present.begin(), present.end(), wanted.begin(), wanted.end())) {
    return absl::OkStatus();
  }
  for (const auto& [digest, shape] : named) {
    if (lost.count(digest) > 0) continue;
    const std::string part = blobs.PartOf(digest);
    if (wanted.count(part) == 0 || present.count(part) > 0) continue;
    const absl::Status sound = blobs.Load(digest, shape, /*verify=*/true).status();
    if (absl::IsDataLoss(sound)) continue;
    GRAMIAN_RETURN_IF_ERROR(sound);
    GRAMIAN_RETURN_IF_ERROR(blobs.CopyToPart(digest, part));
    present.insert(part);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Recovered> Recover(DirectoryBlobStore& blobs, Catalog& catalog,
                                  const OnDamage& on_damage,
                                  const std::function<void(const std::string&)>& on_removal) {
  Recovered recovered;
  const auto tell_removal = [&on_removal](absl::string_view what, const std::string& name) {
    if (on_removal) on_removal(absl::StrCat(what, " ", name));
  };
  GRAMIAN_ASSIGN_OR_RETURN(recovered.contents, catalog.Read());
  std::map<Digest, RepresentationShape> named;
  for (const StoredLayer& layer : recovered.contents.layers) {
    named.emplace(layer.digest, layer.shape);
  }
  std::vector<UploadRecord>& uploads = recovered.contents.uploads;
  std::set<std::string> wanted;
  for (const UploadRecord& upload : uploads) wanted.insert(upload.part);
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<std::string> parts, blobs.ListParts());
  std::set<std::string> present(parts.begin(), parts.end());

  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<Digest> digests, blobs.ListBlobs());
  for (const Digest& digest : digests) {
    if (named.count(digest) > 0) continue;
    const std::string part = blobs.PartOf(digest);
    if (wanted.count(part) > 0 && present.insert(part).second) {
      // What its client was told is persisted would be gone with the blob.
      GRAMIAN_RETURN_IF_ERROR(blobs.Unpublish(digest, part));
    } else {
      blobs.Remove(digest);
      tell_removal("content", digest.ToHex());
    }
  }
  GRAMIAN_RETURN_IF_ERROR(FindLost(blobs, named, on_damage, recovered.lost));

  for (const std::string& part : parts) {
    if (wanted.count(part) > 0) continue;
    blobs.RemovePart(part);
    tell_removal("part", part);
  }
  GRAMIAN_RETURN_IF_ERROR(CopyPublished(blobs, named, recovered.lost, wanted, present));
  std::vector<std::string> stale;
  for (const std::string& part : wanted) {
    if (present.count(part) == 0) stale.push_back(part);
  }
  if (!stale.empty()) GRAMIAN_RETURN_IF_ERROR(catalog.RemoveUploads(stale));
  uploads.erase(
      std::remove_if(uploads.begin(), uploads.end(),
                     [&](const UploadRecord& upload) { return present.count(upload.part) == 0; }),
      uploads.end());
  return recovered;
}

}  // namespace gramian
