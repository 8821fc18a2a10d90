#include "gramian/cli/push.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/cli/input_ids.h"
#include "gramian/client/digest.h"

namespace gramian::client::cli {
namespace {

constexpr int64_t kDigestPiece = 1 << 20;
constexpr int kAttempts = 3;

int64_t TotalBytes(const std::vector<LoadedLayer>& layers) {
  return std::accumulate(
      layers.begin(), layers.end(), int64_t{0},
      [](int64_t sum, const LoadedLayer& layer) { return sum + layer.size_bytes(); });
}

// The same status, its message beginning with the layer unless it names it already.
absl::Status Named(const absl::Status& status, const std::string& layer) {
  if (status.message().find(layer) != absl::string_view::npos) return status;
  absl::Status named(status.code(), absl::StrCat(layer, ": ", status.message()));
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& value) { named.SetPayload(url, value); });
  return named;
}

// Whether the server would have nothing to change: the content is the same already.
bool HasDescription(const LayerInfo& layer, const LayerHeader& header) {
  const std::string probe_set = header.probe_set.empty() ? "default" : header.probe_set;
  return layer.sent_digest == header.expected_digest && layer.ordinal == header.ordinal &&
         layer.reduction == header.reduction && layer.probe_set == probe_set;
}

// With a reason it is the server that asks for patience.
std::string WhyItWaits(const absl::Status& why) {
  return ErrorReason(why).empty()
             ? absl::StrCat("the connection is lost, trying again: ", why.message())
             : absl::StrCat("the server does not take more now, trying again: ", why.message());
}

// The same for everyone who sends the same, and only for them.
std::string MakeUploadId(const LayerHeader& header) {
  const std::string description =
      absl::StrCat(header.ordinal, "\n", header.probe_set, "\n", header.reduction, "\n",
                   header.replace, "\n", header.input_ids_digest);
  return absl::StrCat("push-", header.expected_digest, "-",
                      ComputeTextDigest(description).substr(0, 16));
}

}  // namespace

Push::Push(Client& client, const PushPlan& plan, const std::vector<LoadedLayer>& layers,
           std::stop_source stop)
    : client_(client),
      plan_(plan),
      layers_(layers),
      input_ids_digest_(plan.input_ids.empty() ? "" : ComputeInputIdsDigest(plan.input_ids)),
      stop_(std::move(stop)),
      bar_(stderr, TotalBytes(layers)),
      digests_(layers.size()),
      results_(layers.size(), absl::CancelledError("not sent")) {}

absl::StatusOr<PushResult> Push::Run() {
  ForEachLayer([this](size_t i) {
    const LayerData& data = layers_[i].data;
    LayerDigest digest(data.dtype(), data.row_count(), data.feature_count(), plan_.row_kind,
                       data.coordinate_count());
    const int64_t size = layers_[i].size_bytes();
    for (int64_t begin = 0; begin < size; begin += kDigestPiece) {
      if (stop_.stop_requested()) return absl::CancelledError("stopped");
      digest.Update(data.data() + begin, std::min(kDigestPiece, size - begin));
    }
    digests_[i] = digest.Finish();
    return absl::OkStatus();
  });
  if (!stop_.stop_requested()) {
    if (absl::Status status = FindPresentLayers(); !status.ok()) return status;
    ForEachLayer([this](size_t i) { return Send(i); });
  }
  PushResult result;
  absl::Status failure;
  for (absl::StatusOr<LayerInfo>& layer : results_) {
    if (layer.ok())
      result.layers.push_back(*std::move(layer));
    else if (failure.ok() || absl::IsCancelled(failure))
      failure = layer.status();
  }
  if (!failure.ok()) return failure;
  result.total_bytes = TotalBytes(layers_);
  result.sent_bytes = sent_bytes_;
  result.present_count = static_cast<int64_t>(present_.size());
  return result;
}

void Push::ForEachLayer(const std::function<absl::Status(size_t)>& work) {
  std::atomic<size_t> next{0};
  const auto take_some = [&] {
    for (size_t i = next++; i < layers_.size() && !stop_.stop_requested(); i = next++) {
      const absl::Status status = work(i);
      if (status.ok()) continue;
      results_[i] = Named(status, layers_[i].file.layer);
      stop_.request_stop();
    }
  };
  const int64_t worker_count =
      std::clamp<int64_t>(plan_.job_count, 1, static_cast<int64_t>(layers_.size()));
  std::vector<std::jthread> workers;
  for (int64_t i = 0; i < worker_count; ++i) workers.emplace_back(take_some);
}

