// What the benchmark programs share: clocks, .npy input, JSON output.
#ifndef GRAMIAN_BENCH_SUPPORT_H_
#define GRAMIAN_BENCH_SUPPORT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gramian::bench {

// Seconds since some fixed moment.
double WallSeconds();
// User and system time of this process, all threads.
double CpuSeconds();

// Wall and CPU seconds of each repetition. The reader of the output throws the first one away when
// there are several: it pays for memory that the process touches for the first time.
struct Timings {
  nlohmann::json wall_s = nlohmann::json::array();
  nlohmann::json cpu_s = nlohmann::json::array();

  // Calls body() `repeats` times; stops at the first error.
  absl::Status Run(int repeats, const std::function<absl::Status()>& body);
};

// A float32 array in C order, as NumPy saves it.
struct NpyArray {
  int64_t rows = 0;
  int64_t cols = 0;
  std::unique_ptr<std::byte[]> bytes;  // rows * cols floats
};

// NOT_FOUND if the file cannot be read; INVALID_ARGUMENT unless it is a two-dimensional '<f4' array
// in C order.
absl::StatusOr<NpyArray> ReadNpy(const std::string& path);

// Prints the object on one line and returns the exit code: 1, with the message on standard error,
// for an error.
int Finish(const absl::StatusOr<nlohmann::json>& output);

}  // namespace gramian::bench

#endif  // GRAMIAN_BENCH_SUPPORT_H_
