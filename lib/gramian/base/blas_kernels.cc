#include "gramian/base/blas_kernels.h"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "gramian/base/blas.h"

namespace gramian {
namespace {

constexpr char kVariable[] = "OPENBLAS_CORETYPE";
// What OpenBLAS falls back to on x86-64.
constexpr char kFallback[] = "Prescott";

}  // namespace

std::string MissedBlasKernels() {
  if (getenv(kVariable) != nullptr || BlasCoreName() != kFallback) return "";
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return "SkylakeX";
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
  return "";
}

void RestartWithMissedBlasKernels(char** argv) {
  const std::string kernels = MissedBlasKernels();
  if (kernels.empty()) return;
  // The name behind the link: what is started keeps its name in lists of processes.
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error || setenv(kVariable, kernels.c_str(), 1) != 0) return;
  execv(program.c_str(), argv);
  unsetenv(kVariable);
}

}  // namespace gramian
