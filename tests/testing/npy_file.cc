#include "tests/testing/npy_file.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace gramian::testing {
namespace {

[[noreturn]] void Fail(const std::string& path, const char* why) {
  std::fprintf(stderr, "%s: %s\n", path.c_str(), why);
  std::abort();
}

}  // namespace

MatrixF ReadNpy(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  char prefix[10];
  if (!file.read(prefix, sizeof(prefix)) || std::string(prefix + 1, 5) != "NUMPY") {
    Fail(path, "is not an .npy file");
  }
  const size_t header_size =
      static_cast<unsigned char>(prefix[8]) + 256U * static_cast<unsigned char>(prefix[9]);
  std::string header(header_size, ' ');
  file.read(header.data(), static_cast<std::streamsize>(header_size));
  if (header.find("'<f4'") == std::string::npos || header.find("False") == std::string::npos) {
    Fail(path, "is not a C-order float32 file");
  }
  long rows = 0;
  long cols = 0;
  const size_t open = header.find("'shape': (");
  if (open == std::string::npos ||
      std::sscanf(header.c_str() + open, "'shape': (%ld, %ld)", &rows, &cols) != 2) {
    Fail(path, "is not two-dimensional");
  }
  MatrixF matrix(rows, cols);
  if (!file.read(reinterpret_cast<char*>(matrix.data()), rows * cols * 4))
    Fail(path, "is too short");
  return matrix;
}

}  // namespace gramian::testing
