// The service that says what this server is, and looks after it.
#ifndef GRAMIAN_SERVER_ADMIN_SERVICE_H_
#define GRAMIAN_SERVER_ADMIN_SERVICE_H_

#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <string>

#include "gramian/v1/admin_service.grpc.pb.h"
#include "server/rpc.h"
#include "server/watch_board.h"

namespace gramian {

// See admin_service.proto.
class AdminService final : public v1::AdminService::CallbackService {
 public:
  // Both outlive the service.
  AdminService(ServerState& state, const WatchBoard& watches);

  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* context,
                                          const v1::GetServerInfoRequest* request,
                                          v1::GetServerInfoResponse* response) override;
  grpc::ServerUnaryReactor* CreateBackup(grpc::CallbackServerContext* context,
                                         const v1::CreateBackupRequest* request,
                                         v1::CreateBackupResponse* response) override;
  grpc::ServerUnaryReactor* GetServerStats(grpc::CallbackServerContext* context,
                                           const v1::GetServerStatsRequest* request,
                                           v1::GetServerStatsResponse* response) override;
  grpc::ServerUnaryReactor* SetLogLevel(grpc::CallbackServerContext* context,
                                        const v1::SetLogLevelRequest* request,
                                        v1::SetLogLevelResponse* response) override;

 private:
  ServerState& state_;
  const WatchBoard& watches_;
  const MethodMetrics& get_server_info_;
  const MethodMetrics& create_backup_;
  const MethodMetrics& get_server_stats_;
  const MethodMetrics& set_log_level_;
  v1::GetServerInfoResponse info_;  // Constant after construction.
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_ADMIN_SERVICE_H_
