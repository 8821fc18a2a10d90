#ifndef GRAMIAN_RPC_CONVERT_H_
#define GRAMIAN_RPC_CONVERT_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gramian/client/activation_writer.h"
#include "gramian/client/types.h"
#include "gramian/v1/activation_service.pb.h"
#include "gramian/v1/admin_service.pb.h"
#include "gramian/v1/resources.pb.h"
#include "gramian/v1/similarity.pb.h"
#include "gramian/v1/similarity_service.pb.h"

namespace gramian::client {

// Messages of the protocol to and from the plain structs of types.h. Values this client does not
// know become the "unknown" of their enum.
absl::Time FromProto(const google::protobuf::Timestamp& time);
ScoreStatus FromProto(v1::ScoreStatus status);
// A status and its value, of which only an OK one has any.
Cell MakeCell(v1::ScoreStatus status, double value);
NetworkInfo FromProto(const v1::Network& proto);
SnapshotInfo FromProto(const v1::Snapshot& proto);
LayerInfo FromProto(const v1::Layer& proto);
UploadInfo FromProto(const v1::Upload& proto);
ProbeSetInfo FromProto(const v1::ProbeSet& proto);
std::vector<ByteRange> FromProto(const google::protobuf::RepeatedPtrField<v1::ByteRange>& proto);
Score FromProto(const v1::Score& proto);
MeasureInfo FromProto(const v1::Measure& proto);
ServerInfo FromProto(const v1::GetServerInfoResponse& proto);
BackupInfo FromProto(const v1::CreateBackupResponse& proto);

// An empty matrix with its names; every cell still lacks a value. INTERNAL when the header
// contradicts itself or announces more than 10^8 cells.
absl::StatusOr<SimilarityMatrix> FromProto(const v1::MatrixHeader& proto);

// Puts a block into its place. INTERNAL when it does not fit.
absl::Status Fill(const v1::MatrixBlock& block, SimilarityMatrix& matrix);

v1::UploadHeader ToProto(const LayerHeader& header);
v1::Fusion ToProto(const Fusion& fusion);
v1::GetOperatorRequest ToProto(const OperatorQuery& query);

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_CONVERT_H_
