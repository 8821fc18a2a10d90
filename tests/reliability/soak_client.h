// One client of a soak.
#ifndef GRAMIAN_TESTS_RELIABILITY_SOAK_CLIENT_H_
#define GRAMIAN_TESTS_RELIABILITY_SOAK_CLIENT_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>

#include "gramian/client/client.h"
#include "tests/reliability/soak.h"
#include "tests/reliability/soak_tally.h"
#include "tests/reliability/wire.h"

namespace gramian::testing {

// Works on a network of its own, compares with those of the others, and checks that its own layers
// hold what it sent. Every third client makes its uploads with the client library.
class SoakClient {
 public:
  // One of options.clients. `tally` outlives it. Addresses are 127.0.0.1:port.
  SoakClient(int index, const SoakOptions& options, const std::string& grpc_address,
             const std::string& http_address, SoakTally& tally);
  ~SoakClient();

  // Works until `stop` says so.
  void Run(const std::function<bool()>& stop);
  // Reads every own layer back, then deletes them all.
  void VerifyAndDelete();

 private:
  struct Held {
    std::string snapshot;
    std::string layer;
    Content content;
  };

  void Step();
  void UploadWhole();
  void UploadByLibrary();
  void UploadResumed();
  void UploadCancelled();
  void Compare();
  void CompareMatrix();
  void ReadBack();
  void List();
  void DeleteSnapshot();
  // The unfriendly part: soak_rubbish.cc.
  void Rubbish();
  void BadUpload();
  void BadName();
  void BadConnection();
  void ImpatientCall();

  v1::UploadHeader RandomHeader(const Content& content);
  Content RandomContent();
  std::string RandomSnapshot(int client);
  // Books a committed layer.
  void Hold(const v1::UploadHeader& header, const Content& content, const v1::Layer& layer);
  bool CheckLayer(const Held& held);
  double SecondsSinceStart() const;
  bool Count(const std::string& kind, const grpc::Status& status,
             const std::set<grpc::StatusCode>& expected = {}, bool may_succeed = true);
  int64_t Below(int64_t limit) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(limit));
  }
  bool Chance(int percent) { return Below(100) < percent; }

  const int index_;
  const int clients_;
  const int64_t contents_;
  const std::string grpc_address_;
  const std::string http_address_;
  SoakTally& tally_;
  std::mt19937_64 random_;
  Wire wire_;
  std::unique_ptr<client::Client> library_;
  int64_t next_upload_ = 0;
  std::map<std::string, Held> held_;  // by layer name
  std::chrono::steady_clock::time_point step_begin_;
};

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_RELIABILITY_SOAK_CLIENT_H_
