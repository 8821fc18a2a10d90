// Where the bytes of a representation are put that is not built in memory.
#ifndef GRAMIAN_REPRESENTATION_BYTE_SINK_H_
#define GRAMIAN_REPRESENTATION_BYTE_SINK_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace gramian {

// Room for the bytes of one representation, such as a file. Thread-compatible.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  // Puts `parts`, one after the other, at `offset`. After an error the bytes there are undefined.
  virtual absl::Status Write(int64_t offset, absl::Span<const absl::string_view> parts) = 0;
  // All of them, to be read as they are written; outlives the sink.
  virtual std::shared_ptr<const std::byte> bytes() const = 0;
};

}  // namespace gramian

#endif  // GRAMIAN_REPRESENTATION_BYTE_SINK_H_
