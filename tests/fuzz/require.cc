#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/targets.h"

namespace gramian::fuzz {

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace gramian::fuzz
