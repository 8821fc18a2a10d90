// Operators that a caller asks to see: scores never need them.
#ifndef GRAMIAN_ENGINE_OPERATOR_VIEW_H_
#define GRAMIAN_ENGINE_OPERATOR_VIEW_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/derived.h"
#include "gramian/base/scratch_budget.h"
#include "gramian/geometry/kernel.h"
#include "gramian/measure/operand.h"

namespace gramian {

// Part of an operator that a caller asked to see. lambda_j and u_j are eigenpairs of P without the
// trivial pair (1, 1/sqrt n), by falling eigenvalue.
struct OperatorRequest {
  enum class View {
    kSpectrum,     // eigenvalues lambda_j, k of them, 0 = all that are not zero to rounding: k x 1
    kCoordinates,  // diffusion coordinates lambda_j^t u_j(i): n x k
    kRows,         // rows [first_row, first_row + row_count) of P: row_count x n
  };
  View view = View::kSpectrum;
  KernelSpec kernel;
  double t = 1.0;         // > 0, for kCoordinates
  int64_t k = 0;          // 0 = all
  int64_t first_row = 0;  // for kRows
  int64_t row_count = 0;  // 0 = to the end
};

// A part of an operator: rows x cols doubles, row-major. One that an engine gives holds its bytes
// in the budget of scratch as long as it is there.
struct OperatorView {
  int64_t rows = 0;
  int64_t cols = 0;
  std::vector<double> values;
  std::optional<ScratchBudget::Lease> held;
};

// The view of an operand's Markov operator: of a layer
//
//   P = J + c S~,   J = 11'/n,   c = 1 / (n |min_ij S~_ij|),
//
// of a network the product of its layers' operators in the order of its fusion, to the power of its
// fusion; entries of P are
// >= 0 and its rows sum to 1.
//
// INVALID_ARGUMENT for a bad t, k or range of rows, and for a network fused as a plain product,
// which has no real spectrum; FAILED_PRECONDITION if a layer has the same representation for all
// inputs, so that P = J; RESOURCE_EXHAUSTED if n x n doubles do not fit in scratch; CANCELLED.
// O(n^2 d) per layer, since c needs every entry of S~ (kept in `cache` for a fused network and for
// spectra).
absl::StatusOr<OperatorView> ViewOperator(const ComputeContext& context, const Operand& operand,
                                          const OperatorRequest& request, DerivedCache* cache);

}  // namespace gramian

#endif  // GRAMIAN_ENGINE_OPERATOR_VIEW_H_
