#ifndef GRAMIAN_CLI_PUSH_H_
#define GRAMIAN_CLI_PUSH_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gramian/cli/layer_source.h"
#include "gramian/cli/progress_bar.h"
#include "gramian/client/client.h"

namespace gramian::client::cli {

// A file and what is in it.
struct LoadedLayer {
  LayerFile file;
  LayerData data;

  int64_t size_bytes() const { return data.row_count() * data.row_bytes(); }
};

// How the layers of a snapshot are sent.
struct PushPlan {
  std::string snapshot;  // resource name
  std::string probe_set;
  std::vector<std::string> input_ids;  // of the rows, or empty
  std::string reduction;
  RowKind row_kind = RowKind::kActivations;
  // Unless given, where the first of the layers that is there already stands, else behind all
  // layers of the snapshot: files pushed one by one are in the order of pushing.
  std::optional<int64_t> first_ordinal;
  int64_t job_count = 4;
  int64_t chunk_rows = 0;  // 0: as many as fit
  absl::Duration timeout;  // of one layer, with all attempts to reach the server again
  std::optional<uint64_t> shuffle_seed;
  bool replace = false;
};

// What became of a push.
struct PushResult {
  std::vector<LayerInfo> layers;
  int64_t total_bytes = 0;  // of all files
  int64_t sent_bytes = 0;
  int64_t present_count = 0;  // layers that were there already
};

// Sends the layers of one snapshot, several at a time, and of them only what the server does not
// have: layers it has are found by their digests, and a layer whose upload broke off goes on,
// because the upload's id is made of what is sent.
class Push {
 public:
  // A stop request ends it with CANCELLED. Everything has to outlive the push.
  Push(Client& client, const PushPlan& plan, const std::vector<LoadedLayer>& layers,
       std::stop_source stop);

  // Once. What was committed, or the first failure that is not the consequence of another.
  absl::StatusOr<PushResult> Run();

 private:
  // Does `work` for every layer on several threads; stops all of them after the first failure.
  void ForEachLayer(const std::function<absl::Status(size_t)>& work);

  // Fills first_ordinal_ and present_.
  absl::Status FindPresentLayers();
  int64_t ChooseFirstOrdinal(const std::map<std::string, LayerInfo>& there) const;

  LayerHeader MakeHeader(size_t index) const;
  absl::Status Send(size_t index);
  // `reported_bytes` of the layer were shown as done already.
  absl::StatusOr<LayerInfo> SendOnce(size_t index, int64_t& reported_bytes);
  int64_t RunRows(const LayerData& data) const;
  std::vector<int64_t> RunStarts(const LayerData& data) const;

  // Constant after construction.
  Client& client_;
  const PushPlan& plan_;
  const std::vector<LoadedLayer>& layers_;
  const std::string input_ids_digest_;  // empty without ids
  // Constant once sending:
  int64_t first_ordinal_ = 0;
  std::map<std::string, LayerInfo> present_;  // of the layers that are there

  std::stop_source stop_;  // thread-safe
  ProgressBar bar_;        // thread-safe
  std::atomic<int64_t> sent_bytes_{0};
  // Element i of each belongs to the thread that took layer i.
  std::vector<std::string> digests_;
  std::vector<absl::StatusOr<LayerInfo>> results_;
};

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_PUSH_H_
