// Between messages about activations and the library's types. Values are checked here, once, at the
// border.
#ifndef GRAMIAN_SERVER_ACTIVATION_MESSAGES_H_
#define GRAMIAN_SERVER_ACTIVATION_MESSAGES_H_

#include <google/protobuf/repeated_field.h>
#include <google/protobuf/timestamp.pb.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gramian/store/layer.h"
#include "gramian/store/upload.h"
#include "gramian/v1/activation_service.pb.h"
#include "gramian/v1/resources.pb.h"
#include "server/server_options.h"

namespace gramian {

// What a header announces, checked against the limits; `partial` is left out. The digest of given
// input ids is computed. INVALID_ARGUMENT for a value that is wrong in itself, RESOURCE_EXHAUSTED
// for one beyond a limit.
absl::StatusOr<UploadPlan> ToUploadPlan(const v1::UploadHeader& header,
                                        const ServerOptions& options);

// The probe set to create, without its create_time. Errors as above, and RESOURCE_EXHAUSTED if
// GetProbeSet could not return it in one message.
absl::StatusOr<ProbeSet> ToProbeSet(const v1::CreateProbeSetRequest& request,
                                    const ServerOptions& options);

// The names of a layer and of an upload that fills it. INVALID_ARGUMENT, also for `last`.
absl::StatusOr<LayerKey> ToUploadKey(absl::string_view layer_name, absl::string_view upload_id,
                                     const ServerOptions& options);

// INVALID_ARGUMENT, calling it `what`, unless `id` is 1 to options.name_bytes of text.
absl::Status CheckId(absl::string_view id, absl::string_view what, const ServerOptions& options);
// INVALID_ARGUMENT, calling it `what`, unless `digest` is 32 lower-case hexadecimal digits.
absl::Status CheckDigest(absl::string_view digest, absl::string_view what);

v1::Layer ToProto(const StoredLayer& layer);
v1::Snapshot ToProto(const SnapshotKey& key, const SnapshotSummary& summary);
// With or without the input ids.
v1::ProbeSet ToProto(const ProbeSet& probe_set, bool with_input_ids);
// Every field but stream_count and expire_time.
v1::Upload ToProto(const Upload& upload);
void AddRanges(absl::Span<const ByteRange> ranges,
               google::protobuf::RepeatedPtrField<v1::ByteRange>& out);
google::protobuf::Timestamp ToProto(absl::Time time);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_ACTIVATION_MESSAGES_H_
