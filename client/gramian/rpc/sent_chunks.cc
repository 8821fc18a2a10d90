#include "gramian/rpc/sent_chunks.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gramian::client {

SentChunks::Chunk& SentChunks::Add(int64_t first_row, int64_t byte_offset,
                                   const ChunkSource& source) {
  const int64_t begin = first_row * row_bytes_ + byte_offset;
  Chunk chunk;
  chunk.range = {begin, begin + source.size_bytes()};
  chunk.first_row = first_row;
  chunk.byte_offset = byte_offset;
  unconfirmed_bytes_ += source.size_bytes();
  return chunks_.emplace_back(std::move(chunk));
}

void SentChunks::AddOwned(int64_t first_row, int64_t byte_offset, const ChunkSource& source) {
  Add(first_row, byte_offset, source).message = ChunkMessage(first_row, byte_offset, source);
}

void SentChunks::AddLent(int64_t first_row, int64_t byte_offset, const ChunkSource& source) {
  Add(first_row, byte_offset, source).lent = source;
  ++lent_count_;
}

void SentChunks::Own() {
  for (auto chunk = chunks_.rbegin(); lent_count_ > 0 && chunk != chunks_.rend(); ++chunk) {
    --lent_count_;
    if (chunk->lent.data == nullptr) continue;
    chunk->message = ChunkMessage(chunk->first_row, chunk->byte_offset, chunk->lent);
    chunk->lent = {};
  }
  lent_count_ = 0;
}

grpc::ByteBuffer SentChunks::NextMessage(const std::shared_ptr<Loan>& loan) const {
  const Chunk& chunk = chunks_[sent_count_];
  if (chunk.lent.data == nullptr) return chunk.message;
  return BorrowingChunkMessage(chunk.first_row, chunk.byte_offset,
                               {chunk.lent.data, static_cast<size_t>(chunk.lent.size_bytes())},
                               loan);
}

bool SentChunks::Confirm(int64_t count) {
  const int64_t before = confirmed_count_;
  for (; confirmed_count_ < count && sent_count_ > 0; ++confirmed_count_, --sent_count_) {
    const ByteRange& range = chunks_.front().range;
    acknowledged_.Add(range);
    unconfirmed_bytes_ -= range.end - range.begin;
    chunks_.pop_front();
  }
  return confirmed_count_ > before;
}

absl::Status SentChunks::Restart(const std::vector<ByteRange>& persisted) {
  ByteRanges now(persisted);
  const int64_t lost_bytes = acknowledged_.CountMissing(now);
  if (lost_bytes > 0) {
    return absl::AbortedError(
        absl::StrCat("the server lost ", lost_bytes,
                     " bytes of this upload that it had acknowledged; begin the upload anew"));
  }
  persisted_ = std::move(now);
  for (const ByteRange& range : persisted) acknowledged_.Add(range);
  chunks_.erase(std::remove_if(chunks_.begin(), chunks_.end(),
                               [this](const Chunk& chunk) { return IsPersisted(chunk.range); }),
                chunks_.end());
  unconfirmed_bytes_ = 0;
  for (const Chunk& chunk : chunks_) unconfirmed_bytes_ += chunk.range.end - chunk.range.begin;
  sent_count_ = 0;
  confirmed_count_ = 0;
  return absl::OkStatus();
}

}  // namespace gramian::client
