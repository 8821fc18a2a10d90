// Reads the float32 and float64 .npy files of the golden data.
#ifndef GRAMIAN_TESTS_TESTING_NPY_FILE_H_
#define GRAMIAN_TESTS_TESTING_NPY_FILE_H_

#include <string>

#include "gramian/base/matrix.h"

namespace gramian::testing {

// The 2-D, C-order, little-endian float32 matrix in `path`. Aborts with a message if it is anything
// else: test data are ours.
MatrixF ReadNpy(const std::string& path);

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_TESTING_NPY_FILE_H_
