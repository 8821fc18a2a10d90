// Between messages about similarity and the library's types. Values are checked here, once, at the
// border.
#ifndef GRAMIAN_SERVER_CONVERT_H_
#define GRAMIAN_SERVER_CONVERT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gramian/engine/similarity_engine.h"
#include "gramian/measure/measure.h"
#include "gramian/measure/measure_registry.h"
#include "gramian/v1/similarity.pb.h"
#include "gramian/v1/similarity_service.pb.h"
#include "server/server_options.h"

namespace gramian {

// The keys a resource name stands for; `last` is looked up in `store`. INVALID_ARGUMENT; NOT_FOUND
// for `last` of an unknown network.
absl::StatusOr<SnapshotKey> ToSnapshotKey(absl::string_view name, const ActivationStore& store,
                                          const ServerOptions& options);
absl::StatusOr<LayerKey> ToLayerKey(absl::string_view name, const ActivationStore& store,
                                    const ServerOptions& options);

// Layers of a snapshot by module path, all of them if none is given. INVALID_ARGUMENT, also for
// more than the limit; NOT_FOUND.
absl::StatusOr<SnapshotSelection> ToSelection(
    const ActivationStore& store, const ServerOptions& options, absl::string_view snapshot,
    const google::protobuf::RepeatedPtrField<std::string>& layers);

// INVALID_ARGUMENT for an unknown order or a power outside (0, 64]. Layers are not part of it.
absl::StatusOr<Fusion> ToFusion(const v1::Fusion& fusion);

// `linear`, `rbf-bandwidth=median:1`, ...; empty means linear. INVALID_ARGUMENT.
absl::StatusOr<KernelSpec> ToKernel(absl::string_view text);

// INVALID_ARGUMENT unless exactly one source and view are given and the numbers make sense.
absl::StatusOr<OperatorRequest> ToOperatorRequest(const v1::GetOperatorRequest& request);

v1::ScoreStatus ToProto(ScoreStatus status);
v1::ScoreSpace ToProto(ScoreSpace space);
v1::Score ToProto(const Comparison& comparison, const SimilarityMeasure& measure);
// Every field but elapsed_seconds.
v1::MatrixBlock ToProto(const ComparisonBlock& block);
v1::Measure ToProto(const SimilarityMeasure& measure, const MeasureFamily& family);

// "network@step".
std::string SnapshotLabel(const SnapshotKey& key);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_CONVERT_H_
