#include "gramian/representation/representation_builder.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/machine.h"
#include "gramian/base/status_macros.h"
#include "gramian/base/stream_copy.h"

namespace gramian {
namespace {

// Asks for huge pages: clearing fresh 4 KiB pages one fault at a time costs more than filling them.
// Advice only: without it everything works.
void PreferHugePages(std::byte* begin, int64_t size) {
  constexpr uintptr_t kHugePage = uintptr_t{2} << 20;
  const auto address = reinterpret_cast<uintptr_t>(begin);
  const uintptr_t first = (address + kHugePage - 1) / kHugePage * kHugePage;
  const uintptr_t last = (address + static_cast<uintptr_t>(size)) / kHugePage * kHugePage;
  if (first < last) madvise(begin + (first - address), last - first, MADV_HUGEPAGE);
}

// What is checked, hashed and copied at a time: it stays in the first-level cache meanwhile. A
// multiple of every element's size.
constexpr int64_t kBlockBytes = 16 << 10;

// Each range of received bytes takes memory, so that tiny pieces with gaps between them could cost
// far more than the bytes they bring.
constexpr int64_t kMaxRanges = int64_t{1} << 20;

// Calls visit(target, part) for the parts of `data` that make up its bytes [from, to), `target`
// being where the first of them belongs; stops when it returns false, and returns whether it never
// did.
template <typename Byte, typename Visit>
bool ForParts(absl::Span<const absl::string_view> data, int64_t from, int64_t to, Byte* target,
              const Visit& visit) {
  int64_t begin = 0;
  for (const absl::string_view part : data) {
    const int64_t end = begin + static_cast<int64_t>(part.size());
    const int64_t first = std::max(begin, from);
    const int64_t last = std::min(end, to);
    if (first < last &&
        !visit(target + (first - from), part.substr(static_cast<size_t>(first - begin),
                                                    static_cast<size_t>(last - first)))) {
      return false;
    }
    begin = end;
  }
  return true;
}

bool Equal(absl::Span<const absl::string_view> data, int64_t from, int64_t to,
           const std::byte* stored) {
  return ForParts(data, from, to, stored, [](const std::byte* target, absl::string_view part) {
    return std::memcmp(target, part.data(), part.size()) == 0;
  });
}

void CopyTo(absl::Span<const absl::string_view> data, int64_t size, std::byte* target) {
  ForParts(data, 0, size, target, [](std::byte* to, absl::string_view part) {
    std::memcpy(to, part.data(), part.size());
    return true;
  });
}

}  // namespace

absl::StatusOr<RepresentationBuilder> RepresentationBuilder::Create(
    const RepresentationShape& shape) {
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t size, SizeBytes(shape));
  std::unique_ptr<std::byte[]> bytes(new (std::nothrow) std::byte[static_cast<size_t>(size)]);
  if (bytes == nullptr) {
    return MemoryPressure(absl::StrCat("no memory for ", size, " bytes of activations"), size,
                          UsableMemoryBytes());
  }
  PreferHugePages(bytes.get(), size);
  return RepresentationBuilder(shape, size, std::move(bytes), nullptr, {});
}

absl::StatusOr<RepresentationBuilder> RepresentationBuilder::Create(
    const RepresentationShape& shape, std::unique_ptr<ByteSink> sink,
    std::map<int64_t, int64_t> received) {
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t size, SizeBytes(shape));
  return RepresentationBuilder(shape, size, nullptr, std::move(sink), std::move(received));
}

RepresentationBuilder::RepresentationBuilder(const RepresentationShape& shape, int64_t size_bytes,
                                             std::unique_ptr<std::byte[]> memory,
                                             std::unique_ptr<ByteSink> sink,
                                             std::map<int64_t, int64_t> received)
    : shape_(shape),
      size_bytes_(size_bytes),
      row_bytes_(shape.cols * SizeOf(shape.dtype)),
      memory_(std::move(memory)),
      sink_(std::move(sink)),
      bytes_(memory_ != nullptr ? memory_.get() : sink_->bytes().get()),
      received_(std::move(received)),
      digest_(Representation::DigestHeader(shape)),
      unchecked_(!received_.empty()) {
  for (const auto& [begin, end] : received_) {
    received_bytes_ += end - begin;
    complete_rows_ += RowsIn(begin, end);
  }
}

