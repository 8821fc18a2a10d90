#include "tests/reliability/soak_client.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace gramian::testing {
namespace {

constexpr int64_t kRows = 96;
constexpr int kSteps = 2;
constexpr int kLayers = 3;
constexpr const char* kProject = "soak";

using grpc::StatusCode;

}  // namespace

SoakClient::SoakClient(int index, const SoakOptions& options, const std::string& grpc_address,
                       const std::string& http_address, SoakTally& tally)
    : index_(index),
      clients_(options.clients),
      contents_(options.contents),
      grpc_address_(grpc_address),
      http_address_(http_address),
      tally_(tally),
      random_(options.seed * 1000 + static_cast<uint64_t>(index)),
      wire_(grpc_address) {}

SoakClient::~SoakClient() = default;

double SoakClient::SecondsSinceStart() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - step_begin_).count();
}

bool SoakClient::Count(const std::string& kind, const grpc::Status& status,
                       const std::set<StatusCode>& expected, bool may_succeed) {
  const bool ok = tally_.Count(kind, status, SecondsSinceStart(), expected, may_succeed);
  step_begin_ = std::chrono::steady_clock::now();
  return ok;
}

void SoakClient::Run(const std::function<bool()>& stop) {
  while (!stop()) {
    step_begin_ = std::chrono::steady_clock::now();
    Step();
  }
}

void SoakClient::Step() {
  const int64_t choice = Below(100);
  if (choice < 16) return index_ % 3 == 0 ? UploadByLibrary() : UploadWhole();
  if (choice < 22) return UploadResumed();
  if (choice < 27) return UploadCancelled();
  if (choice < 52) return Compare();
  if (choice < 60) return CompareMatrix();
  if (choice < 68) return ReadBack();
  if (choice < 76) return List();
  if (choice < 80) return DeleteSnapshot();
  return Rubbish();
}

Content SoakClient::RandomContent() {
  // 6 KiB to 1.5 MiB, a few of 6 MiB.
  static constexpr int64_t kCols[] = {16, 64, 256, 1024, 4096};
  const auto seed = static_cast<uint32_t>(Below(contents_));
  if (Chance(2)) return {kRows, 16384, seed % 4};
  return {kRows, kCols[Below(5)], seed};
}

std::string SoakClient::RandomSnapshot(int client) {
  return SnapshotName(kProject, absl::StrCat("net", client), Below(kSteps));
}

v1::UploadHeader SoakClient::RandomHeader(const Content& content) {
  const int64_t layer = Below(kLayers);
  v1::UploadHeader header;
  header.set_parent(RandomSnapshot(index_));
  header.set_module_path(absl::StrCat("layer", layer));
  header.set_row_count(content.rows);
  header.set_feature_count(content.cols);
  header.set_dtype(v1::DTYPE_FLOAT32);
  header.set_ordinal(layer);
  header.set_on_conflict(v1::ON_CONFLICT_REPLACE);
  header.set_upload_id(absl::StrCat("c", index_, "-", next_upload_++));
  return header;
}

void SoakClient::Hold(const v1::UploadHeader& header, const Content& content,
                      const v1::Layer& layer) {
  const std::string name = LayerName(header.parent(), header.module_path());
  if (layer.name() != name || layer.size_bytes() != content.size_bytes()) {
    tally_.Find(absl::StrCat("committed ", layer.ShortDebugString(), " for ", name));
  }
  held_[name] = {header.parent(), header.module_path(), content};
  tally_.AddUploaded(content.size_bytes());
}

void SoakClient::UploadWhole() {
  const Content content = RandomContent();
  UploadScript script;
  script.header = RandomHeader(content);
  script.chunks = ChunksOf(content, int64_t{4096} << Below(8));
  std::shuffle(script.chunks.begin(), script.chunks.end(), random_);
  const UploadOutcome outcome = wire_.Upload(script);
  if (Count("upload", outcome.status) && outcome.layer.has_value()) {
    Hold(script.header, content, *outcome.layer);
  }
}

void SoakClient::UploadByLibrary() {
  if (library_ == nullptr) {
    auto connected = client::Client::Connect(grpc_address_);
    if (!connected.ok()) {
      tally_.Find(
          absl::StrCat("the client library cannot connect: ", connected.status().ToString()));
      return;
    }
    library_ = *std::move(connected);
  }
  const Content content = RandomContent();
  const v1::UploadHeader announced = RandomHeader(content);
  client::LayerHeader header;
  header.snapshot = announced.parent();
  header.module_path = announced.module_path();
  header.row_count = content.rows;
  header.feature_count = content.cols;
  header.ordinal = announced.ordinal();
  header.replace = true;
  const std::string bytes = BytesOf(content);
  absl::Status status;
  auto writer = library_->OpenLayer(header);
  status = writer.status();
  if (status.ok()) status = writer->Write(0, {bytes.data(), content.rows, 0});
  if (status.ok()) {
    const auto layer = writer->Finish();
    status = layer.status();
    if (layer.ok()) {
      held_[layer->name] = {header.snapshot, header.module_path, content};
      tally_.AddUploaded(content.size_bytes());
    }
  }
  if (!status.ok() && !client::ErrorReason(status).empty()) {
    // The library gives up after its own attempts; what the server said decides.
    const bool refusal = client::RetryDelay(status) > absl::ZeroDuration();
    Count("upload by library",
          grpc::Status(static_cast<StatusCode>(status.code()), status.ToString()),
          refusal ? std::set<StatusCode>{StatusCode::UNAVAILABLE, StatusCode::RESOURCE_EXHAUSTED}
                  : std::set<StatusCode>{});
    return;
  }
  Count("upload by library",
        grpc::Status(static_cast<StatusCode>(status.code()), status.ToString()));
}

