#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "gramian/store/activation_store.h"
#include "tests/fuzz/targets.h"

namespace gramian::fuzz {
namespace {

// Takes numbers off the front of the input; zeros when nothing is left.
class Numbers {
 public:
  explicit Numbers(absl::string_view input) : rest_(input) {}
  bool empty() const { return rest_.empty(); }
  int Next() {
    if (rest_.empty()) return 0;
    const int value = static_cast<unsigned char>(rest_[0]);
    rest_.remove_prefix(1);
    return value;
  }
  absl::string_view Bytes(size_t size) {
    const absl::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }

 private:
  absl::string_view rest_;
};

// What an upload has to be, byte by byte.
class Model {
 public:
  explicit Model(int64_t size) : bytes_(static_cast<size_t>(size)), has_(bytes_.size(), false) {}

  // Whether a piece may be appended; does so if it may.
  bool Append(int64_t begin, absl::string_view piece) {
    const auto size = static_cast<int64_t>(piece.size());
    if (begin < 0 || size == 0 || begin + size > static_cast<int64_t>(bytes_.size())) return false;
    for (size_t i = 0; i < piece.size(); ++i) {
      const size_t at = static_cast<size_t>(begin) + i;
      if (has_[at] && bytes_[at] != piece[i]) return false;
    }
    for (size_t i = 0; i < piece.size(); ++i) {
      bytes_[static_cast<size_t>(begin) + i] = piece[i];
      has_[static_cast<size_t>(begin) + i] = true;
    }
    return true;
  }
  int64_t received() const { return std::count(has_.begin(), has_.end(), true); }
  bool complete() const { return received() == static_cast<int64_t>(bytes_.size()); }
  bool finite() const {
    for (size_t i = 0; i < bytes_.size(); i += sizeof(float)) {
      float value = 0;
      std::memcpy(&value, &bytes_[i], sizeof(value));
      if (!std::isfinite(value)) return false;
    }
    return true;
  }
  bool Has(const ByteRange& range) const {
    if (range.begin < 0 || range.begin >= range.end) return false;
    if (range.end > static_cast<int64_t>(bytes_.size())) return false;
    return std::all_of(has_.begin() + range.begin, has_.begin() + range.end,
                       [](bool has) { return has; });
  }
  const std::vector<char>& bytes() const { return bytes_; }

 private:
  std::vector<char> bytes_;
  std::vector<bool> has_;
};

void CheckPersisted(const Upload& upload, const Model& model) {
  int64_t before = -1;
  for (const ByteRange& range : upload.persisted()) {
    Require(range.begin > before, "persisted ranges ascend and do not touch");
    Require(model.Has(range), "what is persisted was received");
    before = range.end;
  }
}

void CheckCommitted(ActivationStore& store, const StoredLayer& layer, const Model& model) {
  const auto loaded = store.Load(layer);
  Require(loaded.ok(), "a committed layer can be read");
  Require(std::memcmp((*loaded)->data(), model.bytes().data(), model.bytes().size()) == 0,
          "a committed layer holds what was appended");
}

}  // namespace

// A small matrix, then pieces of it in any order, repeated, overlapping, cut anywhere.
void FuzzUploadRows(absl::string_view input) {
  Numbers numbers(input);
  UploadPlan plan;
  plan.description.key = {{"p", "n", 0}, "l"};
  plan.description.probe_set = "default";
  plan.shape.rows = 1 + numbers.Next() % 7;
  plan.shape.cols = 1 + numbers.Next() % 5;
  const int64_t row_bytes = plan.shape.cols * int64_t{sizeof(float)};
  const auto store = ActivationStore::Open(StoreOptions{});
  Require(store.ok(), "a store in memory opens");
  const auto upload = (*store)->OpenUpload(plan);
  Require(upload.ok(), "a good plan is accepted");
  Model model(plan.shape.rows * row_bytes);

  while (!numbers.empty()) {
    const int64_t row = numbers.Next() % 9 - 1;
    const int64_t offset = numbers.Next() % (row_bytes + 2) - 1;
    const int size = numbers.Next();
    const absl::string_view piece = numbers.Bytes(static_cast<size_t>(size));
    // The same piece in two parts of memory.
    const std::vector<absl::string_view> parts = {piece.substr(0, piece.size() / 2),
                                                  piece.substr(piece.size() / 2)};
    // A piece may begin beyond its row: only the server is strict about that.
    const bool begins = offset >= 0 && row >= 0 && row < plan.shape.rows;
    const bool fits = begins && model.Append(row * row_bytes + offset, piece);
    const absl::Status status = (*upload)->Append(row, offset, parts);
    Require(status.ok() == fits, "a piece is accepted if it fits and agrees");
    Require((*upload)->received_bytes() == model.received(), "every byte counts once");
    if (size % 4 == 0) Require((*upload)->Persist().ok(), "memory persists at once");
    CheckPersisted(**upload, model);
  }

  const auto committed = (*upload)->Commit();
  Require(committed.ok() == (model.complete() && model.finite()),
          "what is complete and finite is committed");
  if (committed.ok()) {
    CheckCommitted(**store, *committed, model);
  } else {
    Require(!(*store)->GetLayer(plan.description.key).ok(), "nothing half-written is visible");
  }
}

}  // namespace gramian::fuzz
