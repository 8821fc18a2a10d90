// Lists of neighbours from n x n similarities, all sorted.
#ifndef GRAMIAN_TESTS_MEASURE_NAIVE_NEIGHBORS_H_
#define GRAMIAN_TESTS_MEASURE_NAIVE_NEIGHBORS_H_

#include <algorithm>
#include <numeric>
#include <vector>

#include "gramian/base/matrix.h"

namespace gramian::testing {

inline Matrix CosineSimilarities(const Matrix& x) {
  const Matrix unit = x.rowwise().normalized();
  return unit * unit.transpose();
}

// Lists by falling similarity.
inline std::vector<std::vector<Index>> NaiveLists(const Matrix& similarity, Index k) {
  std::vector<std::vector<Index>> lists;
  for (Index i = 0; i < similarity.rows(); ++i) {
    std::vector<Index> others(static_cast<size_t>(similarity.rows()));
    std::iota(others.begin(), others.end(), 0);
    others.erase(others.begin() + i);
    std::stable_sort(others.begin(), others.end(),
                     [&](Index a, Index b) { return similarity(i, a) > similarity(i, b); });
    others.resize(static_cast<size_t>(k));
    lists.push_back(std::move(others));
  }
  return lists;
}

inline bool Contains(const std::vector<Index>& list, Index j) {
  return std::find(list.begin(), list.end(), j) != list.end();
}

inline Index RankIn(const std::vector<Index>& list, Index j) {
  return std::find(list.begin(), list.end(), j) - list.begin() + 1;
}

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_MEASURE_NAIVE_NEIGHBORS_H_
