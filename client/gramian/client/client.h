#ifndef GRAMIAN_CLIENT_CLIENT_H_
#define GRAMIAN_CLIENT_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gramian/client/activation_writer.h"
#include "gramian/client/align_types.h"
#include "gramian/client/download_sink.h"
#include "gramian/client/match_types.h"
#include "gramian/client/operation_types.h"
#include "gramian/client/path_types.h"
#include "gramian/client/significance_types.h"
#include "gramian/client/tangent_types.h"
#include "gramian/client/types.h"
#include "gramian/client/watch_types.h"

namespace gramian::client {

// PEM files for a server that speaks TLS.
struct TlsOptions {
  // Authorities of which one has signed the server's certificate; empty: no TLS. Those of the
  // system are in /etc/ssl/certs/ca-certificates.crt.
  std::string ca_file;
  // The client's certificate and its key, for a server that asks for one.
  std::string cert_file;
  std::string key_file;
  // The name that the server's certificate must have; empty: the host of the address.
  std::string server_name;
};

// How a Client connects and how long its calls may take.
struct ClientOptions {
  absl::Duration connect_timeout = absl::Seconds(10);
  // Of calls that answer with one message.
  absl::Duration call_timeout = absl::Minutes(1);
  // Of calls that answer with a stream, of uploads and downloads with all of their attempts. The
  // server stops computing when it passes.
  absl::Duration stream_timeout = absl::Hours(1);
  // Of calls that may be repeated: for how long they are, with growing pauses, once an attempt
  // failed because the server was away, or asked to wait (RetryDelay). A server that is replaced is
  // back by then. Zero: never repeated.
  absl::Duration reconnect_timeout = absl::Minutes(1);
  // TCP connections that uploads and downloads are spread over, apart from the one for everything
  // else, so that a query never waits behind bulk data. 1 to 64.
  int upload_connection_count = 4;
  TlsOptions tls;
  // Says who calls, to a server that asks. Never part of a message.
  std::string token;
  // Whether the token may travel to other machines without TLS.
  bool allow_plaintext = false;
};

// What one call may do differently.
struct CallOptions {
  // Zero means the default of ClientOptions for this kind of call.
  absl::Duration timeout = absl::ZeroDuration();
  // A stop request ends the call with CANCELLED, and the server's computation with it.
  std::stop_token stop = {};
};

// Called for every block of a matrix, on the thread that made the call.
using MatrixProgressCallback = std::function<void(const MatrixProgress&)>;

// The constant in UPPER_SNAKE_CASE by which programs tell failures apart, e.g. LAYER_NOT_FOUND or
// QUEUE_FULL; empty when the server gave none.
std::string ErrorReason(const absl::Status& status);

// How long the server asks to wait before the same call; zero when it did not say.
absl::Duration RetryDelay(const absl::Status& status);

// A connection to a Gramian server. Thread-safe; one per process is enough. It must outlive its
// ActivationWriters.
//
// Arguments named `project`, `network`, `snapshot`, `layer` and `probe_set` are resource names
// (resource_name.h makes them). `last` as step of a snapshot means the newest one. Lists are
// complete: the pages are fetched as needed.
//
// Every method returns the status the server gave, with ErrorReason; besides that
// DEADLINE_EXCEEDED, CANCELLED, and UNAVAILABLE when the server cannot be reached. Calls are
// repeated, from their beginning, for up to reconnect_timeout when the server is away or asks to
// wait, except those that delete, abort or create something that would exist the second time.
class Client {
 public:
  // `address` is `host:port`, e.g. 127.0.0.1:7443. INVALID_ARGUMENT for malformed options, for
  // files of `tls` that cannot be read, and for a token that would travel in the clear; UNAVAILABLE
  // when nothing answers within connect_timeout.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(const std::string& address,
                                                         const ClientOptions& options = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  absl::StatusOr<std::vector<NetworkInfo>> ListNetworks(absl::string_view project,
                                                        const CallOptions& options = {});
  absl::StatusOr<std::vector<SnapshotInfo>> ListSnapshots(absl::string_view network,
                                                          const CallOptions& options = {});
  absl::StatusOr<std::vector<LayerInfo>> ListLayers(absl::string_view snapshot,
                                                    const CallOptions& options = {});
  absl::StatusOr<LayerInfo> GetLayer(absl::string_view layer, const CallOptions& options = {});

  // Deletes a snapshot with its layers; the step must be a number.
  absl::StatusOr<DeletedSnapshot> DeleteSnapshot(absl::string_view snapshot,
                                                 const CallOptions& options = {});
  // Deletes a network with all its snapshots, pinned or not.
  absl::StatusOr<DeletedNetwork> DeleteNetwork(absl::string_view network,
                                               const CallOptions& options = {});
  // Pins a snapshot, so that retention leaves it alone, or unpins it.
  absl::StatusOr<SnapshotInfo> PinSnapshot(absl::string_view snapshot, bool pinned,
                                           const CallOptions& options = {});

  // Announces a layer and returns when the server has reserved room for it: then write its rows.
  // See ActivationWriter.
  absl::StatusOr<ActivationWriter> OpenLayer(const LayerHeader& header,
                                             const UploadOptions& options = {});
  // The module paths of those candidates that the snapshot, which need not exist, lacks or has with
  // other content, in the order given: what a repeated run has to send. Each module path once.
  absl::StatusOr<std::vector<std::string>> FindMissingLayers(
      absl::string_view snapshot, const std::vector<LayerCandidate>& candidates,
      const CallOptions& options = {});
  // What is there of an upload, `layer` being the layer to be. NOT_FOUND if it never began, was
  // committed, aborted or dropped.
  absl::StatusOr<UploadInfo> GetUpload(absl::string_view layer, absl::string_view upload_id,
                                       const CallOptions& options = {});
  // Drops an upload and what it brought; its writers end with ABORTED.
  absl::Status AbortUpload(absl::string_view layer, absl::string_view upload_id,
                           const CallOptions& options = {});

