// Early returns for absl::Status and absl::StatusOr.
#ifndef GRAMIAN_BASE_STATUS_MACROS_H_
#define GRAMIAN_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define GRAMIAN_STATUS_CONCAT_INNER(a, b) a##b
#define GRAMIAN_STATUS_CONCAT(a, b) GRAMIAN_STATUS_CONCAT_INNER(a, b)

// Returns the status of `expr` from the enclosing function unless it is OK.
#define GRAMIAN_RETURN_IF_ERROR(expr)                \
  do {                                               \
    absl::Status gramian_status = (expr);            \
    if (!gramian_status.ok()) return gramian_status; \
  } while (false)

// Evaluates `expr`, a StatusOr<T>; assigns the value to `lhs` or returns the status from the
// enclosing function.
#define GRAMIAN_ASSIGN_OR_RETURN(lhs, expr) \
  GRAMIAN_ASSIGN_OR_RETURN_INNER(GRAMIAN_STATUS_CONCAT(gramian_status_or_, __LINE__), lhs, expr)
#define GRAMIAN_ASSIGN_OR_RETURN_INNER(status_or, lhs, expr) \
  auto status_or = (expr);                                   \
  if (!status_or.ok()) return std::move(status_or).status(); \
  lhs = *std::move(status_or)

#endif  // GRAMIAN_BASE_STATUS_MACROS_H_
