// What a CrashWorker looks at after a restart.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/reliability/crash_worker.h"

namespace gramian::testing {
namespace {

std::string ToText(const VisibleState& state) {
  std::string text;
  for (const auto& [name, snapshot] : state) {
    absl::StrAppend(&text, "\n  ", name, snapshot.pinned ? " (pinned)" : "");
    for (const auto& [layer, what] : snapshot.layers) {
      absl::StrAppend(&text, " ", layer, "=", what.content.cols, "/", what.content.seed);
    }
  }
  return text;
}

}  // namespace

std::optional<Content> CrashWorker::Recognize(const std::string& snapshot, const v1::Layer& layer) {
  // What may lie under this name: the acknowledged content or that of the unanswered operation.
  std::vector<Content> candidates;
  for (const VisibleState* state : {&state_, doubtful_ ? &*doubtful_ : &state_}) {
    const auto found = state->find(snapshot);
    if (found == state->end()) continue;
    const auto known = found->second.layers.find(layer.module_path());
    if (known != found->second.layers.end()) candidates.push_back(known->second.content);
  }
  for (const Content& candidate : candidates) {
    if (candidate.rows != layer.row_count() || candidate.cols != layer.feature_count()) continue;
    const std::string digest = shared_.agreements.DigestOf(candidate);
    if (digest.empty() || digest == layer.digest()) return candidate;
  }
  return std::nullopt;
}

bool CrashWorker::CheckLayer(Wire& wire, const std::string& name, const Content& content) {
  v1::Layer layer;
  std::string bytes;
  const grpc::Status status = wire.Download(name, &layer, &bytes);
  if (!status.ok()) {
    Complain(absl::StrCat("cannot read ", name, " back: ", Describe(status)));
    return false;
  }
  if (bytes != BytesOf(content)) {
    Complain(absl::StrCat(name, " has other bytes than were sent"));
    return false;
  }
  ++shared_.counts.verified_layers;
  shared_.counts.verified_bytes += static_cast<int64_t>(bytes.size());
  return true;
}

grpc::Status CrashWorker::Observe(Wire& wire, bool read_bytes, VisibleState* seen) {
  std::vector<v1::Network> networks;
  grpc::Status status = wire.ListNetworks(shared_.project, &networks);
  if (!status.ok()) return status;
  for (const v1::Network& network : networks) {
    if (!absl::StartsWith(network.display_name(), absl::StrCat("w", index_, "-"))) continue;
    std::vector<v1::Snapshot> snapshots;
    status = wire.ListSnapshots(network.name(), &snapshots);
    if (!status.ok()) return status;
    for (const v1::Snapshot& snapshot : snapshots) {
      SnapshotState& shown = (*seen)[snapshot.name()];
      shown.pinned = snapshot.pinned();
      std::vector<v1::Layer> layers;
      status = wire.ListLayers(snapshot.name(), &layers);
      if (!status.ok()) return status;
      for (const v1::Layer& layer : layers) {
        const std::optional<Content> content = Recognize(snapshot.name(), layer);
        if (!content.has_value()) {
          Complain(absl::StrCat(layer.name(), " shows something never sent under that name"));
          continue;
        }
        shown.layers[layer.module_path()] = {*content, layer.ordinal()};
        if (read_bytes) CheckLayer(wire, layer.name(), *content);
      }
    }
  }
  return grpc::Status::OK;
}

void CrashWorker::Verify(Wire& wire) {
  VisibleState seen;
  const grpc::Status status = Observe(wire, true, &seen);
  if (!status.ok()) {
    Complain(absl::StrCat("after a restart: ", Describe(status)));
    return;
  }
  const bool took_effect = doubtful_.has_value() && seen == *doubtful_;
  if (seen != state_ && !took_effect) {
    Complain(absl::StrCat("after a restart, acknowledged:", ToText(state_),
                          "\n in doubt:", doubtful_ ? ToText(*doubtful_) : "\n  nothing",
                          "\n shown:", ToText(seen)));
  }
  VerifyOpenUploads(wire, took_effect);
  state_ = seen;
  doubtful_.reset();
  doubtful_abort_.reset();
}

void CrashWorker::VerifyOpenUploads(Wire& wire, bool took_effect) {
  for (auto entry = open_.begin(); entry != open_.end();) {
    const auto& [key, book] = *entry;
    v1::Upload upload;
    const grpc::Status status = wire.GetUpload(key.first, key.second, &upload);
    if (status.error_code() == grpc::StatusCode::NOT_FOUND) {
      // Committed, aborted, or nothing of it was acknowledged.
      const bool may_be_gone = took_effect || doubtful_abort_ == key || book.persisted_bytes == 0;
      if (!may_be_gone) Complain(absl::StrCat("lost the open upload ", key.second));
      entry = open_.erase(entry);
      continue;
    }
    if (!status.ok()) Complain(absl::StrCat("GetUpload: ", Describe(status)));
    const auto ranges = ToPairs(upload.persisted());
    int64_t bytes = 0;
    for (const auto& [begin, end] : ranges) bytes += end - begin;
    if (bytes < book.persisted_bytes) {
      Complain(absl::StrCat("upload ", key.second, " has ", bytes,
                            " bytes persisted, reported were ", book.persisted_bytes));
    }
    for (const int64_t begin : book.persisted_chunks) {
      const int64_t end = std::min(begin + book.chunk_bytes, book.content.size_bytes());
      if (!Covers(ranges, begin, end)) {
        Complain(absl::StrCat("upload ", key.second, " lost the bytes from ", begin));
      }
    }
    ++shared_.counts.verified_uploads;
    ++entry;
  }
  for (const Key& key : gone_) {
    v1::Upload upload;
    if (wire.GetUpload(key.first, key.second, &upload).error_code() !=
        grpc::StatusCode::NOT_FOUND) {
      Complain(absl::StrCat("the aborted upload ", key.second, " is back"));
    }
  }
  gone_.clear();
}

std::vector<std::string> CrashWorker::open_uploads() const {
  std::vector<std::string> ids;
  for (const auto& [key, book] : open_) ids.push_back(key.second);
  return ids;
}

void CrashWorker::DeleteAll(Wire& wire) {
  for (int network = 0; network < 2; ++network) {
    const grpc::Status status =
        wire.DeleteNetwork(NetworkName(shared_.project, absl::StrCat("w", index_, "-", network)));
    if (!status.ok() && status.error_code() != grpc::StatusCode::NOT_FOUND) {
      Complain(absl::StrCat("deleting everything: ", Describe(status)));
    }
  }
  for (const auto& [key, book] : open_) {
    const grpc::Status status = wire.AbortUpload(key.first, key.second);
    const bool was_not_there =
        status.error_code() == grpc::StatusCode::NOT_FOUND && book.persisted_bytes == 0;
    if (!status.ok() && !was_not_there) {
      Complain(absl::StrCat("aborting everything: ", Describe(status)));
    }
  }
  state_.clear();
  open_.clear();
}

}  // namespace gramian::testing
