// A client that says exactly what a test wants to be said, message by message.
#ifndef GRAMIAN_TESTS_RELIABILITY_WIRE_H_
#define GRAMIAN_TESTS_RELIABILITY_WIRE_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gramian/v1/activation_service.grpc.pb.h"
#include "gramian/v1/admin_service.grpc.pb.h"
#include "gramian/v1/similarity_service.grpc.pb.h"

namespace gramian::testing {

// A float32 matrix that follows from three numbers.
struct Content {
  int64_t rows = 0;
  int64_t cols = 0;
  uint32_t seed = 0;

  int64_t size_bytes() const { return rows * cols * int64_t{sizeof(float)}; }
  friend bool operator==(const Content&, const Content&) = default;
};

// Its bytes: finite, no two rows alike.
std::string BytesOf(const Content& content);

// The bytes [begin, begin + size) of `content` as a chunk with its checksum.
v1::UploadChunk ChunkOf(const Content& content, const std::string& bytes, int64_t begin,
                        int64_t size);

// All of it, in chunks of `chunk_bytes`, a multiple of four.
std::vector<v1::UploadChunk> ChunksOf(const Content& content, int64_t chunk_bytes);

// Names in the project `project`.
std::string NetworkName(const std::string& project, const std::string& network);
std::string SnapshotName(const std::string& project, const std::string& network, int64_t step);
std::string LayerName(const std::string& snapshot, const std::string& layer);

// The reason in the details of an error, e.g. "QUEUE_FULL"; empty if there is none.
std::string ReasonOf(const grpc::Status& status);

// "NOT_FOUND LAYER_NOT_FOUND: message" for messages of tests; "OK".
std::string Describe(const grpc::Status& status);

// Whether `condition` becomes true within a minute.
bool Eventually(const std::function<bool()>& condition);

// What an upload stream says and does.
struct UploadScript {
  v1::UploadHeader header;
  std::vector<v1::UploadChunk> chunks;  // sent in this order
  bool skip_persisted = true;     // leave out chunks that the server says are persisted already
  bool wait_for_accepted = true;  // before the first chunk, as a good client does
  // Called before every chunk, and once after the last, with the number of those before; false ends
  // the sending there, and the stream is cancelled.
  std::function<bool(int64_t)> go_on;
  // Called on another thread for every answer as it comes.
  std::function<void(const v1::UploadLayerResponse&)> on_answer;
  std::chrono::milliseconds timeout{60'000};
};

// What came of it.
struct UploadOutcome {
  grpc::Status status;
  bool accepted = false;
  bool cancelled = false;  // by go_on
  std::string upload_id;
  std::vector<std::pair<int64_t, int64_t>> persisted;  // in UploadAccepted
  std::vector<int64_t> sent;                           // indices of the chunks, in order
  int64_t persisted_bytes = 0;                         // the greatest that was reported
  int64_t persisted_chunk_count = 0;                   // of `sent`
  bool draining = false;
  std::optional<v1::Layer> layer;  // if it was committed
};

// Whether [begin, end) lies in one of the ranges.
bool Covers(const std::vector<std::pair<int64_t, int64_t>>& ranges, int64_t begin, int64_t end);
std::vector<std::pair<int64_t, int64_t>> ToPairs(
    const google::protobuf::RepeatedPtrField<v1::ByteRange>& ranges);

// A connection of its own. Every call ends within a minute unless it says otherwise.
class Wire {
 public:
  explicit Wire(const std::string& address);

  UploadOutcome Upload(const UploadScript& script);
  // All bytes of a layer, their checksums verified.
  grpc::Status Download(const std::string& name, v1::Layer* layer, std::string* bytes);

  grpc::Status GetLayer(const std::string& name, v1::Layer* layer);
  // NOT_FOUND counts as empty.
  grpc::Status ListNetworks(const std::string& project, std::vector<v1::Network>* networks);
  grpc::Status ListSnapshots(const std::string& network, std::vector<v1::Snapshot>* snapshots);
  grpc::Status ListLayers(const std::string& snapshot, std::vector<v1::Layer>* layers);
  grpc::Status DeleteSnapshot(const std::string& name);
  grpc::Status DeleteNetwork(const std::string& name);
  grpc::Status PinSnapshot(const std::string& name, bool pinned);
  grpc::Status GetUpload(const std::string& name, const std::string& upload_id, v1::Upload* upload);
  grpc::Status AbortUpload(const std::string& name, const std::string& upload_id);
  grpc::Status CompareLayers(const std::string& a, const std::string& b, const std::string& measure,
                             v1::CompareLayersResponse* response);
  // The number of cells that came.
  grpc::Status CompareSnapshots(const std::string& a, const std::string& b,
                                const std::string& measure, int64_t* cells);
  grpc::Status GetServerInfo(v1::GetServerInfoResponse* info);

  v1::ActivationService::Stub& activations() { return *activations_; }
  v1::SimilarityService::Stub& similarity() { return *similarity_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  static std::unique_ptr<grpc::ClientContext> Context(
      std::chrono::milliseconds timeout = std::chrono::milliseconds(60'000));

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ActivationService::Stub> activations_;
  std::unique_ptr<v1::SimilarityService::Stub> similarity_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
};

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_RELIABILITY_WIRE_H_
