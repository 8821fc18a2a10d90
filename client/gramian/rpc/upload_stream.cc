#include "gramian/rpc/upload_stream.h"

#include <chrono>
#include <utility>

#include "absl/time/clock.h"
#include "gramian/rpc/status.h"

namespace gramian::client {
namespace {

constexpr char kMethod[] = "/gramian.v1.ActivationService/UploadLayer";

}  // namespace

UploadStream::UploadStream(const std::shared_ptr<grpc::Channel>& channel, absl::Time deadline,
                           const std::stop_token& stop, ResponseCallback on_response)
    : on_response_(std::move(on_response)),
      stub_(channel),
      on_stop_(stop, [this] { context_.TryCancel(); }) {
  context_.set_deadline(absl::ToChronoTime(deadline));
  call_ = stub_.PrepareCall(&context_, kMethod, &queue_);
  call_->StartCall(Tag(Event::kStarted));
  RunUntil([this] { return is_started_; });
}

UploadStream::~UploadStream() {
  if (!has_ended_) context_.TryCancel();
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  // Ends as soon as the operations on their way have been called off.
  while (queue_.Next(&tag, &ok)) {
  }
}

bool UploadStream::Write(const grpc::ByteBuffer& message) {
  RunUntil([this] { return !is_writing_ || is_finishing_; });
  // A broken stream has no room for another message: its status is on the way.
  if (is_finishing_) RunToTheEnd();
  if (has_ended_) return false;
  is_writing_ = true;
  call_->Write(message, Tag(Event::kWritten));
  return true;
}

void UploadStream::WritesDone() {
  RunUntil([this] { return !is_writing_ || is_finishing_; });
  if (is_finishing_ || has_ended_) return;
  is_writing_ = true;
  call_->WritesDone(Tag(Event::kWritten));
}

void UploadStream::Cancel() {
  if (has_ended_) return;
  context_.TryCancel();
  RunToTheEnd();
}

void UploadStream::RunUntil(const std::function<bool()>& done) {
  void* tag = nullptr;
  bool ok = false;
  // Bounded by the deadline of the call, which fails every operation on its way.
  while (!has_ended_ && !done() && queue_.Next(&tag, &ok)) {
    Handle(static_cast<Event>(reinterpret_cast<intptr_t>(tag)), ok);
  }
}

void UploadStream::RunToTheEnd() {
  RunUntil([] { return false; });
}

void UploadStream::Poll(absl::Duration patience) {
  void* tag = nullptr;
  bool ok = false;
  std::chrono::system_clock::time_point deadline = absl::ToChronoTime(absl::Now() + patience);
  while (queue_.AsyncNext(&tag, &ok, deadline) == grpc::CompletionQueue::GOT_EVENT) {
    Handle(static_cast<Event>(reinterpret_cast<intptr_t>(tag)), ok);
    deadline = {};
  }
}

absl::Status UploadStream::status() const { return FromGrpc(end_); }

void* UploadStream::Tag(Event event) { return reinterpret_cast<void*>(event); }

void UploadStream::Handle(Event event, bool ok) {
  switch (event) {
    case Event::kStarted:
      is_started_ = true;
      call_->Read(&response_, Tag(Event::kRead));
      break;
    case Event::kWritten:
      is_writing_ = false;
      break;
    case Event::kRead:
      if (ok) {
        on_response_(response_);
        call_->Read(&response_, Tag(Event::kRead));
      } else if (!is_finishing_) {
        is_finishing_ = true;
        call_->Finish(&end_, Tag(Event::kFinished));
      }
      break;
    case Event::kFinished:
      has_ended_ = true;
      break;
  }
}

}  // namespace gramian::client
