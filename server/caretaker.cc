#include "server/caretaker.h"

#include <fcntl.h>
#include <grpcpp/health_check_service_interface.h>
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "gramian/v1/activation_service.grpc.pb.h"
#include "gramian/v1/admin_service.grpc.pb.h"
#include "gramian/v1/similarity_service.grpc.pb.h"
#include "gramian/v1/watch.grpc.pb.h"

namespace gramian {
namespace {

constexpr std::chrono::seconds kInterval{1};
// Memory goes back to the system after this many looks without a call: a job that pushes a snapshot
// every few seconds would else have the same pages cleared for each. A server that is never idle
// gives back what it can after kBusyLooks.
constexpr int64_t kIdleLooks = 10;
constexpr int64_t kBusyLooks = 60;

// Empty if a file can be written in `directory`. A full disk is no reason: comparisons go on, and
// uploads are told so.
std::string WhyNotWritable(const std::string& directory) {
  const std::string path = directory + "/.writable";
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  bool is_writable = fd >= 0 && write(fd, "\n", 1) == 1;
  const int error = errno;
  if (fd >= 0) close(fd);
  unlink(path.c_str());
  is_writable = is_writable || error == ENOSPC || error == EDQUOT;
  return is_writable ? ""
                     : absl::StrCat("the data directory cannot be written: ", std::strerror(error));
}

}  // namespace

Caretaker::Caretaker(ServerState& state, grpc::HealthCheckServiceInterface& health)
    : state_(state), health_(health), task_(kInterval, [this] { Look(); }) {
  MutexLock lock(mutex_);
  SetHealth();
}

void Caretaker::BeginDrain() {
  MutexLock lock(mutex_);
  is_draining_ = true;
  SetHealth();
}

std::string Caretaker::Problems() {
  MutexLock lock(mutex_);
  return absl::StrCat(is_draining_ ? "draining\n" : "", store_problem_,
                      store_problem_.empty() ? "" : "\n");
}

void Caretaker::SetHealth() {
  const bool takes_uploads = !is_draining_ && store_problem_.empty();
  health_.SetServingStatus("", takes_uploads);
  health_.SetServingStatus(v1::ActivationService::service_full_name(), takes_uploads);
  health_.SetServingStatus(v1::SimilarityService::service_full_name(), !is_draining_);
  health_.SetServingStatus(v1::AdminService::service_full_name(), !is_draining_);
  health_.SetServingStatus(v1::WatchService::service_full_name(), !is_draining_);
}

void Caretaker::Look() {
  ++looks_;
  LookAtStore();
  LookAtMemory();
}

void Caretaker::LookAtStore() {
  if (state_.options.data_dir.empty()) return;
  std::string problem = WhyNotWritable(state_.options.data_dir);
  MutexLock lock(mutex_);
  if (problem == store_problem_) return;
  if (problem.empty()) {
    spdlog::info("the data directory can be written again");
  } else {
    spdlog::error("{}", problem);
  }
  store_problem_ = std::move(problem);
  SetHealth();
}

void Caretaker::LookAtMemory() {
  // Uploads may have filled it while nothing was computed.
  state_.engine.MakeRoom(0);
  const int64_t entered = state_.gate.entered();
  const bool is_idle = state_.gate.in_flight() == 0 && entered == entered_when_seen_;
  idle_looks_ = is_idle ? idle_looks_ + 1 : 0;
  entered_when_seen_ = entered;
  if (entered == entered_when_trimmed_) return;
  if (idle_looks_ < kIdleLooks && looks_ % kBusyLooks != 0) return;
  entered_when_trimmed_ = entered;
  malloc_trim(0);
}

}  // namespace gramian
