#include "server/upload_message.h"

#include <google/protobuf/stubs/logging.h>
#include <grpcpp/support/slice.h>

#include <algorithm>
#include <string>
#include <vector>

#include "server/activation_messages.h"
#include "server/server_options.h"
#include "tests/fuzz/targets.h"

namespace gramian::fuzz {
namespace {

// The bytes in slices of `piece` bytes each, as gRPC hands them over.
grpc::ByteBuffer Cut(absl::string_view bytes, size_t piece) {
  std::vector<grpc::Slice> slices;
  for (size_t begin = 0; begin < bytes.size(); begin += piece) {
    const size_t size = std::min(piece, bytes.size() - begin);
    slices.emplace_back(bytes.data() + begin, size);
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

std::string DataOf(const ChunkView& chunk) {
  std::string data;
  for (const absl::string_view piece : chunk.data) data.append(piece.data(), piece.size());
  return data;
}

void CheckChunk(const ChunkView& chunk, const v1::UploadChunk& expected) {
  Require(chunk.first_row == expected.first_row() && chunk.byte_offset == expected.byte_offset() &&
              chunk.crc32c == expected.crc32c(),
          "a chunk's numbers are those protobuf reads");
  Require(DataOf(chunk) == expected.data(), "a chunk's data are those protobuf reads");
  Require(chunk.size_bytes == static_cast<int64_t>(expected.data().size()),
          "a chunk knows its size");
}

void CheckHeader(const v1::UploadHeader& header) {
  const ServerOptions options;
  const auto plan = ToUploadPlan(header, options);
  if (!plan.ok()) {
    Require(!plan.status().message().empty(), "a refusal has a message");
    return;
  }
  Require(plan->shape.rows >= 1 && plan->shape.rows <= options.max_rows, "rows are in range");
  Require(plan->shape.cols >= 1 && plan->shape.cols <= options.max_features,
          "features are in range");
  Require(plan->description.key.snapshot.step >= 0, "a step is no negative number");
}

}  // namespace

// The first byte says how the rest is cut into slices.
void FuzzUploadMessage(absl::string_view input) {
  // protobuf would write a line for every text that is none.
  static google::protobuf::LogHandler* const kQuiet = google::protobuf::SetLogHandler(nullptr);
  (void)kQuiet;
  if (input.empty()) return;
  const size_t piece = static_cast<unsigned char>(input[0]) + size_t{1};
  const absl::string_view bytes = input.substr(1);
  grpc::ByteBuffer buffer = Cut(bytes, piece);
  const absl::StatusOr<UploadMessage> message = ParseUploadMessage(buffer);
  if (message.ok() && message->header.has_value()) CheckHeader(*message->header);
  if (message.ok() && message->chunk.has_value()) {
    Require(DataOf(*message->chunk).size() <= bytes.size(), "a chunk's data were sent");
  }
  // Where protobuf refuses, tags longer than they need to be for one, we may be lenient.
  v1::UploadLayerRequest expected;
  if (!expected.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;

  // Fields that come twice are merged by one and replaced by the other; what protobuf writes itself
  // holds each of them once.
  const std::string canonical = expected.SerializeAsString();
  grpc::ByteBuffer canonical_buffer = Cut(canonical, piece);
  const absl::StatusOr<UploadMessage> again = ParseUploadMessage(canonical_buffer);
  Require(again.ok() == (expected.has_header() || expected.has_chunk()),
          "a request with a message is one");
  if (expected.has_chunk()) {
    Require(again->chunk.has_value(), "a chunk is a chunk");
    CheckChunk(*again->chunk, expected.chunk());
  }
  if (expected.has_header()) {
    Require(again->header.has_value() &&
                again->header->SerializeAsString() == expected.header().SerializeAsString(),
            "a header is the one protobuf reads");
  }
}

}  // namespace gramian::fuzz
