// A server on a free port of 127.0.0.1, and what tests say to it.
#ifndef GRAMIAN_TESTS_SERVER_SERVER_FIXTURE_H_
#define GRAMIAN_TESTS_SERVER_SERVER_FIXTURE_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gramian/v1/activation_service.grpc.pb.h"
#include "gramian/v1/admin_service.grpc.pb.h"
#include "gramian/v1/similarity_service.grpc.pb.h"
#include "server/server.h"

namespace gramian::testing {

// float32 activations, row-major.
struct Activations {
  int64_t rows = 0;
  int64_t cols = 0;
  std::vector<float> values;

  std::string bytes() const;
  int64_t row_bytes() const { return cols * static_cast<int64_t>(sizeof(float)); }
};

// Normal deviates, the same for the same seed.
Activations RandomActivations(int64_t rows, int64_t cols, uint32_t seed);

// |Y~'X~|^2 / (|X~'X~| |Y~'Y~|) from the definition, in double: linear CKA.
double ReferenceCka(const Activations& x, const Activations& y);

// A chunk with its right checksum.
v1::UploadChunk Chunk(int64_t first_row, int64_t byte_offset, const std::string& data);

// `activations` cut into chunks of `rows_per_chunk` whole rows, in order.
std::vector<v1::UploadChunk> CutRows(const Activations& activations, int64_t rows_per_chunk);

// The reason in the details of an error, e.g. "QUEUE_FULL", and its values; both empty if it has
// none.
std::string ReasonIn(const grpc::Status& status);
std::map<std::string, std::string> MetadataIn(const grpc::Status& status);
// Milliseconds after which the server wants to be asked again; -1 if it does not say.
int64_t RetryMillisecondsIn(const grpc::Status& status);

// What a refusal says: code and reason, what was asked for and what the limit is, and whether the
// same call may succeed later.
struct Refusal {
  grpc::StatusCode code;
  std::string reason;
  int64_t value;
  int64_t limit;
  bool may_be_repeated;
};
void ExpectRefused(const grpc::Status& status, const Refusal& refusal);

// Bytes [begin, end) of `activations` as one chunk.
v1::UploadChunk CutBytes(const Activations& activations, int64_t begin, int64_t end);

// A directory that is there as long as this is.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Whether `condition` becomes true within a minute.
bool Eventually(const std::function<bool()>& condition);

// What came of an upload.
struct UploadOutcome {
  grpc::Status status;
  v1::Layer layer;  // if status is OK
  bool accepted = false;
  int progress_count = 0;
};

class ServerFixture : public ::testing::Test {
 protected:
  // Small budgets, free ports.
  static ServerOptions Options();

  // `files` outlives the server.
  void Start(const ServerOptions& options = Options(), FileSystem& files = RealFileSystem());
  // Ends the server as a kill does, as far as its memory goes.
  void Stop();

  // A context whose deadline is a minute away, so that no test hangs.
  static std::unique_ptr<grpc::ClientContext> Context();

  // Header of a float32 layer of network "net".
  static v1::UploadHeader Header(const Activations& activations, const std::string& layer,
                                 int64_t step = 0, const std::string& network = "net");
  static std::string SnapshotName(int64_t step = 0, const std::string& network = "net");
  static std::string LayerName(const std::string& layer, int64_t step = 0,
                               const std::string& network = "net");

  // Sends header and chunks, closes, and reads to the end.
  UploadOutcome Upload(const v1::UploadHeader& header, const std::vector<v1::UploadChunk>& chunks);
  // Uploads or fails the test.
  v1::Layer MustUpload(const Activations& activations, const std::string& layer, int64_t step = 0,
                       const std::string& network = "net");

  // All of a layer.
  grpc::Status Fetch(const std::string& name, std::string* bytes);

  // One score, or the status.
  grpc::Status Compare(const std::string& a, const std::string& b,
                       const std::vector<std::string>& measures,
                       v1::CompareLayersResponse* response);

  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ActivationService::Stub> activations_;
  std::unique_ptr<v1::SimilarityService::Stub> similarity_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
};

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_SERVER_SERVER_FIXTURE_H_
