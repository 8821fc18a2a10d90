#include "tests/reliability/soak.h"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/integration/gramiand_process.h"
#include "tests/reliability/soak_client.h"

namespace gramian::testing {
namespace {

using Clock = std::chrono::steady_clock;

int64_t Median(std::vector<int64_t> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

UsageSummary Summarize(const std::vector<ProcessUsage>& samples, size_t begin, size_t end) {
  std::vector<int64_t> resident;
  std::vector<int64_t> file;
  std::vector<int64_t> descriptors;
  std::vector<int64_t> threads;
  UsageSummary summary;
  for (size_t i = begin; i < end; ++i) {
    resident.push_back(samples[i].resident_bytes);
    file.push_back(samples[i].file_bytes);
    descriptors.push_back(samples[i].descriptors);
    threads.push_back(samples[i].threads);
    summary.max_resident_bytes = std::max(summary.max_resident_bytes, resident.back());
    summary.max_descriptors = std::max(summary.max_descriptors, descriptors.back());
    summary.max_threads = std::max(summary.max_threads, threads.back());
  }
  summary.resident_bytes = Median(resident);
  summary.file_bytes = Median(file);
  summary.descriptors = Median(descriptors);
  summary.threads = Median(threads);
  return summary;
}

class Soak {
 public:
  explicit Soak(const SoakOptions& options) : options_(options) {}
  SoakReport Run();

 private:
  bool Start();
  // Samples until the time is over.
  void Watch(Clock::time_point begin);
  // gRPC has two pools that grow when they are busy, to twice the cores each, and stay.
  int64_t MostThreads() const {
    return report_.before.threads + 4 * int64_t{std::thread::hardware_concurrency()};
  }
  void JudgeGrowth();
  void JudgeEnd();

  const SoakOptions options_;
  SoakTally tally_;
  SoakReport report_;
  std::unique_ptr<GramiandProcess> process_;
  std::vector<ProcessUsage> samples_;
  std::atomic<bool> stop_{false};
};

bool Soak::Start() {
  std::vector<std::string> flags = {"--listen=127.0.0.1:0",
                                    "--metrics-listen=127.0.0.1:0",
                                    "--log-level=error",
                                    "--audit-file=/dev/null",
                                    "--threads=2",
                                    absl::StrCat("--store-bytes=", int64_t{512} << 20),
                                    absl::StrCat("--cache-bytes=", int64_t{64} << 20),
                                    absl::StrCat("--scratch-bytes=", int64_t{256} << 20),
                                    "--upload-idle-seconds=2",
                                    "--max-uploads=64"};
  if (!options_.folder.empty()) flags.push_back(absl::StrCat("--data-dir=", options_.folder));
  flags.insert(flags.end(), options_.flags.begin(), options_.flags.end());
  process_ = std::make_unique<GramiandProcess>(flags, options_.program);
  if (process_->WaitUntilListening()) return true;
  tally_.Find(absl::StrCat("does not start: ", process_->errors()));
  return false;
}

void Soak::Watch(Clock::time_point begin) {
  auto next = begin;
  for (int64_t second = 0; Clock::now() - begin < options_.duration; ++second) {
    samples_.push_back(UsageOf(process_->pid()));
    process_->ReadAvailable();
    if (samples_.back().threads == 0) {
      tally_.Find(absl::StrCat("the server is gone: ", process_->errors()));
      return;
    }
    if (options_.verbose && second % 10 == 0) {
      const ProcessUsage& now = samples_.back();
      std::printf("%4ld s: %ld operations, %ld MiB, %ld descriptors, %ld threads\n",
                  static_cast<long>(second), static_cast<long>(tally_.operations()),
                  static_cast<long>(now.resident_bytes >> 20), static_cast<long>(now.descriptors),
                  static_cast<long>(now.threads));
      std::fflush(stdout);
    }
    next += std::chrono::seconds(1);
    std::this_thread::sleep_until(next);
  }
}

void Soak::JudgeGrowth() {
  const size_t count = samples_.size();
  report_.second_quarter = Summarize(samples_, count / 4, count / 2);
  report_.last_quarter = Summarize(samples_, count - count / 4, count);
  if (!options_.judge_growth) return;
  const UsageSummary& before = report_.second_quarter;
  const UsageSummary& after = report_.last_quarter;
  // What is usual at the end was seen before: nothing grows with time.
  if (after.resident_bytes > before.max_resident_bytes) tally_.Find("memory grows");
  if (after.descriptors > before.max_descriptors) tally_.Find("descriptors grow");
  if (after.threads > MostThreads()) tally_.Find("threads grow");
}

// With the last client everything that it took goes, but the threads that gRPC keeps for later.
void Soak::JudgeEnd() {
  const bool returned = Eventually([this] {
    report_.after = UsageOf(process_->pid());
    return report_.after.descriptors <= report_.before.descriptors &&
           report_.after.threads <= MostThreads();
  });
  if (!returned) {
    tally_.Find(absl::StrCat("without clients ", report_.after.descriptors, " descriptors and ",
                             report_.after.threads, " threads, before there were ",
                             report_.before.descriptors, " descriptors, and at most ",
                             MostThreads(), " threads may stay"));
  }
  report_.server_cpu_seconds = report_.after.cpu_seconds - report_.before.cpu_seconds;
  process_->Signal(SIGTERM);
  if (const int code = process_->Wait(); code != 0) {
    tally_.Find(absl::StrCat("SIGTERM ended it with ", code, ": ", process_->errors()));
  }
}

SoakReport Soak::Run() {
  if (Start()) {
    {
      // Threads that the first call starts stay.
      Wire wire(process_->grpc_address());
      v1::GetServerInfoResponse info;
      wire.GetServerInfo(&info);
    }
    std::vector<std::unique_ptr<SoakClient>> clients;
    std::vector<std::thread> threads;
    report_.before = UsageOf(process_->pid());
    const auto begin = Clock::now();
    for (int i = 0; i < options_.clients; ++i) {
      clients.push_back(std::make_unique<SoakClient>(i, options_, process_->grpc_address(),
                                                     process_->metrics_address(), tally_));
      threads.emplace_back(
          [this, client = clients.back().get()] { client->Run([this] { return stop_.load(); }); });
    }
    Watch(begin);
    stop_ = true;
    for (std::thread& thread : threads) thread.join();
    report_.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    for (const auto& client : clients) client->VerifyAndDelete();
    clients.clear();
    JudgeGrowth();
    JudgeEnd();
  }
  tally_.FillIn(&report_);
  return report_;
}

}  // namespace

std::string SoakReport::Text() const {
  std::string text = absl::StrFormat(
      "soak: seconds=%.0f operations=%d per_second=%.0f refused=%d uploaded_mib=%d "
      "verified_layers=%d verified_mib=%d server_cpu_seconds=%.0f lost_or_wrong=%d\n",
      seconds, operations, static_cast<double>(operations) / std::max(seconds, 1.0), refused,
      uploaded_bytes >> 20, verified_layers, verified_bytes >> 20, server_cpu_seconds,
      findings.size());
  for (const SoakKind& kind : kinds) {
    absl::StrAppendFormat(&text,
                          "  %-26s ok %7d  refused %5d  by design %6d  wrong %d  median %.1f ms  "
                          "p99 %.1f ms\n",
                          kind.name, kind.ok, kind.refused, kind.by_design, kind.wrong,
                          1e3 * kind.median_seconds, 1e3 * kind.p99_seconds);
  }
  const auto line = [&](const char* name, int64_t resident, int64_t file, int64_t descriptors,
                        int64_t thread_count) {
    absl::StrAppendFormat(&text,
                          "  %-16s %5d MiB own, %5d MiB mapped, %4d descriptors, %3d threads\n",
                          name, resident >> 20, file >> 20, descriptors, thread_count);
  };
  line("before", before.resident_bytes, before.file_bytes, before.descriptors, before.threads);
  line("second quarter", second_quarter.resident_bytes, second_quarter.file_bytes,
       second_quarter.descriptors, second_quarter.threads);
  line("last quarter", last_quarter.resident_bytes, last_quarter.file_bytes,
       last_quarter.descriptors, last_quarter.threads);
  line("after", after.resident_bytes, after.file_bytes, after.descriptors, after.threads);
  return text;
}

SoakReport RunSoak(const SoakOptions& options) { return Soak(options).Run(); }

}  // namespace gramian::testing
