#include "tests/reliability/crash_model.h"

#include <cstring>

namespace gramian::testing {

void Findings::Add(const std::string& text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  texts_.push_back(text);
}

bool Findings::empty() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return texts_.empty();
}

std::vector<std::string> Findings::texts() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return texts_;
}

bool Agreements::AgreeOnDigest(const Content& content, const std::string& digest) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return digests_.emplace(KeyOf(content), digest).first->second == digest;
}

std::string Agreements::DigestOf(const Content& content) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = digests_.find(KeyOf(content));
  return found == digests_.end() ? "" : found->second;
}

bool Agreements::AgreeOnScore(const Content& a, const Content& b, double score) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const double seen = scores_.emplace(std::pair(KeyOf(a), KeyOf(b)), score).first->second;
  return std::memcmp(&seen, &score, sizeof(score)) == 0;
}

}  // namespace gramian::testing
