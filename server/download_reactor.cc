#include "server/download_reactor.h"

#include <algorithm>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/machine.h"
#include "gramian/base/status_macros.h"
#include "server/activation_messages.h"
#include "server/convert.h"
#include "server/crc32c.h"
#include "server/resource_name.h"
#include "server/status_details.h"

namespace gramian {
namespace {

// The widest element: a chunk of whole ones is whole in every type.
constexpr int64_t kElementBytes = 8;

int64_t ChunkBytes(const ServerOptions& options) {
  return std::max(options.chunk_bytes / kElementBytes * kElementBytes, int64_t{1});
}

}  // namespace

DownloadReactor::DownloadReactor(ServerState& state, OpenStreams& open_streams,
                                 const MethodMetrics& method, grpc::CallbackServerContext* context,
                                 const v1::DownloadLayerRequest& request)
    : state_(state),
      open_streams_(open_streams),
      context_(context),
      request_(request),
      record_(state, method, *context) {
  absl::Status status = record_.Admit(request_);
  const std::string project = ProjectOf(request_.name());
  if (status.ok() && open_streams_.TryTakePlace(project)) {
    place_of_ = project;
  } else if (status.ok()) {
    status = TooMany(absl::StrCat("project '", project, "' has the limit of ",
                                  open_streams_.limit(), " open downloads"),
                     "TOO_MANY_DOWNLOADS", open_streams_.limit());
  }
  if (status.ok()) {
    open_streams_.Add(this);
    RunOnPool(&DownloadReactor::SendLayer);
  } else {
    End(std::move(status));
  }
}

void DownloadReactor::RunOnPool(void (DownloadReactor::*work)()) {
  // Never refused: there are not more jobs than streams.
  state_.ingest.Resume([this, work] { (this->*work)(); });
}

absl::Status DownloadReactor::Open() {
  const ActivationStore& store = state_.engine.store();
  GRAMIAN_ASSIGN_OR_RETURN(const LayerKey key, ToLayerKey(request_.name(), store, state_.options));
  GRAMIAN_ASSIGN_OR_RETURN(const StoredLayer layer, store.GetLayer(key));
  if (request_.begin() < 0 || request_.begin() > layer.size_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("begin is ", request_.begin(),
                                                   ", must be from 0 to the layer's size of ",
                                                   layer.size_bytes));
  }
  GRAMIAN_ASSIGN_OR_RETURN(content_, state_.engine.store().Load(layer));
  sent_bytes_ = request_.begin();
  *response_.mutable_layer() = ToProto(layer);
  return absl::OkStatus();
}

void DownloadReactor::SendLayer() {
  absl::Status status;
  try {
    status = Open();
  } catch (const std::bad_alloc&) {
    status = OutOfMemory("out of memory");
  }
  if (status.ok()) {
    Write();
  } else {
    End(std::move(status));
  }
}

void DownloadReactor::SendChunk() {
  if (context_->IsCancelled() || record_.cut_off().stop_requested()) {
    End(record_.WithCause(absl::CancelledError("the client ended the download"), *context_));
    return;
  }
  const int64_t size = std::min(ChunkBytes(state_.options), content_->size_bytes() - sent_bytes_);
  if (size == 0) {
    End(absl::OkStatus());
    return;
  }
  v1::DownloadChunk* chunk = response_.mutable_chunk();
  chunk->set_begin(sent_bytes_);
  chunk->set_data(content_->data() + sent_bytes_, static_cast<size_t>(size));
  chunk->set_crc32c(ExtendCrc32c(0, chunk->data()));
  sent_bytes_ += size;
  Write();
}

void DownloadReactor::Write() {
  {
    MutexLock lock(mutex_);
    writing_ = true;
    writing_since_ = std::chrono::steady_clock::now();
  }
  StartWrite(&response_);
}

void DownloadReactor::OnWriteDone(bool ok) {
  bool stalled = false;
  {
    MutexLock lock(mutex_);
    writing_ = false;
    stalled = stalled_;
  }
  if (stalled) {
    End(WithReason(absl::AbortedError("the client reads too slowly"), "SLOW_READER"));
  } else if (ok) {
    RunOnPool(&DownloadReactor::SendChunk);
  } else {
    End(record_.WithCause(absl::CancelledError("the client ended the download"), *context_));
  }
}

void DownloadReactor::EndIfIdleSince(std::chrono::steady_clock::time_point time) {
  MutexLock lock(mutex_);
  if (!writing_ || stalled_ || writing_since_ > time) return;
  stalled_ = true;
  // A message that the client does not take can be followed by nothing: only this ends the write.
  context_->TryCancel();
}

void DownloadReactor::End(absl::Status status) {
  content_.reset();
  if (place_of_.has_value()) open_streams_.FreePlace(*place_of_);
  record_.Close(status);
  Finish(ToGrpcStatus(status));
}

void DownloadReactor::OnDone() {
  open_streams_.Remove(this);
  delete this;
}

}  // namespace gramian
