// A running gramiand, without the process around it.
#ifndef GRAMIAN_SERVER_SERVER_H_
#define GRAMIAN_SERVER_SERVER_H_

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "gramian/base/file_system.h"
#include "gramian/engine/similarity_engine.h"
#include "server/server_options.h"

namespace gramian {

// Serves from Start until destroyed. Thread-safe.
class Server {
 public:
  // Listens on both addresses of `options`. UNAVAILABLE, naming the address and the cause, if one
  // cannot be bound; INVALID_ARGUMENT for bad options; errors of ActivationStore::Open. Call
  // InitializeBlas before. `files`, where a data directory keeps activations, outlives the server.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       FileSystem& files = RealFileSystem());
  // Cancels what is in flight.
  ~Server();

  // host:port, with the port that was chosen if the options say 0.
  const std::string& grpc_address() const;
  const std::string& metrics_address() const;

  // The line that says where it listens: `gramiand listening grpc=HOST:PORT metrics=HOST:PORT`.
  std::string ListeningLine() const;

  // Looks at the watched files now, and opens the audit file anew.
  void Reload();

  // Stops for good: health and /readyz turn to "not serving" and new RPCs are refused with
  // UNAVAILABLE, those in flight may finish for `patience`, then they are cancelled. Returns
  // whether all finished. Blocks.
  bool Drain(std::chrono::milliseconds patience);

  SimilarityEngine& engine();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_SERVER_H_
