#include "gramian/store/catalog.h"

namespace gramian {
namespace {

class NullCatalog final : public Catalog {
 public:
  absl::StatusOr<CatalogContents> Read() override { return CatalogContents{}; }
  absl::Status PutLayer(const StoredLayer&, const std::string&) override {
    return absl::OkStatus();
  }
  absl::Status RemoveSnapshots(absl::Span<const SnapshotKey>) override { return absl::OkStatus(); }
  absl::Status UpdateSnapshots(absl::Span<const SnapshotRecord>) override {
    return absl::OkStatus();
  }
  absl::Status PutUpload(const UploadRecord&) override { return absl::OkStatus(); }
  absl::Status RemoveUploads(absl::Span<const std::string>) override { return absl::OkStatus(); }
  absl::Status AddProbeSet(const ProbeSet&) override { return absl::OkStatus(); }
  absl::Status RemoveProbeSet(const std::string&, const std::string&) override {
    return absl::OkStatus();
  }
  absl::Status CopyTo(const std::string&) override { return absl::OkStatus(); }
};

}  // namespace

std::unique_ptr<Catalog> NewNullCatalog() { return std::make_unique<NullCatalog>(); }

}  // namespace gramian
