// Persistent homology by GUDHI, which keeps every simplex: for sets of up to a hundred points.
#ifndef GRAMIAN_TESTS_TESTING_GUDHI_LOOPS_H_
#define GRAMIAN_TESTS_TESTING_GUDHI_LOOPS_H_

#include <utility>
#include <vector>

#include "gramian/base/matrix.h"

namespace gramian::testing {

// Birth and death of the bars of dimension 1 and positive length of the Vietoris-Rips filtration of
// points with these distances, sorted. At scales without end there are none.
std::vector<std::pair<double, double>> GudhiLoops(const Matrix& distances);

// The same of the 2 n points of a cross-barcode, literally.
std::vector<std::pair<double, double>> GudhiCrossLoops(const Matrix& from, const Matrix& to);

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_TESTING_GUDHI_LOOPS_H_
