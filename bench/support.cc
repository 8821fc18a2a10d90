#include "support.h"

#include <sys/resource.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <regex>

#include "absl/strings/str_cat.h"

namespace gramian::bench {

double WallSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

absl::Status Timings::Run(int repeats, const std::function<absl::Status()>& body) {
  for (int i = 0; i < repeats; ++i) {
    const double wall_start = WallSeconds();
    const double cpu_start = CpuSeconds();
    const absl::Status status = body();
    if (!status.ok()) return status;
    cpu_s.push_back(CpuSeconds() - cpu_start);
    wall_s.push_back(WallSeconds() - wall_start);
  }
  return absl::OkStatus();
}

absl::StatusOr<NpyArray> ReadNpy(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  unsigned char prefix[10];  // magic, version, two bytes of header length
  if (!file.read(reinterpret_cast<char*>(prefix), sizeof(prefix))) {
    return absl::NotFoundError(absl::StrCat("cannot read ", path));
  }
  std::string header(static_cast<size_t>(prefix[8] + 256 * prefix[9]), '\0');
  file.read(header.data(), static_cast<std::streamsize>(header.size()));
  const std::regex pattern(
      R"(.*'descr': '<f4', 'fortran_order': False, 'shape': \((\d+), (\d+)\).*\s*)");
  std::smatch match;
  if (!file || prefix[6] != 1 || !std::regex_match(header, match, pattern)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is not a float32 matrix: ", header));
  }
  NpyArray array{.rows = std::stoll(match[1]), .cols = std::stoll(match[2]), .bytes = nullptr};
  const auto size = static_cast<size_t>(array.rows * array.cols) * sizeof(float);
  array.bytes = std::make_unique_for_overwrite<std::byte[]>(size);
  if (!file.read(reinterpret_cast<char*>(array.bytes.get()), static_cast<std::streamsize>(size))) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is cut short"));
  }
  return array;
}

int Finish(const absl::StatusOr<nlohmann::json>& output) {
  if (!output.ok()) {
    std::cerr << output.status() << '\n';
    return 1;
  }
  std::cout << output->dump() << '\n';
  return 0;
}

}  // namespace gramian::bench
