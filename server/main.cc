// gramiand: the process around the server.
#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <malloc.h>
#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <string>

#include "absl/synchronization/mutex.h"
#include "gramian/base/blas.h"
#include "gramian/base/blas_kernels.h"
#include "server/log_format.h"
#include "server/server.h"
#include "server/server_options.h"
#include "server/version.h"
#include "server/watchdog.h"

namespace {

constexpr int kExitFailed = 1;
// After the patience of a drain, for cancelling and closing; then the process leaves whatever holds
// it.
constexpr std::chrono::seconds kCloseTime{10};

// Buffers of one message are freed and taken again thousands of times a second, and layers come and
// go: they stay in the heap instead of being mapped, faulted in and cleared anew each time. One
// arena, because the others cannot hold large blocks; threads keep small ones in caches of their
// own.
void TuneAllocator() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 2'000'000'000);
}

// Every connection takes a descriptor; the soft limit many systems start with is 1024.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void SetUpLogs(const std::string& level, const std::string& format) {
  auto logger = spdlog::stderr_color_mt("gramiand");
  logger->set_formatter(gramian::NewLogFormatter(format));
  logger->flush_on(spdlog::level::info);
  logger->set_level(spdlog::level::from_str(level));
  spdlog::set_default_logger(logger);
  // What gRPC has to say about itself matters only to who debugs it.
  gpr_set_log_function([](gpr_log_func_args* args) {
    spdlog::debug("grpc {}:{} {}", args->file, args->line, args->message);
  });
  // Nor is a text of a client that is none an error of this process.
  google::protobuf::SetLogHandler(
      [](google::protobuf::LogLevel /*level*/, const char* file, int line,
         const std::string& message) { spdlog::debug("protobuf {}:{} {}", file, line, message); });
}

// SIGHUP reads the watched files now and opens the audit file anew; the others end the process.
constexpr int kSignals[] = {SIGTERM, SIGINT, SIGHUP};

sigset_t Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : kSignals) sigaddset(&signals, signal);
  return signals;
}

// Threads that libraries started before main, as OpenBLAS does, do not block signals: what finds
// one of them before main waits goes to main.
pthread_t main_thread;
void PassToMain(int signal) { pthread_kill(main_thread, signal); }

bool WriteLine(const std::string& path, const std::string& line) {
  // In one step, so that who waits for the file never reads half of it.
  const std::string temporary = path + ".tmp";
  std::ofstream file(temporary);
  file << line << '\n';
  file.close();
  return file.good() && std::rename(temporary.c_str(), path.c_str()) == 0;
}

int Run(const gramian::ServerOptions& options) {
  const absl::Status blas = gramian::InitializeBlas();
  if (!blas.ok()) {
    spdlog::critical("refuses to start: {}", std::string(blas.message()));
    return kExitFailed;
  }
  // Blocked before any thread exists, so that all inherit it and only sigwait sees them.
  const sigset_t signals = Signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  main_thread = pthread_self();
  for (const int passed : kSignals) ::signal(passed, PassToMain);

  auto server = gramian::Server::Start(options);
  if (!server.ok()) {
    spdlog::critical("{}", std::string(server.status().message()));
    return kExitFailed;
  }
  const std::string line = (*server)->ListeningLine();
  if (!options.port_file.empty() && !WriteLine(options.port_file, line)) {
    spdlog::critical("cannot write --port-file {}", options.port_file);
    return kExitFailed;
  }
  std::cout << line << std::endl;
  spdlog::info(
      "gramiand {} serves with {} threads, BLAS kernel {}, activations in {}, {} MiB of memory, of "
      "which {} MiB for operators and {} MiB for computations",
      gramian::kVersion, options.threads, gramian::BlasCoreName(),
      options.data_dir.empty() ? "memory" : options.data_dir, options.memory_bytes >> 20,
      options.cache_bytes >> 20, options.scratch_bytes >> 20);

  int signal = 0;
  while (sigwait(&signals, &signal) == 0 && signal == SIGHUP) {
    spdlog::info("SIGHUP: looking at the files of certificates, access and quotas");
    (*server)->Reload();
  }
  // A second one must not end the process in the midst of the drain.
  for (const int again : kSignals) ::signal(again, SIG_IGN);
  spdlog::info("{}: draining for up to {} s", strsignal(signal), options.drain_seconds);
  const std::chrono::seconds patience(options.drain_seconds);
  const gramian::Watchdog watchdog(std::chrono::seconds(options.drain_delay_seconds) + patience +
                                   kCloseTime);
  const bool finished = (*server)->Drain(patience);
  server->reset();
  spdlog::info(finished ? "drained" : "stopped; work in flight was cancelled");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  gramian::RestartWithMissedBlasKernels(argv);
  // Debian builds Abseil with a search for lock cycles in every Mutex, those of gRPC among them.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  TuneAllocator();
  RaiseDescriptorLimit();
  const gramian::ParsedOptions parsed =
      gramian::ParseServerOptions(argc, argv, std::cout, std::cerr);
  if (!parsed.run) return parsed.exit_code;
  SetUpLogs(parsed.options.log_level, parsed.options.log_format);
  signal(SIGPIPE, SIG_IGN);
  try {
    return Run(parsed.options);
  } catch (const std::exception& error) {
    spdlog::critical("{}", error.what());
    return kExitFailed;
  }
}
