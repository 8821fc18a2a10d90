#ifndef GRAMIAN_CLI_LAYER_SOURCE_H_
#define GRAMIAN_CLI_LAYER_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gramian/cli/npy.h"
#include "gramian/client/dtype.h"
#include "gramian/client/types.h"

namespace gramian::client::cli {

// How a tensor with more than two dimensions, inputs first, becomes one row per input.
enum class Reduction {
  kNone,     // it must have two dimensions
  kFlatten,  // all but the first dimension become one: (n, c, h, w) -> n x chw
  kAvgPool,  // the mean over all but the first two: (n, c, h, w) -> n x c; in double, kept as
             // float32
};

// "none", "flatten" or "avg_pool".
absl::string_view Name(Reduction reduction);
absl::StatusOr<Reduction> ParseReduction(absl::string_view name);

// The kind called so by Name. INVALID_ARGUMENT, listing all, if there is none.
absl::StatusOr<RowKind> ParseRowKind(absl::string_view name);

// A file that is to become a layer.
struct LayerFile {
  std::string path;
  std::string layer;  // file stem, percent-decoded: `encoder%2F0.npy` is the layer encoder/0
  int64_t ordinal = 0;
};

// The .npy files of the paths, a folder standing for all of its .npy files, in natural order of
// their names (relu2 before relu10). `order`, if not empty, names all the layers in execution order
// instead.
//
// NOT_FOUND for a path that does not exist; INVALID_ARGUMENT when there is no .npy file, two have
// the same layer name, or `order` and the files do not name the same layers.
absl::StatusOr<std::vector<LayerFile>> FindLayerFiles(const std::vector<std::string>& paths,
                                                      const std::vector<std::string>& order);

// Whether `a` comes before `b` when runs of digits are compared as numbers.
bool NaturalLess(absl::string_view a, absl::string_view b);

// A layer's activations, row-major without gaps: mapped from its file where no computation is
// needed.
class LayerData {
 public:
  // As NpyFile::Open; INVALID_ARGUMENT as well when the array's dimensions do not suit the
  // reduction.
  // With tangent data the dimensions give the number of coordinates m: (n, d, m) of a Jacobian,
  // (n, classes, 1 + m) of a softmax, (n, m (m + 1) / 2) of packed triangles.
  static absl::StatusOr<LayerData> Load(const std::string& path, std::optional<DType> declared,
                                        Reduction reduction,
                                        RowKind row_kind = RowKind::kActivations);

  int64_t row_count() const { return row_count_; }
  int64_t feature_count() const { return feature_count_; }
  int64_t coordinate_count() const { return coordinate_count_; }  // m; 0 of activations
  DType dtype() const { return dtype_; }
  int64_t row_bytes() const { return feature_count_ * ByteSize(dtype_); }
  const std::byte* data() const;

 private:
  explicit LayerData(NpyFile file) : file_(std::move(file)) {}

  NpyFile file_;
  std::vector<float> pooled_;  // used instead of the file when not empty
  int64_t row_count_ = 0;
  int64_t feature_count_ = 0;
  int64_t coordinate_count_ = 0;
  DType dtype_ = DType::kFloat32;
};

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_LAYER_SOURCE_H_
