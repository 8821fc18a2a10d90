#ifndef GRAMIAN_CLIENT_TYPES_H_
#define GRAMIAN_CLIENT_TYPES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gramian/client/dtype.h"

namespace gramian::client {

// What one row of a layer holds. All but kActivations are tangent data: they describe the pullback
// metric G = J' J (m x m) of the layer at one input, J being its Jacobian (d x m) with respect to m
// coordinates of the manifold of inputs. Packed: the upper triangle row by row, m (m + 1) / 2
// values. A server keeps tangent data as factors, in float64.
enum class RowKind {
  kActivations,      // d features
  kFactor,           // R packed, upper triangular with R' R = G
  kJacobian,         // J row by row, d m values
  kPullbackMetric,   // G packed
  kSoftmaxJacobian,  // each of d logits with its m derivatives behind it; G is the Fisher
                     // information
};

// "activations", "factor", "jacobian", "pullback_metric" or "softmax_jacobian": also part of
// digests.
absl::string_view Name(RowKind kind);

// A training run or a pretrained model.
struct NetworkInfo {
  std::string name;          // resource name
  std::string display_name;  // the id as a person writes it
  int64_t snapshot_count = 0;
  int64_t last_step = 0;  // what `network@last` means
};

// A network at one step of its training.
struct SnapshotInfo {
  std::string name;
  int64_t step = 0;
  int64_t layer_count = 0;
  int64_t size_bytes = 0;
  bool pinned = false;  // retention leaves it alone
};

// One representation: `row_count` inputs (rows) by `feature_count` features (columns).
struct LayerInfo {
  std::string name;
  std::string module_path;  // the layer as the training framework names it
  int64_t row_count = 0;
  int64_t feature_count = 0;
  DType dtype = DType::kFloat32;
  std::string reduction;  // how a tensor became one row per input
  int64_t ordinal = 0;    // position in execution order
  std::string probe_set;  // rows of two layers correspond only within one probe set
  std::string digest;     // 32 hexadecimal digits; equal digests mean equal content
  int64_t size_bytes = 0;
  absl::Time commit_time;
  RowKind row_kind = RowKind::kActivations;  // kFactor for all tangent data
  int64_t coordinate_count = 0;              // m of tangent data; 0 for activations
  std::string sent_digest;  // of what was sent: `digest` unless tangent data were reduced
};

// Bytes [begin, end) of a row-major matrix.
struct ByteRange {
  int64_t begin = 0;
  int64_t end = 0;

