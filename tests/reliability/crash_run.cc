#include "tests/reliability/crash_run.h"

#include <signal.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/integration/gramiand_process.h"
#include "tests/reliability/crash_worker.h"

namespace gramian::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// Fires when so many events have happened.
class Fuse {
 public:
  void Set(int64_t events) {
    const std::lock_guard<std::mutex> lock(mutex_);
    left_ = events;
    dying_ = false;
  }
  void Event() {
    if (left_.fetch_sub(1) != 1) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    burnt_.notify_all();
  }
  // False if that took more than a minute or `give_up` said so.
  bool Wait(const std::function<bool()>& give_up) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    std::unique_lock<std::mutex> lock(mutex_);
    while (!burnt_.wait_for(lock, milliseconds(100), [this] { return left_ <= 0; })) {
      if (give_up() || std::chrono::steady_clock::now() > deadline) return false;
    }
    return true;
  }
  void SetDying() { dying_ = true; }
  bool dying() const { return dying_; }

 private:
  std::mutex mutex_;
  std::condition_variable burnt_;
  std::atomic<int64_t> left_{0};
  std::atomic<bool> dying_{false};
};

// Regular files below `folder`; 0 if it does not exist.
int64_t CountFiles(const std::filesystem::path& folder) {
  std::error_code error;
  int64_t count = 0;
  for (std::filesystem::recursive_directory_iterator file(folder, error), end;
       !error && file != end; file.increment(error)) {
    if (file->is_regular_file()) ++count;
  }
  return count;
}

class CrashRun {
 public:
  explicit CrashRun(const CrashOptions& options);
  CrashReport Run();

 private:
  std::unique_ptr<GramiandProcess> Launch();
  // A server that listens, after some that were killed while they started; null after a finding.
  std::unique_ptr<GramiandProcess> Boot();
  // Lets all clients work until the server is killed.
  void WorkAndKill(GramiandProcess& process);
  void Verify(const std::string& address);
  // The directory holds what is visible and nothing else.
  void VerifyFiles();
  void Finish();
  int64_t Below(int64_t limit) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(limit));
  }

  const CrashOptions options_;
  const std::filesystem::path data_dir_;
  std::mt19937_64 random_;
  Fuse fuse_;
  CrashShared shared_;
  std::vector<std::unique_ptr<CrashWorker>> workers_;
  CrashReport report_;
};

CrashRun::CrashRun(const CrashOptions& options)
    : options_(options),
      data_dir_(std::filesystem::path(options.folder) / "data"),
      random_(options.seed) {
  shared_.on_event = [this] { fuse_.Event(); };
  shared_.dying = [this] { return fuse_.dying(); };
  for (int i = 0; i < options.clients; ++i) {
    workers_.push_back(std::make_unique<CrashWorker>(i, options.seed, shared_));
  }
}

std::unique_ptr<GramiandProcess> CrashRun::Launch() {
  std::vector<std::string> flags = {"--listen=127.0.0.1:0",
                                    "--metrics-listen=127.0.0.1:0",
                                    "--log-level=warn",
                                    "--audit-file=/dev/null",
                                    "--threads=2",
                                    "--drain-seconds=5",
                                    "--store-bytes=2147483648",
                                    absl::StrCat("--data-dir=", data_dir_.string())};
  flags.insert(flags.end(), options_.flags.begin(), options_.flags.end());
  return std::make_unique<GramiandProcess>(flags, options_.program);
}

std::unique_ptr<GramiandProcess> CrashRun::Boot() {
  // One start in four is killed before it is done.
  while (Below(4) == 0) {
    const auto process = Launch();
    if (process->WaitUntilListening(milliseconds(Below(60)))) break;
    process->Signal(SIGKILL);
    process->Wait();
    ++report_.boot_kills;
  }
  auto process = Launch();
  if (process->WaitUntilListening()) return process;
  shared_.findings.Add(absl::StrCat("does not start again: ", process->errors()));
  return nullptr;
}

