#include "gramian/base/parallel_sort.h"

#include <algorithm>
#include <numeric>

#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

// Values sorted or merged by one task: some milliseconds.
constexpr int64_t kPiece = int64_t{1} << 17;

// A sorted run.
template <typename T>
struct Run {
  const T* values;
  int64_t size;
};

// How many of the first `count` values of two merged runs come from `a`, whose values go before
// equal ones of `b`.
template <typename T>
int64_t SplitOf(const Run<T>& a, const Run<T>& b, int64_t count) {
  int64_t low = std::max<int64_t>(0, count - b.size);
  int64_t high = std::min(count, a.size);
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (b.values[count - middle - 1] < a.values[middle]) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

// Writes values [begin, end) of the merged runs to out; returns the inversions between the values
// of `b` among them and `a`.
template <typename T>
int64_t MergeRange(const Run<T>& a, const Run<T>& b, int64_t begin, int64_t end, T* out) {
  int64_t i = SplitOf(a, b, begin);
  int64_t j = begin - i;
  int64_t inversions = 0;
  for (int64_t place = begin; place < end; ++place) {
    if (j == b.size || (i < a.size && !(b.values[j] < a.values[i]))) {
      *out++ = a.values[i++];
    } else {
      inversions += a.size - i;
      *out++ = b.values[j++];
    }
  }
  return inversions;
}

// The runs of `width` values that are merged at `place`, and where they begin.
template <typename T>
int64_t PairAt(const std::vector<T>& values, int64_t width, int64_t place, Run<T>& a, Run<T>& b) {
  const auto n = static_cast<int64_t>(values.size());
  const int64_t first = place / (2 * width) * (2 * width);
  const int64_t middle = std::min(first + width, n);
  a = {values.data() + first, middle - first};
  b = {values.data() + middle, std::min(middle + width, n) - middle};
  return first;
}

// Sorts a piece by merging, which counts; `buffer` has the same size.
template <typename T>
int64_t SortAndCount(T* values, int64_t n, std::vector<T>& buffer) {
  int64_t inversions = 0;
  for (int64_t width = 1; width < n; width *= 2) {
    for (int64_t first = 0; first < n; first += 2 * width) {
      const int64_t middle = std::min(first + width, n);
      const int64_t last = std::min(middle + width, n);
      inversions +=
          MergeRange<T>({values + first, middle - first}, {values + middle, last - middle}, 0,
                        last - first, buffer.data() + first);
    }
    std::copy_n(buffer.data(), n, values);
  }
  return inversions;
}

// Sorts, piece by piece and then merging ever longer runs; counts inversions if asked.
template <typename T>
absl::StatusOr<int64_t> SortPieces(const ComputeContext& context, std::vector<T>& values,
                                   bool count) {
  const auto n = static_cast<int64_t>(values.size());
  const int64_t pieces = (n + kPiece - 1) / kPiece;
  std::vector<int64_t> inversions(static_cast<size_t>(pieces));
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, pieces, [&](int64_t piece) {
    T* const begin = values.data() + piece * kPiece;
    const int64_t size = std::min(kPiece, n - piece * kPiece);
    if (count) {
      std::vector<T> buffer(static_cast<size_t>(size));
      inversions[static_cast<size_t>(piece)] = SortAndCount(begin, size, buffer);
    } else {
      std::sort(begin, begin + size);
    }
    return absl::OkStatus();
  }));
  std::vector<T> merged(n > kPiece ? values.size() : 0);
  for (int64_t width = kPiece; width < n; width *= 2) {
    GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, pieces, [&](int64_t piece) {
      const int64_t begin = piece * kPiece;
      Run<T> a;
      Run<T> b;
      const int64_t first = PairAt(values, width, begin, a, b);
      inversions[static_cast<size_t>(piece)] += MergeRange(
          a, b, begin - first, std::min(begin + kPiece, n) - first, merged.data() + begin);
      return absl::OkStatus();
    }));
    values.swap(merged);
  }
  return std::accumulate(inversions.begin(), inversions.end(), int64_t{0});
}

}  // namespace

template <typename T>
absl::Status ParallelSort(const ComputeContext& context, std::vector<T>& values) {
  return SortPieces(context, values, /*count=*/false).status();
}

template absl::Status ParallelSort(const ComputeContext&, std::vector<double>&);
template absl::Status ParallelSort(const ComputeContext&, std::vector<uint64_t>&);

absl::StatusOr<int64_t> CountInversions(const ComputeContext& context,
                                        std::vector<uint32_t>& values) {
  return SortPieces(context, values, /*count=*/true);
}

}  // namespace gramian
