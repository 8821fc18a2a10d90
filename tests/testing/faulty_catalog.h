// A catalog that dies with a FaultyFileSystem, or fails when a test wants it to.
#ifndef GRAMIAN_TESTS_TESTING_FAULTY_CATALOG_H_
#define GRAMIAN_TESTS_TESTING_FAULTY_CATALOG_H_

#include <memory>
#include <string>
#include <utility>

#include "gramian/store/catalog.h"
#include "tests/testing/faulty_file_system.h"

namespace gramian::testing {

// Each transaction is two steps of `files`: a process that dies at the second has made it and has
// told nobody.
class FaultyCatalog final : public Catalog {
 public:
  // `files` and `failure` outlive the catalog; while *failure is not OK every change fails with it.
  FaultyCatalog(std::unique_ptr<Catalog> real, FaultyFileSystem* files,
                const absl::Status* failure = nullptr)
      : real_(std::move(real)), files_(files), failure_(failure) {}

  absl::StatusOr<CatalogContents> Read() override { return real_->Read(); }
  absl::Status PutLayer(const StoredLayer& layer, const std::string& part) override {
    return Change([&] { return real_->PutLayer(layer, part); });
  }
  absl::Status RemoveSnapshots(absl::Span<const SnapshotKey> keys) override {
    return Change([&] { return real_->RemoveSnapshots(keys); });
  }
  absl::Status UpdateSnapshots(absl::Span<const SnapshotRecord> snapshots) override {
    return Change([&] { return real_->UpdateSnapshots(snapshots); });
  }
  absl::Status PutUpload(const UploadRecord& upload) override {
    return Change([&] { return real_->PutUpload(upload); });
  }
  absl::Status RemoveUploads(absl::Span<const std::string> parts) override {
    return Change([&] { return real_->RemoveUploads(parts); });
  }
  absl::Status AddProbeSet(const ProbeSet& probe_set) override {
    return Change([&] { return real_->AddProbeSet(probe_set); });
  }
  absl::Status RemoveProbeSet(const std::string& project, const std::string& id) override {
    return Change([&] { return real_->RemoveProbeSet(project, id); });
  }

 private:
  template <typename Transaction>
  absl::Status Change(const Transaction& transaction) {
    if (failure_ != nullptr && !failure_->ok()) return *failure_;
    absl::Status status = files_->Step();
    if (status.ok()) status = transaction();
    if (status.ok()) status = files_->Step();
    return status;
  }

  const std::unique_ptr<Catalog> real_;
  FaultyFileSystem* const files_;
  const absl::Status* const failure_;
};

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_TESTING_FAULTY_CATALOG_H_
