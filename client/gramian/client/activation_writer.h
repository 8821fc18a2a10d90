#ifndef GRAMIAN_CLIENT_ACTIVATION_WRITER_H_
#define GRAMIAN_CLIENT_ACTIVATION_WRITER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

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
  std::string expected_digest = {};  // optional: rows with another digest (sent_digest) are refused
  bool replace = false;  // take the place of a layer with other content instead of failing

  // The same for all writers and attempts that bring the same content: who announces the layer with
  // it again, even from another process, goes on with the upload. Empty: this writer's own, which
  // nobody else joins. Up to 255 bytes.
  std::string upload_id = {};
  // Other writers with this upload_id bring rows as well, e.g. one per rank: see FinishPart.
  bool partial = false;
  // Optional: what digest.h makes of the ids of the inputs behind the rows, and the ids themselves.
  // Refused if the probe set has others, with the ids naming the first difference.
  std::string input_ids_digest = {};
  std::vector<std::string> input_ids = {};
  // What the rows hold; with tangent data also their number of coordinates, 1 to 64. feature_count
  // is the number of values in a row. The server keeps factors, whatever is sent.
  RowKind row_kind = RowKind::kActivations;
  int64_t coordinate_count = 0;
};

// How far an upload has come, in bytes of the matrix.
struct UploadProgress {
  int64_t sent_bytes = 0;     // written and handed to the network, each once
  int64_t skipped_bytes = 0;  // written, but the server had them from an earlier attempt
  int64_t total_bytes = 0;
};

struct UploadOptions {
  // Of the whole upload with all of its attempts. Zero means ClientOptions::stream_timeout.
  absl::Duration timeout = absl::ZeroDuration();
  // How long to try again, with growing pauses and without any progress, where the server cannot be
  // reached, shuts down or has no room now. Zero: fail at once.
  absl::Duration reconnect_timeout = absl::Minutes(5);
  // What may be sent and not yet be persisted: so much is kept to be sent again, then Write waits
  // for the server. At least 32 MiB, because a server persists about every 16 MiB.
  int64_t unconfirmed_bytes = int64_t{64} << 20;
  // Largest piece of data in one message; the server's limit counts as well. At least one element.
  int64_t chunk_bytes = 1 << 20;
  // The memory of all rows written stays as it is until Finish has returned or the writer is gone:
  // then nothing is copied, nor kept to be sent again.
  bool rows_stay = false;
  // Called after every chunk, on the writing thread.
  std::function<void(const UploadProgress&)> progress = {};
  // Called when the upload has to try again and why, which may take as long as reconnect_timeout,
  // and with OK when it goes on, on the thread that opens, writes or finishes.
  std::function<void(const absl::Status&)> waiting = {};
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
// what the server computes does not depend on it.
//
// When the connection breaks or the server is restarted, the writer connects again and sends what
// was not persisted; only if the server lost what it had persisted (it has no data directory) does
// the upload fail with ABORTED. Dropping a writer before Finish cancels the upload: the server
// keeps nothing of it, except where the header gives an upload_id; then what was persisted waits
// for somebody to go on, until the server's idle time is over.
//
// Memory: UploadOptions::unconfirmed_bytes and two chunks, whatever the size of the matrix; runs of
// rows of four chunks and more are sent from the caller's memory. Thread-compatible: one thread at
// a time; several writers of one client run in parallel, on separate connections. It never throws
// and starts no thread.
class ActivationWriter {
 public:
  ActivationWriter(ActivationWriter&&) noexcept;
  ActivationWriter& operator=(ActivationWriter&&) noexcept;
  ~ActivationWriter();

  // Sends rows first_row ... first_row + rows.row_count - 1, in chunks with a checksum each, but
  // not those the server has already. Returns when the last of them is handed to the network and
  // `rows` may change, soon with the server's error when it refused something; at the latest when a
  // connection with a silent other end is given up.
  //
  // INVALID_ARGUMENT for rows outside the announced matrix; FAILED_PRECONDITION after Finish. A
  // failed upload stays failed: every later call returns the same status.
  absl::Status Write(int64_t first_row, const RowsView& rows);

  // Says that all rows were written and returns the layer as committed. INVALID_ARGUMENT, from the
  // server, when rows are missing; ALREADY_EXISTS when the layer is there with other content.
  // FAILED_PRECONDITION of a partial writer whose layer still lacks rows of others.
  absl::StatusOr<LayerInfo> Finish();

  // Of a partial writer: says that its rows were all written, and returns when they are persisted.
  // The layer if it is complete with them, else nothing: others have rows to bring. Errors as
  // Finish.
  absl::StatusOr<std::optional<LayerInfo>> FinishPart();

  // Ends the upload as dropping the writer does. No effect after Finish.
  void Cancel();

  // Whether the server had the layer with the expected digest already: nothing needs to be written.
  bool is_already_there() const;

  // What the server had when the upload began: Write does not send it again.
  const std::vector<ByteRange>& persisted() const;

  // How often it connected again.
  int64_t reconnect_count() const;

 private:
  friend class Client;
  class Upload;

  explicit ActivationWriter(std::unique_ptr<Upload> upload);

  std::unique_ptr<Upload> upload_;
};

}  // namespace gramian::client

#endif  // GRAMIAN_CLIENT_ACTIVATION_WRITER_H_
