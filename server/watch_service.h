// The service for watches: message in, board, message out.
#ifndef GRAMIAN_SERVER_WATCH_SERVICE_H_
#define GRAMIAN_SERVER_WATCH_SERVICE_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/server_callback.h>

#include <functional>

#include "gramian/v1/watch.grpc.pb.h"
#include "server/rpc.h"
#include "server/watch_board.h"

namespace gramian {

// See watch.proto.
class WatchService final : public v1::WatchService::CallbackService {
 public:
  // Both outlive the service.
  WatchService(ServerState& state, WatchBoard& board);

  grpc::ServerUnaryReactor* CreateWatch(grpc::CallbackServerContext* context,
                                        const v1::CreateWatchRequest* request,
                                        v1::CreateWatchResponse* response) override;
  grpc::ServerUnaryReactor* GetWatch(grpc::CallbackServerContext* context,
                                     const v1::GetWatchRequest* request,
                                     v1::GetWatchResponse* response) override;
  grpc::ServerUnaryReactor* ListWatches(grpc::CallbackServerContext* context,
                                        const v1::ListWatchesRequest* request,
                                        v1::ListWatchesResponse* response) override;
  grpc::ServerUnaryReactor* DeleteWatch(grpc::CallbackServerContext* context,
                                        const v1::DeleteWatchRequest* request,
                                        v1::DeleteWatchResponse* response) override;

 private:
  // Changes something, which waits for the disk: on the ingest pool.
  grpc::ServerUnaryReactor* Change(const MethodMetrics& method,
                                   grpc::CallbackServerContext* context,
                                   const google::protobuf::Message& request,
                                   std::function<absl::Status()> change);

  ServerState& state_;
  WatchBoard& board_;
  const MethodMetrics& create_watch_;
  const MethodMetrics& get_watch_;
  const MethodMetrics& list_watches_;
  const MethodMetrics& delete_watch_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_WATCH_SERVICE_H_
