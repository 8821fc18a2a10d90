#include "tests/server/upload_call.h"

#include <utility>

namespace gramian::testing {

UploadCall::UploadCall(v1::ActivationService::Stub& stub, std::chrono::milliseconds timeout) {
  context_.set_deadline(std::chrono::system_clock::now() + timeout);
  stream_ = stub.UploadLayer(&context_);
}

bool UploadCall::Send(const v1::UploadHeader& header) {
  v1::UploadLayerRequest request;
  *request.mutable_header() = header;
  return stream_->Write(request);
}

bool UploadCall::Send(const v1::UploadChunk& chunk) {
  v1::UploadLayerRequest request;
  *request.mutable_chunk() = chunk;
  return stream_->Write(request);
}

bool UploadCall::Send(const std::vector<v1::UploadChunk>& chunks) {
  for (const v1::UploadChunk& chunk : chunks) {
    if (!Send(chunk)) return false;
  }
  return true;
}

bool UploadCall::Read() {
  if (!stream_->Read(&response_)) return false;
  if (response_.has_progress()) end_.progress.push_back(response_.progress());
  if (response_.has_draining()) end_.draining = response_.draining();
  if (response_.has_committed()) end_.layer = response_.committed();
  return true;
}

std::optional<v1::UploadAccepted> UploadCall::Accepted() {
  if (!Read() || !response_.has_accepted()) return std::nullopt;
  return response_.accepted();
}

std::optional<v1::UploadProgress> UploadCall::Progress() {
  while (Read()) {
    if (response_.has_progress()) return response_.progress();
  }
  return std::nullopt;
}

UploadEnd UploadCall::Finish() {
  stream_->WritesDone();
  return WaitForEnd();
}

UploadEnd UploadCall::WaitForEnd() {
  while (Read()) {
  }
  end_.status = stream_->Finish();
  return std::move(end_);
}

std::vector<v1::ByteRange> Missing(
    const google::protobuf::RepeatedPtrField<v1::ByteRange>& persisted, int64_t size) {
  std::vector<v1::ByteRange> missing;
  const auto add = [&missing](int64_t begin, int64_t end) {
    if (begin >= end) return;
    missing.emplace_back().set_begin(begin);
    missing.back().set_end(end);
  };
  int64_t begin = 0;
  for (const v1::ByteRange& range : persisted) {
    add(begin, range.begin());
    begin = range.end();
  }
  add(begin, size);
  return missing;
}

}  // namespace gramian::testing