int64_t RepresentationBuilder::RowsIn(int64_t begin, int64_t end) const {
  const int64_t first = (begin + row_bytes_ - 1) / row_bytes_;
  return std::max<int64_t>(end / row_bytes_ - first, 0);
}

absl::Status RepresentationBuilder::Append(int64_t first_row, int64_t byte_offset,
                                           absl::string_view data) {
  return Append(first_row, byte_offset, absl::MakeConstSpan(&data, 1));
}

absl::Status RepresentationBuilder::Append(int64_t first_row, int64_t byte_offset,
                                           absl::Span<const absl::string_view> data) {
  int64_t size = 0;
  for (const absl::string_view part : data) size += static_cast<int64_t>(part.size());
  if (size == 0) return absl::InvalidArgumentError("a chunk holds at least 1 byte");
  if (first_row < 0 || first_row >= shape_.rows) {
    return absl::InvalidArgumentError(
        absl::StrCat("chunk begins at row ", first_row, " of ", shape_.rows));
  }
  const int64_t first_byte = first_row * row_bytes_;
  if (byte_offset < 0 || byte_offset >= size_bytes_ - first_byte) {
    return absl::InvalidArgumentError(absl::StrCat("chunk at row ", first_row,
                                                   " begins at byte offset ", byte_offset, " of ",
                                                   size_bytes_ - first_byte));
  }
  const int64_t begin = first_byte + byte_offset;
  if (size > size_bytes_ - begin) {
    return absl::InvalidArgumentError(absl::StrCat("chunk at row ", first_row, " brings ", size,
                                                   " bytes, but only ", size_bytes_ - begin,
                                                   " are left of ", shape_.rows, " rows"));
  }
  const int64_t end = begin + size;

  // Everything that was received before must be sent again unchanged; only the gaps are written.
  auto it = received_.upper_bound(begin);
  if (it != received_.begin() && std::prev(it)->second >= begin) --it;
  int64_t merged_begin = begin;
  int64_t merged_end = end;
  int64_t known_bytes = 0;
  int64_t merged_rows = 0;
  const auto first_overlap = it;
  for (; it != received_.end() && it->first <= end; ++it) {
    const int64_t from = std::max(it->first, begin);
    const int64_t to = std::min(it->second, end);
    if (from < to) {
      if (!Equal(data, from - begin, to - begin, bytes_ + from)) {
        return absl::InvalidArgumentError(absl::StrCat(
            "chunk at row ", first_row, " differs from what was received before for rows ",
            from / row_bytes_, " to ", (to - 1) / row_bytes_));
      }
      known_bytes += to - from;
    }
    merged_rows += RowsIn(it->first, it->second);
    merged_begin = std::min(merged_begin, it->first);
    merged_end = std::max(merged_end, it->second);
  }
  if (known_bytes == size) return absl::OkStatus();
  if (first_overlap == it && static_cast<int64_t>(received_.size()) >= kMaxRanges) {
    return WithLimit(
        absl::ResourceExhaustedError(absl::StrCat(
            "the upload has ", kMaxRanges, " pieces with gaps between them: fill some first")),
        "TOO_MANY_GAPS", kMaxRanges + 1, kMaxRanges);
  }
  GRAMIAN_RETURN_IF_ERROR(Store(begin, size, known_bytes, data));
  received_.erase(first_overlap, it);
  received_[merged_begin] = merged_end;
  received_bytes_ += size - known_bytes;
  complete_rows_ += RowsIn(merged_begin, merged_end) - merged_rows;
  // A piece that closes a gap may complete gigabytes: they are left to Finish.
  HashPrefix(4 * size);
  return absl::OkStatus();
}

