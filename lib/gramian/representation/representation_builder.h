// Collects the pieces of one upload until every byte of the representation has arrived.
#ifndef GRAMIAN_REPRESENTATION_REPRESENTATION_BUILDER_H_
#define GRAMIAN_REPRESENTATION_REPRESENTATION_BUILDER_H_

#include <cstdint>
#include <map>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gramian/base/digest.h"
#include "gramian/representation/byte_sink.h"
#include "gramian/representation/representation.h"

namespace gramian {

// Thread-compatible: one upload, one builder. Checking and hashing are done piece by piece, while a
// piece is hot in the cache, so that Finish has little left to do when pieces come in order. Pieces
// may arrive in any order; a piece sent twice with equal bytes is accepted, with different bytes
// refused. The result does not depend on how the bytes were cut.
class RepresentationBuilder {
 public:
  // Allocates SizeBytes(shape). INVALID_ARGUMENT for a bad shape; RESOURCE_EXHAUSTED (reason
  // MEMORY_PRESSURE) if memory cannot be had.
  static absl::StatusOr<RepresentationBuilder> Create(const RepresentationShape& shape);
  // Keeps the bytes in `sink` instead, which holds the ranges `received` (begin -> end: disjoint,
  // not touching, within the shape) already; they are checked and hashed in the end.
  static absl::StatusOr<RepresentationBuilder> Create(const RepresentationShape& shape,
                                                      std::unique_ptr<ByteSink> sink,
                                                      std::map<int64_t, int64_t> received);

  // Stores `data`, bytes of consecutive rows that start `byte_offset` bytes into row `first_row`. A
  // piece may begin and end within a row, so that rows wider than a chunk can be sent.
  // INVALID_ARGUMENT, naming the value and the limit, if it is empty or leaves the announced shape,
  // or if it differs from bytes already received; RESOURCE_EXHAUSTED (reason TOO_MANY_GAPS) if what
  // was received would lie in more than 2^20 pieces; errors of the sink. After an error nothing of
  // the piece counts as received.
  absl::Status Append(int64_t first_row, int64_t byte_offset, absl::string_view data);
  // The same for data that lies in several parts of memory.
  absl::Status Append(int64_t first_row, int64_t byte_offset,
                      absl::Span<const absl::string_view> data);

  // Distinct bytes received so far.
  int64_t received_bytes() const { return received_bytes_; }
  // Their ranges, begin -> end: disjoint, not touching.
  const std::map<int64_t, int64_t>& received() const { return received_; }
  // Rows that are complete.
  int64_t complete_rows() const { return complete_rows_; }
  int64_t size_bytes() const { return size_bytes_; }

  // The representation. FAILED_PRECONDITION naming the first missing row if it is incomplete;
  // INVALID_ARGUMENT naming row and column if an element is not finite. But for the first error,
  // which changes nothing, the builder is used up.
  absl::StatusOr<std::shared_ptr<const Representation>> Finish() &&;

 private:
  RepresentationBuilder(const RepresentationShape& shape, int64_t size_bytes,
                        std::unique_ptr<std::byte[]> memory, std::unique_ptr<ByteSink> sink,
                        std::map<int64_t, int64_t> received);

  // Rows of which every byte lies in [begin, end).
  int64_t RowsIn(int64_t begin, int64_t end) const;
  // Puts a piece in its place, `known_bytes` of which are there already.
  absl::Status Store(int64_t begin, int64_t size, int64_t known_bytes,
                     absl::Span<const absl::string_view> data);

  // Checks and hashes a piece of which nothing was there, and stores it in memory unless there is a
  // sink; reads it once.
  void TakeNew(int64_t begin, absl::Span<const absl::string_view> data);
  // Looks for non-finite elements among those that lie whole in the bytes [begin, begin + size),
  // which are at `data`.
  void CheckElements(int64_t begin, int64_t size, const std::byte* data);
  // Hashes more of the received beginning, at most `limit` bytes.
  void HashPrefix(int64_t limit);

  RepresentationShape shape_;
  int64_t size_bytes_;
  int64_t row_bytes_;
  std::unique_ptr<std::byte[]> memory_;  // Null with a sink.
  std::unique_ptr<ByteSink> sink_;
  const std::byte* bytes_;  // What either holds.
  // Disjoint received byte ranges, begin -> end; touching ranges are merged.
  std::map<int64_t, int64_t> received_;
  int64_t received_bytes_ = 0;
  int64_t complete_rows_ = 0;
  // Covers the first hashed_bytes_ bytes, all of them received.
  DigestBuilder digest_;
  int64_t hashed_bytes_ = 0;
  // The least index of a non-finite element seen so far; -1 if there is none.
  int64_t non_finite_ = -1;
  // Whether not every element has been looked at: a piece began or ended within one, or some were
  // there from the start.
  bool unchecked_ = false;
};

}  // namespace gramian

#endif  // GRAMIAN_REPRESENTATION_REPRESENTATION_BUILDER_H_
