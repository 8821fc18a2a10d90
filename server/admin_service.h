// The service that says what this server is, and looks after it.
#ifndef GRAMIAN_SERVER_ADMIN_SERVICE_H_
#define GRAMIAN_SERVER_ADMIN_SERVICE_H_

#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <string>

#include "gramian/v1/admin_service.grpc.pb.h"
#include "server/rpc.h"

namespace gramian {

// See admin_service.proto.
class AdminService final : public v1::AdminService::CallbackService {
 public:
  // `state` outlives the service.
  explicit AdminService(ServerState& state);

  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* context,
                                          const v1::GetServerInfoRequest* request,
                                          v1::GetServerInfoResponse* response) override;
  grpc::ServerUnaryReactor* CreateBackup(grpc::CallbackServerContext* context,
                                         const v1::CreateBackupRequest* request,
                                         v1::CreateBackupResponse* response) override;

 private:
  ServerState& state_;
  const MethodMetrics& get_server_info_;
  const MethodMetrics& create_backup_;
  v1::GetServerInfoResponse info_;  // Constant after construction.
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_ADMIN_SERVICE_H_