  bool operator==(const ByteRange&) const = default;
};

// An upload that is not committed yet.
struct UploadInfo {
  std::string name;  // the layer to be
  std::string upload_id;
  int64_t row_count = 0;
  int64_t feature_count = 0;
  DType dtype = DType::kFloat32;
  std::vector<ByteRange> persisted;  // need not be sent again: ascending, disjoint, not touching
  int64_t stream_count = 0;          // writers that fill it now
  absl::Time expire_time;            // when it is dropped unless a writer goes on with it
};

// A layer to be, as FindMissingLayers asks for it.
struct LayerCandidate {
  std::string module_path;
  std::string digest;  // see digest.h
};

// n inputs in a fixed order. Layers that name it have exactly n rows, in this order.
struct ProbeSetInfo {
  std::string name;                    // resource name
  std::string display_name;            // the id as a person writes it
  int64_t input_count = 0;             // n
  std::string input_ids_digest;        // of digest.h; empty if the probe set is only a count
  std::vector<std::string> input_ids;  // in order, if they were given and asked for
  absl::Time create_time;
};

// A probe set to be created.
struct NewProbeSet {
  std::string id;           // as a person writes it, 1 to 255 bytes
  int64_t input_count = 0;  // n >= 1; may be 0 with input_ids
  std::vector<std::string> input_ids =
      {};                             // optional; all different, and small enough for a message
  std::string input_ids_digest = {};  // optional; says the order of more ids than that
};

// What became of one comparison. Only kOk has a value.
enum class ScoreStatus {
  kOk,
  kDegenerateConstant,   // a side answers every input alike
  kTooFewInputs,         // fewer inputs than the measure needs
  kNonpositiveSelfTerm,  // the unbiased self term of a side is not positive
  kUndefinedRoot,        // the root of a negative quantity
  kZeroBandwidth,        // a median bandwidth is zero
  kRankDeficient,        // pullback metrics are singular where full rank is needed
  kDifferentWidths,      // the measure compares features, of which the sides have different numbers
  kCoincidingPoints,     // of paths: points that a direction or a ratio needs apart coincide
  kAntipodalPoints,      // of paths: opposite points of the sphere, which no one geodesic joins
  kEquidistant,          // of paths: every point of the geodesic is equally near
  kUnknown,              // a status this client does not know yet
};

// How a score was computed; all forms are exact.
enum class ComputeForm { kNone, kFeatureSpace, kSampleSpace, kSpectral };

// "ok", "constant", "too few inputs", "nonpositive self term", "undefined root", "zero bandwidth",
// "rank deficient", "different widths", "coinciding points", "antipodal points", "equidistant" or
// "unknown".
absl::string_view Name(ScoreStatus status);

// "-", "feature space", "sample space" or "spectral".
absl::string_view Name(ComputeForm form);

// The answer of one measure to one pair.
struct Score {
  std::string measure;          // canonical name
  std::optional<double> value;  // finite; absent unless status is kOk
  ScoreStatus status = ScoreStatus::kOk;
  int64_t input_count = 0;      // n
  int64_t feature_count_a = 0;  // d of either side
  int64_t feature_count_b = 0;
  bool larger_is_more_similar = true;
  ComputeForm form = ComputeForm::kNone;
  double compute_seconds = 0;  // spent by this call; 0 when the score was known
  bool cached = false;
  // Share of the true neighbours that an approximate search found, on a sample; 1 for exact scores.
  float recall = 1.0F;
};

// One cell of a SimilarityMatrix.
struct Cell {
  std::optional<double> value;  // finite; absent unless status is kOk
  ScoreStatus status = ScoreStatus::kOk;
};

// A matrix of scores, layers by layers or networks by networks.
struct SimilarityMatrix {
  std::string measure;                    // canonical name
  std::vector<std::string> row_names;     // resource names
  std::vector<std::string> column_names;  //
  std::vector<std::string> row_labels;  // what a person calls them: module paths, or `network@step`
  std::vector<std::string> column_labels;
  std::vector<int64_t> row_feature_counts;
  std::vector<int64_t> column_feature_counts;
  int64_t input_count = 0;  // n
  bool larger_is_more_similar = true;
  ComputeForm form = ComputeForm::kNone;  // of the last block
  int64_t cached_count = 0;               // cells the server knew already
  double elapsed_seconds = 0;             // on the server, from request to last block
  float recall = 1.0F;                    // the least of the scores'
  std::vector<Cell> cells;                // row_labels.size() x column_labels.size(), row-major

