// One upload: what several streams and attempts bring of one layer, until it is committed.
#ifndef GRAMIAN_STORE_UPLOAD_H_
#define GRAMIAN_STORE_UPLOAD_H_

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gramian/representation/representation.h"
#include "gramian/store/layer.h"

namespace gramian {

// What a client announces before it sends rows.
struct UploadPlan {
  LayerDescription description;
  RepresentationShape shape;    // of what is sent; KeptShape (tangent/) of it is kept
  std::string expected_digest;  // 32 hexadecimal digits, or empty
  OnConflict on_conflict = OnConflict::kReject;
  std::string upload_id;               // empty: the store chooses one
  std::string input_ids_digest;        // empty: unknown
  std::vector<std::string> input_ids;  // empty: unknown
};

// Bytes [begin, end) of the row-major matrix.
struct ByteRange {
  int64_t begin = 0;
  int64_t end = 0;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// An open upload. Thread-safe: streams append at the same time. Append and Persist write to disk,
// so they belong on a thread that may wait. Once it was committed or aborted every method returns
// ABORTED, except Commit after a commit, which returns the committed layer again.
class Upload {
 public:
  virtual ~Upload() = default;

  virtual const UploadPlan& plan() const = 0;  // upload_id is set

  // As RepresentationBuilder::Append. Nothing of a refused piece is kept.
  // RESOURCE_EXHAUSTED (reason DISK_FULL) or DATA_LOSS, naming the file, if it cannot be written;
  // UNAVAILABLE if it cannot be opened now.
  virtual absl::Status Append(int64_t first_row, int64_t byte_offset,
                              absl::Span<const absl::string_view> data) = 0;
  // Makes everything appended before the call survive a killed process. Returns persisted_bytes().
  // UNAVAILABLE if that cannot be tried now: the upload is as it was.
  virtual absl::StatusOr<int64_t> Persist() = 0;

  virtual int64_t received_bytes() const = 0;
  virtual int64_t received_rows() const = 0;
  virtual int64_t persisted_bytes() const = 0;
  // What a new stream need not send: ascending, disjoint, not touching.
  virtual std::vector<ByteRange> persisted() const = 0;
  bool is_complete() const { return received_bytes() == size_bytes(); }
  virtual int64_t size_bytes() const = 0;
  // When something was last appended, or the upload began, also before a restart.
  virtual absl::Time touched() const = 0;

  // Checks, makes durable and publishes the layer; tangent data are reduced to factors first.
  // FAILED_PRECONDITION naming the first missing row if it is incomplete (the upload stays open);
  // INVALID_ARGUMENT for an element that is not finite or content without the expected digest;
  // ALREADY_EXISTS and RESOURCE_EXHAUSTED as ActivationStore says. After these the upload is gone.
  // After any other error, which is the disk's, the upload is open, whole, and may be committed
  // again, but if a failed sync has lost its bytes. CANCELLED if a stop was requested while tangent
  // data were reduced, O(n d m^2): in a data directory the upload is open and whole. Of several
  // callers one commits and all get its layer.
  virtual absl::StatusOr<StoredLayer> Commit(std::stop_token stop) = 0;
  absl::StatusOr<StoredLayer> Commit() { return Commit(std::stop_token()); }
};

}  // namespace gramian

#endif  // GRAMIAN_STORE_UPLOAD_H_
