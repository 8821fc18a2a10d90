#include "tests/reliability/crash_worker.h"

#include <algorithm>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace gramian::testing {
namespace {

constexpr int64_t kRows = 64;
constexpr int kNetworks = 2;
constexpr int kSteps = 3;
constexpr int kLayers = 3;

}  // namespace

CrashWorker::CrashWorker(int index, uint64_t seed, CrashShared& shared)
    : index_(index), shared_(shared), random_(seed * 1000 + static_cast<uint64_t>(index)) {}

void CrashWorker::Complain(const std::string& text) {
  shared_.findings.Add(absl::StrCat("client ", index_, ": ", text));
}

std::string CrashWorker::RandomSnapshot() {
  return SnapshotName(shared_.project, absl::StrCat("w", index_, "-", Below(kNetworks)),
                      Below(kSteps));
}

Content CrashWorker::RandomContent() {
  // 16 KiB, 256 KiB and 2 MiB; now and then one that is long enough for messages about its
  // progress.
  static constexpr int64_t kCols[] = {64, 1024, 8192};
  const auto seed = static_cast<uint32_t>(Below(8));
  if (index_ == 0 && Chance(10)) return {kRows, 163'840, seed % 2};
  return {kRows, kCols[Below(3)], seed};
}

OpenUploadState CrashWorker::NewUpload() {
  OpenUploadState upload;
  upload.content = RandomContent();
  upload.chunk_bytes = int64_t{16384} << Below(3);
  if (upload.content.cols > 8192) upload.chunk_bytes = int64_t{1} << 20;
  const int64_t layer = Below(kLayers);
  v1::UploadHeader& header = upload.header;
  header.set_parent(RandomSnapshot());
  header.set_module_path(absl::StrCat("layer", layer));
  header.set_row_count(upload.content.rows);
  header.set_feature_count(upload.content.cols);
  header.set_dtype(v1::DTYPE_FLOAT32);
  header.set_ordinal(layer);
  header.set_on_conflict(v1::ON_CONFLICT_REPLACE);
  header.set_upload_id(absl::StrCat("w", index_, "-", next_upload_++));
  if (Chance(30)) header.set_expected_digest(shared_.agreements.DigestOf(upload.content));
  return upload;
}

VisibleState CrashWorker::AfterCommit(const OpenUploadState& upload) const {
  VisibleState after = state_;
  after[upload.header.parent()].layers[upload.header.module_path()] = {upload.content,
                                                                       upload.header.ordinal()};
  return after;
}

void CrashWorker::Run(const std::string& address) {
  Wire wire(address);
  while (shared_.findings.empty() && Step(wire)) {
  }
}

bool CrashWorker::Step(Wire& wire) {
  shared_.on_event();
  const int64_t choice = Below(100);
  if (choice < 45) return UploadNew(wire);
  if (choice < 52) return UploadInTwoStreams(wire);
  if (choice < 68) return Resume(wire);
  if (choice < 72) return Abort(wire);
  if (choice < 80) return DeleteSnapshot(wire);
  if (choice < 83) return DeleteNetwork(wire);
  if (choice < 88) return Pin(wire);
  if (choice < 94) return Compare(wire);
  return Look(wire);
}

bool CrashWorker::UploadNew(Wire& wire) { return RunUpload(wire, NewUpload(), false); }

bool CrashWorker::Resume(Wire& wire) {
  if (open_.empty()) return true;
  const auto chosen = std::next(open_.begin(), Below(static_cast<int64_t>(open_.size())));
  OpenUploadState upload = chosen->second;
  upload.header.set_partial(false);
  return RunUpload(wire, upload, true);
}

bool CrashWorker::RunUpload(Wire& wire, OpenUploadState upload, bool resumed) {
  const Key key = {LayerName(upload.header.parent(), upload.header.module_path()),
                   upload.header.upload_id()};
  UploadScript script;
  script.chunks = ChunksOf(upload.content, upload.chunk_bytes);
  std::shuffle(script.chunks.begin(), script.chunks.end(), random_);
  const auto chunk_count = static_cast<int64_t>(script.chunks.size());
  // A third stops early: half of these say that they are a part, the others break off.
  const bool stops = Chance(33) && chunk_count > 1;
  const bool partial = stops && Chance(50);
  const int64_t stop_after = stops ? Below(chunk_count) : chunk_count + 1;
  upload.header.set_partial(partial);
  script.header = upload.header;
  if (partial) script.chunks.resize(static_cast<size_t>(stop_after));
  script.go_on = [&](int64_t index) {
    shared_.on_event();
    return partial || index < stop_after;
  };
  script.on_answer = [&](const v1::UploadLayerResponse&) { shared_.on_event(); };

  doubtful_ = AfterCommit(upload);
  open_[key] = upload;
  const UploadOutcome outcome = wire.Upload(script);

  OpenUploadState& book = open_[key];
  book.persisted_bytes = std::max(book.persisted_bytes, outcome.persisted_bytes);
  const bool all_persisted = partial && outcome.status.ok() && !outcome.layer.has_value();
  for (size_t i = 0; i < outcome.sent.size(); ++i) {
    if (!all_persisted && static_cast<int64_t>(i) >= outcome.persisted_chunk_count) break;
    const v1::UploadChunk& chunk = script.chunks[static_cast<size_t>(outcome.sent[i])];
    book.persisted_chunks.insert(chunk.first_row() * upload.content.cols * 4 + chunk.byte_offset());
  }
  int64_t chunk_bytes = 0;
  for (const int64_t begin : book.persisted_chunks) {
    chunk_bytes += std::min(upload.chunk_bytes, upload.content.size_bytes() - begin);
  }
  book.persisted_bytes = std::max(book.persisted_bytes, chunk_bytes);
  shared_.on_event();
  if (outcome.layer.has_value() && outcome.status.ok()) {
    Commit(upload, *outcome.layer, resumed && !outcome.persisted.empty());
    // Known content was committed without a byte; a stream that was broken off and is not gone yet
    // keeps what it brought until the idle time is over.
    if (!outcome.accepted) open_[key] = {upload.header, upload.content, upload.chunk_bytes, {}, 0};
    return true;
  }
  if (shared_.dying()) return Settle(outcome.status, "upload");
  doubtful_.reset();
  if (outcome.cancelled || all_persisted) return true;
  Complain(absl::StrCat("upload of ", key.first, " ended with ", Describe(outcome.status)));
  return false;
}

bool CrashWorker::Commit(const OpenUploadState& upload, const v1::Layer& layer, bool resumed) {
  const Key key = {LayerName(upload.header.parent(), upload.header.module_path()),
                   upload.header.upload_id()};
  if (layer.name() != key.first || layer.row_count() != upload.content.rows ||
      layer.feature_count() != upload.content.cols) {
    Complain(absl::StrCat("committed ", layer.ShortDebugString(), " for ", key.first));
  }
  if (!shared_.agreements.AgreeOnDigest(upload.content, layer.digest())) {
    Complain(
        absl::StrCat(key.first, " has digest ", layer.digest(), ", the same bytes had another"));
  }
  state_ = AfterCommit(upload);
  doubtful_.reset();
  open_.erase(key);
  ++shared_.counts.commits;
  if (resumed) ++shared_.counts.resumed_commits;
  return true;
}

bool CrashWorker::UploadInTwoStreams(Wire& wire) {
  OpenUploadState upload = NewUpload();
  upload.header.set_partial(true);
  const Key key = {LayerName(upload.header.parent(), upload.header.module_path()),
                   upload.header.upload_id()};
  doubtful_ = AfterCommit(upload);
  open_[key] = upload;
  const std::vector<v1::UploadChunk> chunks = ChunksOf(upload.content, upload.chunk_bytes);
  UploadOutcome outcomes[2];
  const auto run = [&](size_t part) {
    UploadScript script;
    script.header = upload.header;
    for (size_t i = part; i < chunks.size(); i += 2) script.chunks.push_back(chunks[i]);
    script.go_on = [this](int64_t) {
      shared_.on_event();
      return true;
    };
    outcomes[part] = wire.Upload(script);
  };
  std::thread other([&] { run(1); });
  run(0);
  other.join();
  shared_.on_event();
  for (const UploadOutcome& outcome : outcomes) {
    if (!outcome.status.ok() || !outcome.layer.has_value()) continue;
    Commit(upload, *outcome.layer, false);
    // A stream that comes when the other has brought everything begins anew, with nothing.
    open_[key] = upload;
    return true;
  }
  if (shared_.dying()) return Settle(outcomes[0].status, "upload in two streams");
  Complain(absl::StrCat("two streams brought ", key.first, " and nobody committed it: ",
                        Describe(outcomes[0].status), " / ", Describe(outcomes[1].status)));
  return false;
}

bool CrashWorker::Abort(Wire& wire) {
  if (open_.empty()) return true;
  const auto chosen = std::next(open_.begin(), Below(static_cast<int64_t>(open_.size())));
  const Key key = chosen->first;
  const bool surely_there = chosen->second.persisted_bytes > 0;
  doubtful_abort_ = key;
  const grpc::Status status = wire.AbortUpload(key.first, key.second);
  shared_.on_event();
  const bool was_not_there = status.error_code() == grpc::StatusCode::NOT_FOUND && !surely_there;
  if (status.ok() || was_not_there) {
    doubtful_abort_.reset();
    open_.erase(key);
    gone_.insert(key);
    ++shared_.counts.aborts;
    return true;
  }
  return Settle(status, absl::StrCat("abort of ", key.first, " ", key.second));
}

bool CrashWorker::Settle(const grpc::Status& status, const std::string& what) {
  if (shared_.dying()) {
    ++shared_.counts.unanswered;
    return false;
  }
  Complain(absl::StrCat(what, " ended with ", Describe(status)));
  return false;
}

bool CrashWorker::DeleteSnapshot(Wire& wire) {
  const std::string snapshot = RandomSnapshot();
  VisibleState after = state_;
  const bool is_there = after.erase(snapshot) > 0;
  doubtful_ = after;
  const grpc::Status status = wire.DeleteSnapshot(snapshot);
  shared_.on_event();
  const bool as_expected =
      is_there ? status.ok() : status.error_code() == grpc::StatusCode::NOT_FOUND;
  if (!as_expected) return Settle(status, absl::StrCat("deletion of ", snapshot));
  state_ = after;
  doubtful_.reset();
  if (is_there) ++shared_.counts.deletes;
  return true;
}

bool CrashWorker::DeleteNetwork(Wire& wire) {
  const std::string network =
      NetworkName(shared_.project, absl::StrCat("w", index_, "-", Below(kNetworks)));
  VisibleState after = state_;
  const size_t count = std::erase_if(
      after, [&](const auto& entry) { return absl::StartsWith(entry.first, network + "/"); });
  doubtful_ = after;
  const grpc::Status status = wire.DeleteNetwork(network);
  shared_.on_event();
  const bool as_expected =
      count > 0 ? status.ok() : status.error_code() == grpc::StatusCode::NOT_FOUND;
  if (!as_expected) return Settle(status, absl::StrCat("deletion of ", network));
  state_ = after;
  doubtful_.reset();
  if (count > 0) ++shared_.counts.deletes;
  return true;
}

bool CrashWorker::Pin(Wire& wire) {
  if (state_.empty()) return true;
  const auto chosen = std::next(state_.begin(), Below(static_cast<int64_t>(state_.size())));
  VisibleState after = state_;
  SnapshotState& snapshot = after[chosen->first];
  snapshot.pinned = !snapshot.pinned;
  doubtful_ = after;
  const grpc::Status status = wire.PinSnapshot(chosen->first, snapshot.pinned);
  shared_.on_event();
  if (!status.ok()) return Settle(status, absl::StrCat("pin of ", chosen->first));
  state_ = after;
  doubtful_.reset();
  ++shared_.counts.pins;
  return true;
}

bool CrashWorker::Compare(Wire& wire) {
  std::vector<std::pair<std::string, Content>> layers;
  for (const auto& [name, snapshot] : state_) {
    for (const auto& [layer, state] : snapshot.layers) {
      if (state.content.cols <= 1024) layers.emplace_back(LayerName(name, layer), state.content);
    }
  }
  if (layers.empty()) return true;
  const auto& a = layers[static_cast<size_t>(Below(static_cast<int64_t>(layers.size())))];
  const auto& b = layers[static_cast<size_t>(Below(static_cast<int64_t>(layers.size())))];
  v1::CompareLayersResponse response;
  const grpc::Status status = wire.CompareLayers(a.first, b.first, "ms-cka-t=4", &response);
  shared_.on_event();
  if (!status.ok()) return Settle(status, "comparison");
  if (!shared_.agreements.AgreeOnScore(a.second, b.second, response.scores(0).value())) {
    Complain(absl::StrCat(a.first, " and ", b.first, " score ", response.scores(0).value(),
                          ", the same contents had another score"));
  }
  ++shared_.counts.scores;
  return true;
}

bool CrashWorker::Look(Wire& wire) {
  VisibleState seen;
  const grpc::Status status = Observe(wire, false, &seen);
  shared_.on_event();
  if (!status.ok()) return Settle(status, "listing");
  if (seen != state_) Complain("lists something else than what was acknowledged");
  return true;
}

}  // namespace gramian::testing