  const Cell& at(size_t row, size_t column) const {
    return cells[row * column_labels.size() + column];
  }
};

// How far a matrix has come.
struct MatrixProgress {
  int64_t done_count = 0;  // cells
  int64_t cell_count = 0;
  double elapsed_seconds = 0;
};

// In which order alternating diffusion multiplies the operators S_1 ... S_L of a network's layers.
enum class FusionOrder {
  kSymmetrized,  // S_1 ... S_L S_L ... S_1: positive semi-definite, scores lie in [0, 1]
  kProduct,      // S_1 S_2 ... S_L
  kReversed,     // S_L ... S_1 S_1 ... S_L: positive semi-definite too; weights the last layer
};

// How the layers of one network become one operator.
struct Fusion {
  FusionOrder order = FusionOrder::kSymmetrized;
  double power = 1;                      // > 0, up to 64; an integer with kProduct
  std::vector<std::string> layers = {};  // module paths, in this order; empty means all by ordinal
};

// One measure: a family with one choice of its parameters.
struct MeasureInfo {
  struct Parameter {
    std::string key;
    std::string description;
    std::string default_value;
  };
  std::string name;    // canonical, e.g. "ms-cka-kernel=linear-t=4"
  std::string family;  // the name up to the first parameter
  std::string description;
  double range_min = 0;  // minus infinity if there is none
  double range_max = 1;  // infinity if there is none
  bool larger_is_more_similar = true;
  int64_t min_input_count = 2;  // fewest inputs n for which it is defined
  bool is_symmetric = false;
  bool is_metric = false;  // a true distance
  bool applies_to_networks = false;
  bool compares_tangents = false;        // tangent data instead of activations
  std::vector<std::string> invariances;  // "permutation", "orthogonal", ...
  std::vector<Parameter> parameters;
};

// What to see of an operator. Exactly the fields of `kind` are read.
struct OperatorQuery {
  enum class Kind {
    kSpectrum,  // eigenvalues of the Markov operator without the trivial 1, largest first: count x
                // 1
    kCoordinates,  // lambda_k^time u_k(i), for those eigenvalues and their eigenvectors: n x count
    kMarkovRows,   // rows of the Markov matrix P: count x n
  };
  std::string source;  // resource name of a layer, or of a snapshot whose layers are fused
  Kind kind = Kind::kSpectrum;
  int64_t count = 0;        // at most so many eigenvalues, coordinates or rows; 0 means all
  double time = 1;          // diffusion time of the coordinates, > 0
  int64_t first_row = 0;    // of the Markov matrix
  Fusion fusion = {};       // with a snapshot
  std::string kernel = {};  // e.g. "rbf-bandwidth=median:1"; empty means linear
};

// A view of an operator.
struct OperatorView {
  std::vector<std::string> layers;  // resource names, in the order used
  int64_t input_count = 0;          // n
  std::string kernel;               // canonical
  int64_t row_count = 0;
  int64_t column_count = 0;
  std::vector<double> values;  // row_count x column_count, row-major
};

// The limits of a server. Names say the unit.
struct ServerLimits {
  int64_t chunk_bytes = 0;
  int64_t message_bytes = 0;
  int64_t row_count = 0;
  int64_t feature_count = 0;
  int64_t layers_per_snapshot_count = 0;
  int64_t open_upload_count = 0;
  int64_t upload_idle_seconds = 0;
  int64_t store_bytes = 0;
  int64_t cache_bytes = 0;
  int64_t queue_count = 0;
  int64_t page_size = 0;
  int64_t name_bytes = 0;
  int64_t measure_count = 0;
  int64_t network_count = 0;
  int64_t scratch_bytes = 0;  // of one computation
  int64_t memory_bytes = 0;   // activations in memory, operators and computations together
  int64_t disk_reserve_bytes = 0;
  int64_t retain_seconds = 0;            // 0: for ever
  int64_t retain_bytes = 0;              // 0: all
  int64_t project_bytes = 0;             // 0: no limit of a project's own
  int64_t project_calls_per_second = 0;  // 0: no limit
  int64_t project_burst_calls = 0;
  int64_t connection_count = 0;
  int64_t calls_per_connection_count = 0;
  int64_t stream_stall_seconds = 0;
  int64_t keepalive_seconds = 0;
  int64_t keepalive_timeout_seconds = 0;
  int64_t connection_idle_seconds = 0;
  int64_t connection_age_seconds = 0;  // 0: for ever
  int64_t connection_grace_seconds = 0;
  int64_t score_count = 0;
  int64_t watch_count = 0;  // of a project
};

// What a backup holds.
struct BackupInfo {
  std::string path;         // the folder, on the server's side
  absl::Time create_time;   // what was committed before is in it
  int64_t layer_count = 0;  // of all projects
  int64_t size_bytes = 0;   // of their content, each once
  bool linked = false;      // shares the files of the server: outlives deletions, not the disk
};

// What a server is and how it computes.
struct ServerInfo {
  std::string version;
  std::string blas_core;
  std::string grpc_version;
  int32_t compute_thread_count = 0;
  absl::Time start_time;
  ServerLimits limits;
};

// What DeleteSnapshot removed.
struct DeletedSnapshot {
  int64_t layer_count = 0;
  int64_t size_bytes = 0;
};

// What DeleteNetwork removed.
struct DeletedNetwork {
  int64_t snapshot_count = 0;
  int64_t layer_count = 0;
  int64_t size_bytes = 0;
};

}  // namespace gramian::client

#endif  // GRAMIAN_CLIENT_TYPES_H_
