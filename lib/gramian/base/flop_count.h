// How much this process has computed.
#ifndef GRAMIAN_BASE_FLOP_COUNT_H_
#define GRAMIAN_BASE_FLOP_COUNT_H_

namespace gramian {

// Floating point operations of the matrix products (Gemm, SyrkUpper; 2 for each product of two
// numbers that is added up) since the process started. Decompositions and loops are not counted.
// Thread-safe.
double MatrixFlops();

}  // namespace gramian

#endif  // GRAMIAN_BASE_FLOP_COUNT_H_