void CrashRun::WorkAndKill(GramiandProcess& process) {
  // Half of the lives are short, so that rare moments are met; the others let things pile up.
  fuse_.Set(1 + Below(Below(2) == 0 ? 400 : 5000));
  std::vector<std::thread> threads;
  for (const auto& worker : workers_) {
    threads.emplace_back([&] { worker->Run(process.grpc_address()); });
  }
  if (!fuse_.Wait([this] { return !shared_.findings.empty(); }) && shared_.findings.empty()) {
    shared_.findings.Add("nothing happened for a minute");
  }
  // Events come when messages do; the kill comes in between as well.
  std::this_thread::sleep_for(microseconds(Below(3000)));
  fuse_.SetDying();
  if (Below(10) == 0) {
    process.Signal(SIGTERM);
    std::this_thread::sleep_for(microseconds(Below(200'000)));
    ++report_.drain_kills;
  }
  process.Signal(SIGKILL);
  for (std::thread& thread : threads) thread.join();
  process.Wait();
  ++report_.kills;
}

void CrashRun::Verify(const std::string& address) {
  std::vector<std::thread> threads;
  for (const auto& worker : workers_) {
    threads.emplace_back([&] {
      Wire wire(address);
      worker->Verify(wire);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void CrashRun::VerifyFiles() {
  std::set<std::tuple<int64_t, int64_t, uint32_t>> contents;
  std::vector<std::string> open;
  for (const auto& worker : workers_) {
    const std::vector<std::string> ids = worker->open_uploads();
    open.insert(open.end(), ids.begin(), ids.end());
    for (const auto& [name, snapshot] : worker->state()) {
      for (const auto& [layer, state] : snapshot.layers) {
        contents.emplace(state.content.rows, state.content.cols, state.content.seed);
      }
    }
  }
  const auto expect = [&](const char* folder, size_t expected, const std::string& names) {
    const int64_t count = CountFiles(data_dir_ / folder);
    if (count == static_cast<int64_t>(expected)) return;
    shared_.findings.Add(
        absl::StrCat(folder, "/ holds ", count, " files, ", expected, " have a name ", names));
  };
  expect("blobs", contents.size(), "");
  expect("uploads", open.size(), absl::StrJoin(open, " "));
  expect("quarantine", 0, "");
}

void CrashRun::Finish() {
  const auto process = Boot();
  if (process == nullptr) return;
  Verify(process->grpc_address());
  Wire wire(process->grpc_address());
  for (const auto& worker : workers_) worker->DeleteAll(wire);
  process->Signal(SIGTERM);
  if (const int code = process->Wait(); code != 0) {
    shared_.findings.Add(absl::StrCat("SIGTERM ended it with ", code, ": ", process->errors()));
  }
  // Blobs go when nobody reads them any more, at the latest with the next start.
  if (const auto last = Boot(); last != nullptr) VerifyFiles();
}

CrashReport CrashRun::Run() {
  const auto begin = std::chrono::steady_clock::now();
  while (report_.kills < options_.kills && shared_.findings.empty()) {
    const auto process = Boot();
    if (process == nullptr) break;
    Verify(process->grpc_address());
    VerifyFiles();
    if (!shared_.findings.empty()) break;
    WorkAndKill(*process);
    if (options_.verbose) {
      std::printf("kill %d: %ld commits, %ld deletes, %ld layers read back\n", report_.kills,
                  static_cast<long>(shared_.counts.commits),
                  static_cast<long>(shared_.counts.deletes),
                  static_cast<long>(shared_.counts.verified_layers));
      std::fflush(stdout);
    }
  }
  if (shared_.findings.empty()) Finish();
  report_.commits = shared_.counts.commits;
  report_.resumed_commits = shared_.counts.resumed_commits;
  report_.deletes = shared_.counts.deletes;
  report_.unanswered = shared_.counts.unanswered;
  report_.verified_layers = shared_.counts.verified_layers;
  report_.verified_bytes = shared_.counts.verified_bytes;
  report_.verified_uploads = shared_.counts.verified_uploads;
  report_.scores = shared_.counts.scores;
  report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  report_.findings = shared_.findings.texts();
  return report_;
}

}  // namespace

std::string CrashReport::Line() const {
  return absl::StrCat("kills=", kills, " drain_kills=", drain_kills, " boot_kills=", boot_kills,
                      " commits=", commits, " resumed_commits=", resumed_commits,
                      " deletes=", deletes, " unanswered=", unanswered, " scores=", scores,
                      " verified_layers=", verified_layers, " verified_bytes=", verified_bytes,
                      " verified_open_uploads=", verified_uploads, " lost=", findings.size(),
                      " seconds=", static_cast<int64_t>(seconds));
}

CrashReport RunCrashes(const CrashOptions& options) { return CrashRun(options).Run(); }

}  // namespace gramian::testing