absl::Status Push::FindPresentLayers() {
  std::vector<LayerCandidate> candidates;
  for (size_t i = 0; i < layers_.size(); ++i)
    candidates.push_back({layers_[i].file.layer, digests_[i]});
  CallOptions options;
  options.stop = stop_.get_token();
  const absl::StatusOr<std::vector<std::string>> missing =
      client_.FindMissingLayers(plan_.snapshot, candidates, options);
  if (!missing.ok()) return missing.status();
  first_ordinal_ = plan_.first_ordinal.value_or(0);
  if (missing->size() == layers_.size() && plan_.first_ordinal.has_value()) return absl::OkStatus();
  const std::set<std::string> absent(missing->begin(), missing->end());
  absl::StatusOr<std::vector<LayerInfo>> listed = client_.ListLayers(plan_.snapshot, options);
  // Not there yet, or deleted in between: everything is sent.
  if (absl::IsNotFound(listed.status())) return absl::OkStatus();
  if (!listed.ok()) return listed.status();
  std::map<std::string, LayerInfo> by_name;
  for (LayerInfo& layer : *listed) by_name.emplace(layer.module_path, std::move(layer));
  if (!plan_.first_ordinal.has_value()) first_ordinal_ = ChooseFirstOrdinal(by_name);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const auto found = by_name.find(layers_[i].file.layer);
    if (found == by_name.end() || absent.contains(found->first)) continue;
    // With another description it is announced, so that the server may refuse or replace it.
    if (HasDescription(found->second, MakeHeader(i))) present_.insert(*found);
  }
  return absl::OkStatus();
}

int64_t Push::ChooseFirstOrdinal(const std::map<std::string, LayerInfo>& there) const {
  for (const LoadedLayer& layer : layers_) {
    const auto found = there.find(layer.file.layer);
    if (found == there.end()) continue;
    return std::max<int64_t>(0, found->second.ordinal - layer.file.ordinal);
  }
  int64_t next = 0;
  for (const auto& [name, layer] : there) next = std::max(next, layer.ordinal + 1);
  return next;
}

LayerHeader Push::MakeHeader(size_t index) const {
  const LoadedLayer& layer = layers_[index];
  LayerHeader header;
  header.snapshot = plan_.snapshot;
  header.module_path = layer.file.layer;
  header.row_count = layer.data.row_count();
  header.feature_count = layer.data.feature_count();
  header.dtype = layer.data.dtype();
  header.reduction = plan_.reduction;
  header.ordinal = first_ordinal_ + layer.file.ordinal;
  header.probe_set = plan_.probe_set;
  header.replace = plan_.replace;
  header.expected_digest = digests_[index];
  header.input_ids_digest = input_ids_digest_;
  header.row_kind = plan_.row_kind;
  header.coordinate_count = layer.data.coordinate_count();
  header.upload_id = MakeUploadId(header);
  return header;
}

absl::Status Push::Send(size_t index) {
  const auto present = present_.find(layers_[index].file.layer);
  if (present != present_.end()) {
    bar_.Add(layers_[index].size_bytes());
    results_[index] = present->second;
    return absl::OkStatus();
  }
  int64_t reported_bytes = 0;
  for (int attempt = 1;; ++attempt) {
    results_[index] = SendOnce(index, reported_bytes);
    // A server without a data directory was restarted: it takes the layer from the beginning.
    if (!absl::IsAborted(results_[index].status()) || attempt == kAttempts)
      return results_[index].status();
  }
}

absl::StatusOr<LayerInfo> Push::SendOnce(size_t index, int64_t& reported_bytes) {
  const LayerData& data = layers_[index].data;
  LayerHeader header = MakeHeader(index);
  if (FitOneMessage(plan_.input_ids)) header.input_ids = plan_.input_ids;
  UploadOptions upload;
  upload.stop = stop_.get_token();
  upload.rows_stay = true;
  upload.timeout = plan_.timeout;
  upload.reconnect_timeout = plan_.timeout;
  int64_t sent_bytes = 0;
  upload.progress = [&](const UploadProgress& progress) {
    sent_bytes_ += progress.sent_bytes - std::exchange(sent_bytes, progress.sent_bytes);
    const int64_t done_bytes =
        std::max(reported_bytes, progress.sent_bytes + progress.skipped_bytes);
    bar_.Add(done_bytes - std::exchange(reported_bytes, done_bytes));
  };
  bool is_waiting = false;
  upload.waiting = [&](const absl::Status& why) {
    if (std::exchange(is_waiting, !why.ok()) == is_waiting) return;
    if (is_waiting)
      bar_.Wait(WhyItWaits(why));
    else
      bar_.GoOn();
  };
  absl::StatusOr<ActivationWriter> writer = client_.OpenLayer(header, upload);
  if (!writer.ok()) return writer.status();
  const int64_t run_rows = RunRows(data);
  for (const int64_t first_row : RunStarts(data)) {
    const int64_t rows = std::min(run_rows, data.row_count() - first_row);
    const RowsView view = {data.data() + first_row * data.row_bytes(), rows, 0};
    if (absl::Status status = writer->Write(first_row, view); !status.ok()) return status;
  }
  return writer->Finish();
}

int64_t Push::RunRows(const LayerData& data) const {
  if (plan_.chunk_rows > 0) return plan_.chunk_rows;
  if (!plan_.shuffle_seed.has_value()) return data.row_count();
  return std::max<int64_t>(1, (int64_t{1} << 20) / data.row_bytes());
}

// Where runs of rows begin, in the order they are sent: shuffled when asked for, to show that the
// order does not matter.
std::vector<int64_t> Push::RunStarts(const LayerData& data) const {
  std::vector<int64_t> starts;
  for (int64_t row = 0; row < data.row_count(); row += RunRows(data)) starts.push_back(row);
  if (!plan_.shuffle_seed.has_value()) return starts;
  std::mt19937_64 random(*plan_.shuffle_seed);
  for (size_t i = starts.size(); i > 1; --i) std::swap(starts[i - 1], starts[random() % i]);
  return starts;
}

}  // namespace gramian::client::cli
