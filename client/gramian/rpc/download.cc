#include "gramian/rpc/download.h"

#include <grpcpp/support/sync_stream.h>

#include <cstddef>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gramian/rpc/backoff.h"
#include "gramian/rpc/call.h"
#include "gramian/rpc/convert.h"
#include "gramian/rpc/status.h"
#include "gramian/rpc/upload_message.h"

namespace gramian::client {

Download::Download(const std::string& layer, absl::Time deadline, const CallOptions& options,
                   const std::shared_ptr<grpc::Channel>& channel, DownloadSink& sink)
    : deadline_(deadline),
      options_(options),
      stub_(v1::ActivationService::NewStub(channel)),
      sink_(sink),
      name_(layer) {}

absl::StatusOr<LayerInfo> Download::Run() {
  Backoff backoff;
  for (;;) {
    const int64_t received_before = received_bytes_;
    const absl::Status status = UnlessStopped(Attempt(), options_.stop);
    if (!problem_.ok()) return problem_;
    if (status.ok()) break;
    if (!IsWorthRetry(status)) return status;
    if (received_bytes_ > received_before) backoff.Reset();
    if (!backoff.Wait(RetryDelay(status), deadline_, options_.stop)) {
      return options_.stop.stop_requested() ? absl::CancelledError("the download was stopped")
                                            : status;
    }
  }
  if (absl::Status status = Verify(); !status.ok()) return status;
  return *layer_;
}

absl::Status Download::Attempt() {
  CallContext context(options_, deadline_);
  v1::DownloadLayerRequest request;
  request.set_name(name_);
  request.set_begin(received_bytes_);
  const auto reader = stub_->DownloadLayer(context.get(), request);
  v1::DownloadLayerResponse response;
  while (problem_.ok() && reader->Read(&response)) {
    if (response.has_layer()) problem_ = Open(response.layer());
    if (response.has_chunk()) problem_ = Take(response.chunk());
  }
  if (!problem_.ok()) context.get()->TryCancel();
  return FromGrpc(reader->Finish());
}

absl::Status Download::Open(const v1::Layer& proto) {
  LayerInfo layer = FromProto(proto);
  if (layer_.has_value()) {
    if (layer.digest == layer_->digest) return absl::OkStatus();
    return absl::AbortedError(
        absl::StrCat(layer.module_path, " was replaced while it was downloaded; begin anew"));
  }
  name_ = layer.name;
  digest_.emplace(layer.dtype, layer.row_count, layer.feature_count, layer.row_kind,
                  layer.coordinate_count);
  layer_ = std::move(layer);
  return sink_.Begin(*layer_);
}

absl::Status Download::Take(const v1::DownloadChunk& chunk) {
  const auto size = static_cast<int64_t>(chunk.data().size());
  if (!layer_.has_value() || chunk.begin() != received_bytes_ ||
      size > layer_->size_bytes - received_bytes_) {
    return absl::InternalError("the server sent a piece that is not the next one");
  }
  const std::span data(reinterpret_cast<const std::byte*>(chunk.data().data()),
                       chunk.data().size());
  if (Crc32c(data) != chunk.crc32c()) {
    return absl::DataLossError(absl::StrCat("bytes ", received_bytes_, " to ",
                                            received_bytes_ + size - 1, " of ", layer_->module_path,
                                            " arrived damaged: wrong checksum"));
  }
  digest_->Update(data.data(), size);
  received_bytes_ += size;
  return sink_.Append(data);
}

absl::Status Download::Verify() const {
  if (!layer_.has_value() || received_bytes_ != layer_->size_bytes)
    return absl::InternalError("the server did not send the whole layer");
  if (digest_->Finish() == layer_->digest) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(layer_->module_path, " has the digest ",
                                          digest_->Finish(), " instead of ", layer_->digest));
}

}  // namespace gramian::client
