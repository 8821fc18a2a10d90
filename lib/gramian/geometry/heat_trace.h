// How much heat stays where it was on the graph of nearest neighbours.
#ifndef GRAMIAN_GEOMETRY_HEAT_TRACE_H_
#define GRAMIAN_GEOMETRY_HEAT_TRACE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/geometry/neighbors.h"

namespace gramian {

// h(t) = tr exp(-t L) / n of L = I - D^(-1/2) A D^(-1/2), A_ij = 1 if one of i and j is among the
// neighbours of the other, D their numbers. In [0, 1], falling in t.

// From all eigenvalues. 9 n^3 flops, 32 n^2 bytes of scratch. CANCELLED; RESOURCE_EXHAUSTED.
absl::StatusOr<Vector> ExactHeatTrace(const ComputeContext& context, const Neighbors& neighbors,
                                      absl::Span<const double> times);

// Estimated by stochastic Lanczos quadrature: the mean of v' exp(-t L) v / n over `probes` >= 1
// vectors v of random signs, each from 32 Lanczos steps, which are exact to rounding for t <= 10.
// The standard deviation is sqrt(2 / probes) |exp(-t L)|_F / n or less. The signs depend on `seed`,
// n and the number of the probe alone. probes n (100 k + 4,000) flops and 300 n bytes of scratch a
// thread, beside 8 n k for the graph and
// 8 bytes for each probe and time. CANCELLED; RESOURCE_EXHAUSTED. Bit-identical whatever the
// threads. Source: Ubaru, Chen, Saad 2017.
absl::StatusOr<Vector> EstimatedHeatTrace(const ComputeContext& context, const Neighbors& neighbors,
                                          absl::Span<const double> times, int64_t probes,
                                          int64_t seed);

}  // namespace gramian

#endif  // GRAMIAN_GEOMETRY_HEAT_TRACE_H_
