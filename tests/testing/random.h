// Seeded random inputs for tests.
#ifndef GRAMIAN_TESTS_TESTING_RANDOM_H_
#define GRAMIAN_TESTS_TESTING_RANDOM_H_

#include <cstdint>
#include <memory>

#include "gramian/base/matrix.h"
#include "gramian/representation/representation.h"

namespace gramian::testing {

// Independent standard normal entries.
Matrix RandomNormal(Index rows, Index cols, uint64_t seed);

// A random orthogonal d x d matrix.
Matrix RandomOrthogonal(Index d, uint64_t seed);

// A layer-like n x d matrix: a decaying spectrum, correlated features, means of a few standard
// deviations.
Matrix RandomActivations(Index rows, Index cols, uint64_t seed);

// A second representation of the same inputs: `share` of `x` mixed through random features, the
// rest independent.
Matrix RandomRelated(const Matrix& x, Index cols, double share, uint64_t seed);

// The matrix as float32 (or float64) representation; aborts if it is not finite.
std::shared_ptr<const Representation> AsFloat32(const Matrix& matrix);
std::shared_ptr<const Representation> AsFloat64(const Matrix& matrix);

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_TESTING_RANDOM_H_