absl::Status RepresentationBuilder::Store(int64_t begin, int64_t size, int64_t known_bytes,
                                          absl::Span<const absl::string_view> data) {
  if (sink_ != nullptr) GRAMIAN_RETURN_IF_ERROR(sink_->Write(begin, data));
  if (known_bytes == 0) {
    TakeNew(begin, data);
  } else {
    if (memory_ != nullptr) CopyTo(data, size, memory_.get() + begin);
    CheckElements(begin, size, bytes_ + begin);
  }
  const int64_t element_bytes = SizeOf(shape_.dtype);
  unchecked_ = unchecked_ || begin % element_bytes != 0 || (begin + size) % element_bytes != 0;
  return absl::OkStatus();
}

void RepresentationBuilder::TakeNew(int64_t begin, absl::Span<const absl::string_view> data) {
  const int64_t element_bytes = SizeOf(shape_.dtype);
  int64_t position = begin;
  StreamCopier copier;
  for (absl::string_view part : data) {
    while (!part.empty()) {
      // Blocks end with an element, so that only the ends of parts cut one.
      const int64_t whole = kBlockBytes - position % element_bytes;
      const absl::string_view block = part.substr(0, static_cast<size_t>(whole));
      const auto size = static_cast<int64_t>(block.size());
      CheckElements(position, size, reinterpret_cast<const std::byte*>(block.data()));
      if (position == hashed_bytes_) {
        digest_.Update(block.data(), size);
        hashed_bytes_ += size;
      }
      if (memory_ != nullptr) copier.Copy(memory_.get() + position, block.data(), block.size());
      position += size;
      part.remove_prefix(block.size());
    }
  }
  int64_t part_end = begin;
  for (const absl::string_view part : data) {
    part_end += static_cast<int64_t>(part.size());
    const int64_t cut = part_end - part_end % element_bytes;
    if (cut < part_end && cut >= begin && cut + element_bytes <= position)
      CheckElements(cut, element_bytes, bytes_ + cut);
  }
}

void RepresentationBuilder::CheckElements(int64_t begin, int64_t size, const std::byte* data) {
  const int64_t element_bytes = SizeOf(shape_.dtype);
  const int64_t first = (begin + element_bytes - 1) / element_bytes;
  const int64_t count = (begin + size) / element_bytes - first;
  if (count <= 0) return;
  const int64_t bad = FindNonFinite(shape_.dtype, data + (first * element_bytes - begin), count);
  if (bad >= 0 && (non_finite_ < 0 || first + bad < non_finite_)) non_finite_ = first + bad;
}

void RepresentationBuilder::HashPrefix(int64_t limit) {
  const auto& [begin, end] = *received_.begin();
  if (begin > 0) return;
  const int64_t size = std::min(end - hashed_bytes_, limit);
  digest_.Update(bytes_ + hashed_bytes_, size);
  hashed_bytes_ += size;
}

absl::StatusOr<std::shared_ptr<const Representation>> RepresentationBuilder::Finish() && {
  if (received_bytes_ < size_bytes_) {
    const bool from_start = !received_.empty() && received_.begin()->first == 0;
    const int64_t missing = from_start ? received_.begin()->second : 0;
    return absl::FailedPreconditionError(absl::StrCat(
        "the upload is incomplete: row ", missing / row_bytes_, " of ", shape_.rows,
        " is missing, ", received_bytes_, " of ", size_bytes_, " bytes were received"));
  }
  if (unchecked_) {
    non_finite_ = FindNonFinite(shape_.dtype, bytes_, shape_.rows * shape_.cols);
  }
  if (non_finite_ >= 0) return Representation::NonFiniteError(shape_, non_finite_);
  HashPrefix(size_bytes_);
  const Digest digest = digest_.Finish();
  if (sink_ != nullptr) return Representation::FromVerified(shape_, sink_->bytes(), digest);
  return std::shared_ptr<const Representation>(
      new Representation(shape_, size_bytes_, std::move(memory_), digest));
}

}  // namespace gramian