  // Reads a layer back into `sink`, goes on by itself where a connection broke, and checks the
  // digest of the whole. ABORTED if the layer was replaced meanwhile; DATA_LOSS if it does not have
  // its digest or a piece not its checksum; then, and after any other error, what the sink got is
  // not to be used.
  absl::StatusOr<LayerInfo> DownloadLayer(absl::string_view layer, DownloadSink& sink,
                                          const CallOptions& options = {});

  // Creates a probe set; the same one again is OK. Returns it without its input ids.
  // ALREADY_EXISTS, naming the first difference, if it is there with another count or order or
  // layers do not fit it.
  absl::StatusOr<ProbeSetInfo> CreateProbeSet(absl::string_view project,
                                              const NewProbeSet& probe_set,
                                              const CallOptions& options = {});
  // One probe set, with its input ids if it was created with them.
  absl::StatusOr<ProbeSetInfo> GetProbeSet(absl::string_view probe_set,
                                           const CallOptions& options = {});
  // Those of a project, by id, without input ids.
  absl::StatusOr<std::vector<ProbeSetInfo>> ListProbeSets(absl::string_view project,
                                                          const CallOptions& options = {});
  // FAILED_PRECONDITION, naming one, if layers or open uploads name the probe set.
  absl::Status DeleteProbeSet(absl::string_view probe_set, const CallOptions& options = {});

  // One score per measure, in the order given. `measures` are names such as "cka" or "ms-cka-t=4".
  absl::StatusOr<std::vector<Score>> CompareLayers(absl::string_view layer_a,
                                                   absl::string_view layer_b,
                                                   const std::vector<std::string>& measures,
                                                   const CallOptions& options = {});

  // Every layer of `snapshot_a` (rows) with every layer of `snapshot_b` (columns), by ordinal.
  absl::StatusOr<SimilarityMatrix> CompareSnapshots(
      absl::string_view snapshot_a, absl::string_view snapshot_b, absl::string_view measure,
      const MatrixProgressCallback& progress = nullptr, const CallOptions& options = {});

  // Fuses the layers of each snapshot by alternating diffusion and compares the fused networks, K x
  // K.
  absl::StatusOr<SimilarityMatrix> CompareNetworks(const std::vector<std::string>& snapshots,
                                                   absl::string_view measure,
                                                   const Fusion& fusion = {},
                                                   const MatrixProgressCallback& progress = nullptr,
                                                   const CallOptions& options = {});

  absl::StatusOr<OperatorView> GetOperator(const OperatorQuery& query,
                                           const CallOptions& options = {});

  // Networks as paths through the space that a measure places layers in.
  absl::StatusOr<PathReport> AnalyzePath(const PathQuery& query, const CallOptions& options = {});

  // Two layers by their pullback metrics, from tangent data or from activations of known points.
  absl::StatusOr<TangentReport> CompareTangents(const TangentQuery& query,
                                                const CallOptions& options = {});

  // What the scores of a pair of layers are worth, one per measure of the query: against
  // permutations of the inputs, bootstrap samples and halves of them.
  absl::StatusOr<std::vector<Assessment>> AssessSimilarity(const AssessmentQuery& query,
                                                           const CallOptions& options = {});

  // The counterpart in one network of each layer of another.
  absl::StatusOr<MatchReport> MatchLayers(const MatchQuery& query, const CallOptions& options = {});

  // The networks most similar to one.
  absl::StatusOr<SearchReport> SearchNetworks(const SearchQuery& query,
                                              const CallOptions& options = {});

  // Networks as points of a picture and leaves of a tree.
  absl::StatusOr<EmbedReport> EmbedNetworks(const EmbedQuery& query,
                                            const CallOptions& options = {});

  // Two layers aligned by a functional map, from a known correspondence or from anchors.
  absl::StatusOr<LayerAlignment> AlignLayers(const AlignmentQuery& query,
                                             const CallOptions& options = {});

  absl::StatusOr<std::vector<MeasureInfo>> ListMeasures(const CallOptions& options = {});
  absl::StatusOr<ServerInfo> GetServerInfo(const CallOptions& options = {});

  // Makes a data directory, named `name`, of all that the server keeps in its --backup-dir; may
  // take as long as copying it.
  absl::StatusOr<BackupInfo> CreateBackup(absl::string_view name, const CallOptions& options = {});

  // Creates a watch; the same one again is OK. ALREADY_EXISTS if it is there and watches something
  // else; RESOURCE_EXHAUSTED, reason LIMIT_EXCEEDED, beyond ServerLimits::watch_count.
  absl::StatusOr<WatchInfo> CreateWatch(const WatchSpec& spec, const CallOptions& options = {});
  // One watch by its resource name.
  absl::StatusOr<WatchInfo> GetWatch(absl::string_view watch, const CallOptions& options = {});
  // Those of a project, by id.
  absl::StatusOr<std::vector<WatchInfo>> ListWatches(absl::string_view project,
                                                     const CallOptions& options = {});
  absl::Status DeleteWatch(absl::string_view watch, const CallOptions& options = {});

  absl::StatusOr<ServerStats> GetServerStats(const CallOptions& options = {});
  // Sets what the server logs from now on; returns what it was.
  absl::StatusOr<LogLevel> SetLogLevel(LogLevel level, const CallOptions& options = {});

 private:
  struct Connections;

  explicit Client(std::unique_ptr<Connections> connections);

  const std::unique_ptr<Connections> connections_;
};

}  // namespace gramian::client

#endif  // GRAMIAN_CLIENT_CLIENT_H_
