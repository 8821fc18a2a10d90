// A catalog that dies with a FaultyFileSystem, or fails when a test wants it to.
#ifndef GRAMIAN_TESTS_TESTING_FAULTY_CATALOG_H_
#define GRAMIAN_TESTS_TESTING_FAULTY_CATALOG_H_

#include <functional>
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
  // `files` outlives the catalog. Every change fails with what `failure` returns, unless it is OK.
  FaultyCatalog(
      std::unique_ptr<Catalog> real, FaultyFileSystem* files,
      std::function<absl::Status()> failure = [] { return absl::OkStatus(); })
      : real_(std::move(real)), files_(files), failure_(std::move(failure)) {}

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
  absl::Status CopyTo(const std::string& path) override {
    return Change([&] { return real_->CopyTo(path); });
  }

 private:
  template <typename Transaction>
  absl::Status Change(const Transaction& transaction) {
    absl::Status status = failure_();
    if (status.ok()) status = files_->Step();
    if (status.ok()) status = transaction();
    if (status.ok()) status = files_->Step();
    return status;
  }

  const std::unique_ptr<Catalog> real_;
  FaultyFileSystem* const files_;
  const std::function<absl::Status()> failure_;
};

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_TESTING_FAULTY_CATALOG_H_
