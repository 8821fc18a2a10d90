// Which of its kernels OpenBLAS uses is decided when the library is loaded, before main.
#ifndef GRAMIAN_BASE_BLAS_KERNELS_H_
#define GRAMIAN_BASE_BLAS_KERNELS_H_

#include <string>

namespace gramian {

// The kernels, as OPENBLAS_CORETYPE names them, that this processor could run instead of the ones
// OpenBLAS took: "SkylakeX" with AVX-512, "Haswell" with AVX2 and FMA. Empty if OpenBLAS knows the
// processor, if it is too old for either, or if OPENBLAS_CORETYPE is set.
//
// OpenBLAS 0.3.21 takes "Prescott" for every processor younger than itself: SSE3, an order of
// magnitude slower than the machine.
std::string MissedBlasKernels();

// Replaces this process (execv: same process id, arguments, descriptors) by the same program with
// OPENBLAS_CORETYPE set to MissedBlasKernels(). Returns if there are none or the system refuses.
// The first thing in main, before there is anything to lose.
void RestartWithMissedBlasKernels(char** argv);

}  // namespace gramian

#endif  // GRAMIAN_BASE_BLAS_KERNELS_H_
