// How the operations of a soak ended.
#ifndef GRAMIAN_TESTS_RELIABILITY_SOAK_TALLY_H_
#define GRAMIAN_TESTS_RELIABILITY_SOAK_TALLY_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "tests/reliability/soak.h"

namespace gramian::testing {

// Thread-safe.
class SoakTally {
 public:
  // Counts an operation that took `seconds`. `expected` are the codes that are by design for it,
  // besides OK, which is allowed if `may_succeed`. Refusals for lack of room are always by design.
  // Returns whether the operation succeeded.
  bool Count(const std::string& kind, const grpc::Status& status, double seconds,
             const std::set<grpc::StatusCode>& expected = {}, bool may_succeed = true);
  void Find(const std::string& text);
  void AddUploaded(int64_t bytes);
  void AddVerified(int64_t bytes);

  void FillIn(SoakReport* report) const;
  int64_t operations() const;

 private:
  struct Kind {
    SoakKind counts;
    std::vector<float> seconds;
  };

  mutable std::mutex mutex_;
  std::map<std::string, Kind> kinds_;
  std::vector<std::string> findings_;
  int64_t uploaded_bytes_ = 0;
  int64_t verified_layers_ = 0;
  int64_t verified_bytes_ = 0;
};

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_RELIABILITY_SOAK_TALLY_H_
