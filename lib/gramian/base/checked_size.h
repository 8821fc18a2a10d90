// Sizes that come from outside are multiplied only here.
#ifndef GRAMIAN_BASE_CHECKED_SIZE_H_
#define GRAMIAN_BASE_CHECKED_SIZE_H_

#include <cstdint>
#include <initializer_list>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace gramian {

// Returns the product of `factors`, all >= 0. INVALID_ARGUMENT, naming `what`, if a factor is
// negative or the product does not fit in int64.
inline absl::StatusOr<int64_t> CheckedProduct(std::initializer_list<int64_t> factors,
                                              absl::string_view what) {
  int64_t product = 1;
  for (const int64_t factor : factors) {
    if (factor < 0) return absl::InvalidArgumentError(absl::StrCat(what, " is negative"));
    if (__builtin_mul_overflow(product, factor, &product)) {
      return absl::InvalidArgumentError(absl::StrCat(what, " does not fit in 63 bits"));
    }
  }
  return product;
}

}  // namespace gramian

#endif  // GRAMIAN_BASE_CHECKED_SIZE_H_
