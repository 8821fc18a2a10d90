// One upload stream, step by step.
#ifndef GRAMIAN_TESTS_SERVER_UPLOAD_CALL_H_
#define GRAMIAN_TESTS_SERVER_UPLOAD_CALL_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "gramian/v1/activation_service.grpc.pb.h"

namespace gramian::testing {

// What a stream was told.
struct UploadEnd {
  grpc::Status status;
  std::vector<v1::UploadProgress> progress;
  std::optional<v1::UploadDraining> draining;
  std::optional<v1::Layer> layer;
};

// Not thread-safe.
class UploadCall {
 public:
  // Opens the stream; it fails after `timeout`.
  explicit UploadCall(v1::ActivationService::Stub& stub,
                      std::chrono::milliseconds timeout = std::chrono::minutes(1));

  // False once the stream is broken.
  bool Send(const v1::UploadHeader& header);
  bool Send(const v1::UploadChunk& chunk);
  bool Send(const std::vector<v1::UploadChunk>& chunks);

  // The answer to the header; nothing if the stream ends without one.
  std::optional<v1::UploadAccepted> Accepted();
  // Waits for news of the upload; nothing if the stream ends before.
  std::optional<v1::UploadProgress> Progress();
  // Closes this side and reads to the end.
  UploadEnd Finish();
  // Reads to the end.
  UploadEnd WaitForEnd();
  // Breaks the stream off; WaitForEnd must follow.
  void Cancel() { context_.TryCancel(); }

 private:
  // The next message; false at the end.
  bool Read();

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::UploadLayerRequest, v1::UploadLayerResponse>>
      stream_;
  v1::UploadLayerResponse response_;
  UploadEnd end_;
};

// What lies between the ranges of `persisted` in [0, size).
std::vector<v1::ByteRange> Missing(
    const google::protobuf::RepeatedPtrField<v1::ByteRange>& persisted, int64_t size);

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_SERVER_UPLOAD_CALL_H_
