// The open upload of every store: collects bytes, persists them, hands the outcome to its host.
#ifndef GRAMIAN_STORE_UPLOAD_SESSION_H_
#define GRAMIAN_STORE_UPLOAD_SESSION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gramian/base/mutex.h"
#include "gramian/representation/representation_builder.h"
#include "gramian/store/blob_store.h"
#include "gramian/store/catalog.h"
#include "gramian/store/upload.h"

namespace gramian {

class UploadSession;

// Tangent data as they are kept: factors, in a part of their own.
struct ReducedContent {
  std::unique_ptr<BlobPart> part;
  std::shared_ptr<const Representation> factors;
  Digest from;  // of what was sent
};

// What an upload needs of its store. Never called with a lock of a session's bytes held.
class UploadHost {
 public:
  virtual ~UploadHost() = default;
  virtual absl::Status SaveUpload(const UploadRecord& record) = 0;
  // What tangent data other than factors are kept as, on stable storage. CANCELLED if a stop is
  // requested meanwhile; INVALID_ARGUMENT naming a row; errors of the part. Nothing is left after
  // an error.
  virtual absl::StatusOr<ReducedContent> Reduce(const Representation& sent,
                                                const std::stop_token& stop) = 0;
  // Makes a layer of `content` and forgets the session, whose part, synced, holds the content, or,
  // if `reduced` is not null, what it was reduced from.
  virtual absl::StatusOr<StoredLayer> Publish(const UploadSession& session,
                                              const std::shared_ptr<const Representation>& content,
                                              const ReducedContent* reduced) = 0;
  // After Publish has failed: a builder that holds all of the part. NOT_FOUND if it is gone.
  virtual absl::StatusOr<RepresentationBuilder> Reopen(const UploadSession& session) = 0;
  // Forgets the session and removes its part.
  virtual void Drop(const UploadSession& session) = 0;
};

// Order of locks: whole_mutex_, then bytes_mutex_ or the host's, then state_mutex_.
class UploadSession final : public Upload {
 public:
  // `persisted` is there already, as old as the part says. `host` outlives the session.
  UploadSession(UploadHost* host, UploadPlan plan, int64_t size_bytes,
                std::unique_ptr<BlobPart> part, RepresentationBuilder builder,
                std::vector<ByteRange> persisted);

  const UploadPlan& plan() const override { return plan_; }
  absl::Status Append(int64_t first_row, int64_t byte_offset,
                      absl::Span<const absl::string_view> data) override;
  absl::StatusOr<int64_t> Persist() override;
  int64_t received_bytes() const override { return received_bytes_; }
  int64_t received_rows() const override { return received_rows_; }
  int64_t persisted_bytes() const override;
  std::vector<ByteRange> persisted() const override;
  int64_t size_bytes() const override { return size_bytes_; }
  // What it takes of the store while it is open.
  int64_t reserved_bytes() const { return reserved_bytes_; }
  absl::Time touched() const override { return absl::FromUnixNanos(touched_nanos_); }
  using Upload::Commit;
  absl::StatusOr<StoredLayer> Commit(std::stop_token stop) override;

  const BlobPart& part() const { return *part_; }
  // Drops the upload; false if it was committed or dropped before. Waits for calls that run.
  bool Abort();

 private:
  // Makes a layer of what was sent, reduced if it is tangent data.
  absl::StatusOr<StoredLayer> Publish(const std::shared_ptr<const Representation>& sent,
                                      const std::stop_token& stop);
  // Whether the content may become a layer, and is on stable storage, where it may be already.
  absl::Status Settle(const absl::StatusOr<std::shared_ptr<const Representation>>& content,
                      bool is_synced);
  // Whether the upload is whole and open again after Publish has failed with `why`.
  bool Reopen(const absl::Status& why);
  absl::Status Gone() const;
  void CountReceived() GRAMIAN_REQUIRES(bytes_mutex_);

  UploadHost* const host_;
  const UploadPlan plan_;
  const int64_t size_bytes_;
  const int64_t reserved_bytes_;
  const std::unique_ptr<BlobPart> part_;
  std::atomic<int64_t> received_bytes_{0};
  std::atomic<int64_t> received_rows_{0};
  std::atomic<int64_t> touched_nanos_;

  // Held by what concerns the upload as a whole: persisting, committing, aborting.
  Mutex whole_mutex_;
  std::optional<absl::StatusOr<StoredLayer>> result_ GRAMIAN_GUARDED_BY(whole_mutex_);

  Mutex bytes_mutex_;
  // Nothing once the upload is committed or dropped.
  std::optional<RepresentationBuilder> builder_ GRAMIAN_GUARDED_BY(bytes_mutex_);

  mutable Mutex state_mutex_;
  std::vector<ByteRange> persisted_ GRAMIAN_GUARDED_BY(state_mutex_);
};

}  // namespace gramian

#endif  // GRAMIAN_STORE_UPLOAD_SESSION_H_
