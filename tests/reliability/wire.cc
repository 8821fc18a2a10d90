#include "tests/reliability/wire.h"

#include <isa-l/crc.h>

#include <cstring>
#include <random>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gramian/v1/errors.pb.h"

namespace gramian::testing {
namespace {

uint32_t Crc32c(const std::string& data) {
  // The library wants the register, which begins and ends inverted.
  auto* bytes = reinterpret_cast<unsigned char*>(const_cast<char*>(data.data()));
  return ~crc32_iscsi(bytes, static_cast<int>(data.size()), ~0U);
}

// All pages of a list: `fetch` gets the token of each and returns the next.
template <typename Fetch>
grpc::Status AllPages(const Fetch& fetch) {
  std::string token;
  do {
    const grpc::Status status = fetch(token);
    if (status.error_code() == grpc::StatusCode::NOT_FOUND) return grpc::Status::OK;
    if (!status.ok()) return status;
  } while (!token.empty());
  return grpc::Status::OK;
}

}  // namespace

std::string BytesOf(const Content& content) {
  std::minstd_rand random(content.seed + 1);
  std::vector<float> values(static_cast<size_t>(content.rows * content.cols));
  for (float& value : values) value = static_cast<float>(random()) * 1.0e-9F - 1.0F;
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

v1::UploadChunk ChunkOf(const Content& content, const std::string& bytes, int64_t begin,
                        int64_t size) {
  const int64_t row_bytes = content.cols * int64_t{sizeof(float)};
  v1::UploadChunk chunk;
  chunk.set_first_row(begin / row_bytes);
  chunk.set_byte_offset(begin % row_bytes);
  chunk.set_data(bytes.substr(static_cast<size_t>(begin), static_cast<size_t>(size)));
  chunk.set_crc32c(Crc32c(chunk.data()));
  return chunk;
}

std::vector<v1::UploadChunk> ChunksOf(const Content& content, int64_t chunk_bytes) {
  const std::string bytes = BytesOf(content);
  std::vector<v1::UploadChunk> chunks;
  for (int64_t begin = 0; begin < content.size_bytes(); begin += chunk_bytes) {
    chunks.push_back(
        ChunkOf(content, bytes, begin, std::min(chunk_bytes, content.size_bytes() - begin)));
  }
  return chunks;
}

std::string NetworkName(const std::string& project, const std::string& network) {
  return absl::StrCat("projects/", project, "/networks/", network);
}

std::string SnapshotName(const std::string& project, const std::string& network, int64_t step) {
  return absl::StrCat(NetworkName(project, network), "/snapshots/", step);
}

std::string LayerName(const std::string& snapshot, const std::string& layer) {
  return absl::StrCat(snapshot, "/layers/", layer);
}

std::string ReasonOf(const grpc::Status& status) {
  v1::ErrorStatus details;
  if (!details.ParseFromString(status.error_details())) return "";
  for (const auto& detail : details.details()) {
    v1::ErrorReason reason;
    if (absl::StrContains(detail.type_url(), "google.rpc.ErrorInfo") &&
        reason.ParseFromString(detail.value())) {
      return reason.reason();
    }
  }
  return "";
}

std::string Describe(const grpc::Status& status) {
  static constexpr const char* kNames[] = {"OK",
                                           "CANCELLED",
                                           "UNKNOWN",
                                           "INVALID_ARGUMENT",
                                           "DEADLINE_EXCEEDED",
                                           "NOT_FOUND",
                                           "ALREADY_EXISTS",
                                           "PERMISSION_DENIED",
                                           "RESOURCE_EXHAUSTED",
                                           "FAILED_PRECONDITION",
                                           "ABORTED",
                                           "OUT_OF_RANGE",
                                           "UNIMPLEMENTED",
                                           "INTERNAL",
                                           "UNAVAILABLE",
                                           "DATA_LOSS",
                                           "UNAUTHENTICATED"};
  if (status.ok()) return "OK";
  return absl::StrCat(kNames[status.error_code()], " ", ReasonOf(status), ": ",
                      status.error_message());
}

bool Eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

bool Covers(const std::vector<std::pair<int64_t, int64_t>>& ranges, int64_t begin, int64_t end) {
  for (const auto& [first, last] : ranges) {
    if (first <= begin && end <= last) return true;
  }
  return false;
}

std::vector<std::pair<int64_t, int64_t>> ToPairs(
    const google::protobuf::RepeatedPtrField<v1::ByteRange>& ranges) {
  std::vector<std::pair<int64_t, int64_t>> pairs;
  for (const v1::ByteRange& range : ranges) pairs.emplace_back(range.begin(), range.end());
  return pairs;
}

Wire::Wire(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(64 << 20);
  // Channels with equal arguments would share one connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  channel_ = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  activations_ = v1::ActivationService::NewStub(channel_);
  similarity_ = v1::SimilarityService::NewStub(channel_);
  admin_ = v1::AdminService::NewStub(channel_);
}

std::unique_ptr<grpc::ClientContext> Wire::Context(std::chrono::milliseconds timeout) {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + timeout);
  return context;
}

namespace {

using Stream = grpc::ClientReaderWriter<v1::UploadLayerRequest, v1::UploadLayerResponse>;

void Note(const v1::UploadLayerResponse& answer, UploadOutcome& outcome) {
  if (answer.has_accepted()) {
    outcome.accepted = true;
    outcome.upload_id = answer.accepted().upload_id();
    outcome.persisted = ToPairs(answer.accepted().persisted());
    for (const auto& [begin, end] : outcome.persisted) outcome.persisted_bytes += end - begin;
  } else if (answer.has_progress()) {
    outcome.persisted_bytes =
        std::max(outcome.persisted_bytes, answer.progress().persisted_bytes());
    outcome.persisted_chunk_count =
        std::max(outcome.persisted_chunk_count, answer.progress().persisted_chunk_count());
  } else if (answer.has_draining()) {
    outcome.draining = true;
    outcome.persisted_chunk_count =
        std::max(outcome.persisted_chunk_count, answer.draining().persisted_chunk_count());
  } else if (answer.has_committed()) {
    outcome.layer = answer.committed();
  }
}

// Whether the server has reported all of the chunk as persisted. Not for rubbish, whose bytes may
// lie beyond any number.
bool IsPersisted(const v1::UploadHeader& header, const v1::UploadChunk& chunk,
                 const UploadOutcome& outcome) {
  const int64_t row_bytes =
      header.feature_count() * (header.row_count() > 0 ? int64_t{sizeof(float)} : int64_t{0});
  const int64_t begin = chunk.first_row() * row_bytes + chunk.byte_offset();
  return Covers(outcome.persisted, begin, begin + static_cast<int64_t>(chunk.data().size()));
}

// Sends what the script says to send; false if it was told to stop.
bool Send(const UploadScript& script, Stream& stream, UploadOutcome& outcome) {
  v1::UploadLayerRequest request;
  int64_t index = 0;
  for (const v1::UploadChunk& chunk : script.chunks) {
    if (script.go_on && !script.go_on(index)) return false;
    if (!script.skip_persisted || !IsPersisted(script.header, chunk, outcome)) {
      *request.mutable_chunk() = chunk;
      if (!stream.Write(request)) return true;
      outcome.sent.push_back(index);
    }
    ++index;
  }
  return !script.go_on || script.go_on(index);
}

}  // namespace

UploadOutcome Wire::Upload(const UploadScript& script) {
  UploadOutcome outcome;
  const auto context = Context(script.timeout);
  const auto stream = activations_->UploadLayer(context.get());
  v1::UploadLayerRequest request;
  *request.mutable_header() = script.header;
  stream->Write(request);

  bool answered = true;
  if (script.wait_for_accepted) {
    v1::UploadLayerResponse first;
    answered = stream->Read(&first);
    if (answered) Note(first, outcome);
    if (answered && script.on_answer) script.on_answer(first);
  }
  // Answers are taken while chunks are sent: they say what is persisted.
  UploadOutcome answers = outcome;
  std::thread reader([&] {
    v1::UploadLayerResponse answer;
    while (answered && stream->Read(&answer)) {
      Note(answer, answers);
      if (script.on_answer) script.on_answer(answer);
    }
  });
  if (answered && !outcome.layer.has_value()) {
    outcome.cancelled = !Send(script, *stream, outcome);
  }
  if (outcome.cancelled) {
    context->TryCancel();
  } else {
    stream->WritesDone();
  }
  reader.join();
  answers.sent = outcome.sent;
  answers.cancelled = outcome.cancelled;
  answers.status = stream->Finish();
  return answers;
}

grpc::Status Wire::Download(const std::string& name, v1::Layer* layer, std::string* bytes) {
  v1::DownloadLayerRequest request;
  request.set_name(name);
  const auto context = Context();
  const auto stream = activations_->DownloadLayer(context.get(), request);
  v1::DownloadLayerResponse answer;
  bytes->clear();
  bool intact = true;
  while (stream->Read(&answer)) {
    if (answer.has_layer()) *layer = answer.layer();
    if (!answer.has_chunk()) continue;
    intact = intact && answer.chunk().begin() == static_cast<int64_t>(bytes->size()) &&
             Crc32c(answer.chunk().data()) == answer.chunk().crc32c();
    bytes->append(answer.chunk().data());
  }
  const grpc::Status status = stream->Finish();
  if (!status.ok() || intact) return status;
  return grpc::Status(grpc::StatusCode::DATA_LOSS, "a chunk is out of order or damaged");
}

grpc::Status Wire::GetLayer(const std::string& name, v1::Layer* layer) {
  v1::GetLayerRequest request;
  request.set_name(name);
  v1::GetLayerResponse response;
  const grpc::Status status = activations_->GetLayer(Context().get(), request, &response);
  *layer = response.layer();
  return status;
}

grpc::Status Wire::ListNetworks(const std::string& project, std::vector<v1::Network>* networks) {
  networks->clear();
  return AllPages([&](std::string& token) {
    v1::ListNetworksRequest request;
    request.set_parent(absl::StrCat("projects/", project));
    request.set_page_token(token);
    v1::ListNetworksResponse response;
    const grpc::Status status = activations_->ListNetworks(Context().get(), request, &response);
    networks->insert(networks->end(), response.networks().begin(), response.networks().end());
    token = response.next_page_token();
    return status;
  });
}

grpc::Status Wire::ListSnapshots(const std::string& network, std::vector<v1::Snapshot>* snapshots) {
  snapshots->clear();
  return AllPages([&](std::string& token) {
    v1::ListSnapshotsRequest request;
    request.set_parent(network);
    request.set_page_token(token);
    v1::ListSnapshotsResponse response;
    const grpc::Status status = activations_->ListSnapshots(Context().get(), request, &response);
    snapshots->insert(snapshots->end(), response.snapshots().begin(), response.snapshots().end());
    token = response.next_page_token();
    return status;
  });
}

grpc::Status Wire::ListLayers(const std::string& snapshot, std::vector<v1::Layer>* layers) {
  layers->clear();
  return AllPages([&](std::string& token) {
    v1::ListLayersRequest request;
    request.set_parent(snapshot);
    request.set_page_token(token);
    v1::ListLayersResponse response;
    const grpc::Status status = activations_->ListLayers(Context().get(), request, &response);
    layers->insert(layers->end(), response.layers().begin(), response.layers().end());
    token = response.next_page_token();
    return status;
  });
}

grpc::Status Wire::DeleteSnapshot(const std::string& name) {
  v1::DeleteSnapshotRequest request;
  request.set_name(name);
  v1::DeleteSnapshotResponse response;
  return activations_->DeleteSnapshot(Context().get(), request, &response);
}

grpc::Status Wire::DeleteNetwork(const std::string& name) {
  v1::DeleteNetworkRequest request;
  request.set_name(name);
  v1::DeleteNetworkResponse response;
  return activations_->DeleteNetwork(Context().get(), request, &response);
}

grpc::Status Wire::PinSnapshot(const std::string& name, bool pinned) {
  v1::PinSnapshotRequest request;
  request.set_name(name);
  request.set_pinned(pinned);
  v1::PinSnapshotResponse response;
  return activations_->PinSnapshot(Context().get(), request, &response);
}

grpc::Status Wire::GetUpload(const std::string& name, const std::string& upload_id,
                             v1::Upload* upload) {
  v1::GetUploadRequest request;
  request.set_name(name);
  request.set_upload_id(upload_id);
  v1::GetUploadResponse response;
  const grpc::Status status = activations_->GetUpload(Context().get(), request, &response);
  *upload = response.upload();
  return status;
}

grpc::Status Wire::AbortUpload(const std::string& name, const std::string& upload_id) {
  v1::AbortUploadRequest request;
  request.set_name(name);
  request.set_upload_id(upload_id);
  v1::AbortUploadResponse response;
  return activations_->AbortUpload(Context().get(), request, &response);
}

grpc::Status Wire::CompareLayers(const std::string& a, const std::string& b,
                                 const std::string& measure, v1::CompareLayersResponse* response) {
  v1::CompareLayersRequest request;
  request.set_layer_a(a);
  request.set_layer_b(b);
  request.add_measures(measure);
  response->Clear();
  return similarity_->CompareLayers(Context().get(), request, response);
}

grpc::Status Wire::CompareSnapshots(const std::string& a, const std::string& b,
                                    const std::string& measure, int64_t* cells) {
  v1::CompareSnapshotsRequest request;
  request.set_snapshot_a(a);
  request.set_snapshot_b(b);
  request.set_measure(measure);
  const auto context = Context();
  const auto stream = similarity_->CompareSnapshots(context.get(), request);
  v1::CompareSnapshotsResponse answer;
  *cells = 0;
  while (stream->Read(&answer)) {
    if (answer.has_block()) *cells += answer.block().values_size();
  }
  return stream->Finish();
}

grpc::Status Wire::GetServerInfo(v1::GetServerInfoResponse* info) {
  return admin_->GetServerInfo(Context().get(), v1::GetServerInfoRequest(), info);
}

}  // namespace gramian::testing