void SoakClient::UploadResumed() {
  const Content content = RandomContent();
  UploadScript script;
  script.header = RandomHeader(content);
  script.chunks = ChunksOf(content, content.size_bytes() / 8);
  const std::string name = LayerName(script.header.parent(), script.header.module_path());
  const int64_t stop_after = Below(8);
  script.go_on = [stop_after](int64_t index) { return index < stop_after; };
  UploadOutcome outcome = wire_.Upload(script);
  if (!outcome.accepted) {
    Count("upload, broken off", outcome.status);
    return;
  }
  Count("upload, broken off", outcome.status, {StatusCode::CANCELLED}, false);
  script.go_on = nullptr;
  outcome = wire_.Upload(script);
  if (Count("upload, resumed", outcome.status) && outcome.layer.has_value()) {
    Hold(script.header, content, *outcome.layer);
  }
}

void SoakClient::UploadCancelled() {
  const Content content = RandomContent();
  UploadScript script;
  script.header = RandomHeader(content);
  script.chunks = ChunksOf(content, std::min<int64_t>(content.size_bytes() / 4, 1 << 20));
  const int64_t stop_after = Below(4);
  script.go_on = [stop_after](int64_t index) { return index < stop_after; };
  const UploadOutcome outcome = wire_.Upload(script);
  Count("upload, cancelled", outcome.status, {StatusCode::CANCELLED}, false);
  // Half are aborted, the others forgotten: the server drops them when nothing comes.
  if (!outcome.accepted || Chance(50)) return;
  const std::string name = LayerName(script.header.parent(), script.header.module_path());
  Count("abort", wire_.AbortUpload(name, script.header.upload_id()));
}

void SoakClient::Compare() {
  static constexpr const char* kMeasures[] = {"cka", "ms-cka-t=4", "distcorr",
                                              "cka-kernel=rbf-bandwidth=median:1"};
  const std::string a = LayerName(RandomSnapshot(index_), absl::StrCat("layer", Below(kLayers)));
  const std::string b = LayerName(RandomSnapshot(static_cast<int>(Below(clients_))),
                                  absl::StrCat("layer", Below(kLayers)));
  v1::CompareLayersResponse response;
  const grpc::Status status = wire_.CompareLayers(a, b, kMeasures[Below(4)], &response);
  Count("comparison of layers", status, {StatusCode::NOT_FOUND});
}

void SoakClient::CompareMatrix() {
  int64_t cells = 0;
  const grpc::Status status = wire_.CompareSnapshots(
      RandomSnapshot(index_), RandomSnapshot(static_cast<int>(Below(clients_))),
      Chance(50) ? "cka" : "ms-cka-t=2", &cells);
  if (Count("comparison of snapshots", status, {StatusCode::NOT_FOUND}) && cells == 0) {
    tally_.Find("a comparison of snapshots brought no cell");
  }
}

bool SoakClient::CheckLayer(const Held& held) {
  v1::Layer layer;
  std::string bytes;
  const std::string name = LayerName(held.snapshot, held.layer);
  if (!Count("download", wire_.Download(name, &layer, &bytes))) return false;
  if (bytes != BytesOf(held.content)) {
    tally_.Find(absl::StrCat(name, " has other bytes than were sent"));
    return false;
  }
  tally_.AddVerified(static_cast<int64_t>(bytes.size()));
  return true;
}

void SoakClient::ReadBack() {
  if (held_.empty()) return;
  CheckLayer(std::next(held_.begin(), Below(static_cast<int64_t>(held_.size())))->second);
}

void SoakClient::List() {
  std::vector<v1::Snapshot> snapshots;
  const std::string network = NetworkName(kProject, absl::StrCat("net", index_));
  if (!Count("list", wire_.ListSnapshots(network, &snapshots))) return;
  int64_t layers = 0;
  for (const v1::Snapshot& snapshot : snapshots) layers += snapshot.layer_count();
  if (layers != static_cast<int64_t>(held_.size())) {
    tally_.Find(absl::StrCat(network, " lists ", layers, " layers, committed are ", held_.size()));
  }
}

void SoakClient::DeleteSnapshot() {
  const std::string snapshot = RandomSnapshot(index_);
  if (Count("deletion", wire_.DeleteSnapshot(snapshot), {StatusCode::NOT_FOUND})) {
    std::erase_if(held_, [&](const auto& entry) { return entry.second.snapshot == snapshot; });
  }
}

void SoakClient::VerifyAndDelete() {
  step_begin_ = std::chrono::steady_clock::now();
  List();
  for (const auto& [name, held] : held_) CheckLayer(held);
  Count("deletion", wire_.DeleteNetwork(NetworkName(kProject, absl::StrCat("net", index_))),
        {StatusCode::NOT_FOUND});
  held_.clear();
}

}  // namespace gramian::testing
