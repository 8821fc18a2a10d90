#ifndef GRAMIAN_RPC_SENT_CHUNKS_H_
#define GRAMIAN_RPC_SENT_CHUNKS_H_

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "gramian/client/types.h"
#include "gramian/rpc/byte_ranges.h"
#include "gramian/rpc/upload_message.h"

namespace gramian::client {

// The chunks of an upload that the server did not yet say are persisted, in the order they are
// sent: what has to be sent again when a stream breaks. A chunk is owned, or lent: then its bytes
// are in the caller's memory until Own. Thread-compatible.
class SentChunks {
 public:
  // `row_bytes` >= 1 places chunks in the matrix.
  explicit SentChunks(int64_t row_bytes) : row_bytes_(row_bytes) {}

  // A chunk to be sent after all others. A lent one lies without gaps.
  void AddOwned(int64_t first_row, int64_t byte_offset, const ChunkSource& source);
  void AddLent(int64_t first_row, int64_t byte_offset, const ChunkSource& source);

  // Copies what is lent, so that the caller's memory is not needed to send it again.
  void Own();

  // Whether there is a chunk to be sent on this stream.
  bool has_next() const { return sent_count_ < chunks_.size(); }
  // Its message, which holds `loan` open for as long as it reads lent memory.
  grpc::ByteBuffer NextMessage(const std::shared_ptr<Loan>& loan) const;
  // It was handed to the stream.
  void Advance() { ++sent_count_; }

  // The server says that the first `count` chunks of this stream are persisted. Returns whether
  // that is more than before. What was not sent yet is not taken for persisted.
  bool Confirm(int64_t count);

  // Bytes of all chunks kept.
  int64_t unconfirmed_bytes() const { return unconfirmed_bytes_; }

  // A new stream begins, and the server says what it has: chunks that are there are dropped, all
  // others are to be sent again. ABORTED, and nothing changes, if it lost what it had said to be
  // persisted.
  absl::Status Restart(const std::vector<ByteRange>& persisted);

  // Whether the server had all of `range` when the stream began: then it need not be sent.
  bool IsPersisted(const ByteRange& range) const { return persisted_.Contains(range); }

 private:
  struct Chunk {
    ByteRange range;
    int64_t first_row = 0;
    int64_t byte_offset = 0;
    ChunkSource lent;          // without data once it is owned
    grpc::ByteBuffer message;  // once it is owned
  };

  Chunk& Add(int64_t first_row, int64_t byte_offset, const ChunkSource& source);

  const int64_t row_bytes_;
  std::deque<Chunk> chunks_;
  size_t lent_count_ = 0;        // of chunks_, at most; they are at its end
  size_t sent_count_ = 0;        // of chunks_, on this stream; they are at its beginning
  int64_t confirmed_count_ = 0;  // chunks of this stream that are no longer kept
  int64_t unconfirmed_bytes_ = 0;
  ByteRanges persisted_;     // when this stream began
  ByteRanges acknowledged_;  // ever
};

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_SENT_CHUNKS_H_
