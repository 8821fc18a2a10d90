#ifndef GRAMIAN_CLIENT_ACTIVATION_WRITER_H_
#define GRAMIAN_CLIENT_ACTIVATION_WRITER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gramian/client/types.h"

namespace gramian::client {

// Announces a layer of `row_count` inputs (rows) by `feature_count` features (columns).
struct LayerHeader {
  std::string snapshot;     // resource name with a number as step; created with its first layer
  std::string module_path;  // the layer's id as a person writes it, 1 to 255 bytes
  int64_t row_count = 0;
  int64_t feature_count = 0;
  DType dtype = DType::kFloat32;
  // How a tensor became one row per input, e.g. "avg_pool"; kept, not interpreted.
  std::string reduction = {};
  int64_t ordinal = 0;               // position in execution order, >= 0; fusion uses it
  std::string probe_set = {};        // the inputs the rows belong to; empty means "default"
  std::string expected_digest = {};  // optional: content with another digest is refused
  bool replace = false;  // take the place of a layer with other content instead of failing
};

// How far an upload has come: bytes of the matrix handed to the network.
struct UploadProgress {
  int64_t sent_bytes = 0;
  int64_t total_bytes = 0;
};

struct UploadOptions {
  // Of the whole upload. Zero means ClientOptions::stream_timeout.
  absl::Duration timeout = absl::ZeroDuration();
  // Largest piece of data in one message; the server's limit counts as well. At least one element.
  int64_t chunk_bytes = 1 << 20;
  // Called after every chunk, on the writing thread.
  std::function<void(const UploadProgress&)> progress = {};
  // A stop request ends the upload with CANCELLED.
  std::stop_token stop = {};
};

// A row-major block of rows in the caller's memory, `row_count` x feature_count of the announced
// dtype.
struct RowsView {
  const void* data = nullptr;
  int64_t row_count = 0;
  // Distance between the starts of two rows, at least the size of a row; 0 means that rows lie
  // without gaps.
  int64_t row_stride_bytes = 0;
};

// The upload of one layer. Rows may be written in any order and in pieces of any number of rows;
// what the server computes does not depend on it. Dropping a writer before Finish cancels the
// upload, and the server keeps nothing of it.
//
// Memory: two chunks, whatever the size of the matrix; runs of rows of four chunks and more are
// sent from the caller's memory. Thread-compatible: one thread at a time; several writers of one
// client run in parallel, on separate connections. It never throws and starts no thread.
class ActivationWriter {
 public:
  ActivationWriter(ActivationWriter&&) noexcept;
  ActivationWriter& operator=(ActivationWriter&&) noexcept;
  ~ActivationWriter();

  // Sends rows first_row ... first_row + rows.row_count - 1, in chunks with a checksum each.
  // Returns when the last of them is handed to the network and `rows` may change, soon with the
  // server's error when it refused something; at the latest when a connection with a silent other
  // end is given up.
  //
  // INVALID_ARGUMENT for rows outside the announced matrix; FAILED_PRECONDITION after Finish. A
  // failed upload stays failed: every later call returns the same status.
  absl::Status Write(int64_t first_row, const RowsView& rows);

  // Says that all rows were written and returns the layer as committed. INVALID_ARGUMENT, from the
  // server, when rows are missing; ALREADY_EXISTS when the layer is there with other content.
  absl::StatusOr<LayerInfo> Finish();

  // Ends the upload; the server keeps nothing of it. No effect after Finish.
  void Cancel();

  // Whether the server had the layer with the expected digest already: nothing needs to be written.
  bool is_already_there() const;

 private:
  friend class Client;
  class Upload;

  explicit ActivationWriter(std::unique_ptr<Upload> upload);

  std::unique_ptr<Upload> upload_;
};

}  // namespace gramian::client

#endif  // GRAMIAN_CLIENT_ACTIVATION_WRITER_H_
