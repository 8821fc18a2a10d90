// Loops over arrays that deserve wider vectors than every x86-64 has.
#ifndef GRAMIAN_BASE_WIDER_H_
#define GRAMIAN_BASE_WIDER_H_

// Before a function: it is compiled for AVX2 too, and the loader takes what the processor has. No
// fused multiply-adds, so that results are the same bits. For small functions with one plain loop;
// a call costs an indirection. Sanitizers are not ready yet when the loader chooses.
#if defined(__x86_64__) && !defined(GRAMIAN_SANITIZED)
#define GRAMIAN_WIDER __attribute__((target_clones("avx2", "default")))
#else
#define GRAMIAN_WIDER
#endif

#endif  // GRAMIAN_BASE_WIDER_H_
