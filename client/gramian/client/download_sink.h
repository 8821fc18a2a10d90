#ifndef GRAMIAN_CLIENT_DOWNLOAD_SINK_H_
#define GRAMIAN_CLIENT_DOWNLOAD_SINK_H_

#include <cstddef>
#include <span>

#include "absl/status/status.h"
#include "gramian/client/types.h"

namespace gramian::client {

// Where Client::DownloadLayer puts a layer. Called on the thread that made the call; an error that
// a method returns ends the download with it.
class DownloadSink {
 public:
  virtual ~DownloadSink() = default;

  // Once, before any bytes: what comes.
  virtual absl::Status Begin(const LayerInfo& layer) = 0;

  // The next bytes of the row-major matrix, at most a few MiB: in order, each once, their checksum
  // right.
  virtual absl::Status Append(std::span<const std::byte> data) = 0;
};

}  // namespace gramian::client

#endif  // GRAMIAN_CLIENT_DOWNLOAD_SINK_H_
