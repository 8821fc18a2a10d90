// Who calls, and whether they may.
#ifndef GRAMIAN_SERVER_ACCESS_CONTROL_H_
#define GRAMIAN_SERVER_ACCESS_CONTROL_H_

#include <google/protobuf/message.h>
#include <grpcpp/server_context.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gramian/base/mutex.h"
#include "server/access_list.h"
#include "server/watched_files.h"

namespace gramian {

// The role that an RPC needs, `ActivationService/UploadLayer`; nothing for one that is not in the
// table, which nobody may call.
std::optional<Role> RoleFor(absl::string_view rpc);

// Whether an RPC is about the server as a whole, and therefore for who may all projects.
bool ConcernsAllProjects(absl::string_view rpc);

// Whether an RPC changes what is kept, and is therefore worth a line of the audit log.
bool ChangesSomething(absl::string_view rpc);

// The resource names in a request, in the order of its fields: all texts that may be one
// (MayBeName) with ids of up to `id_bytes`, but those that are free text (module paths and ids of
// inputs).
std::vector<std::string> ResourceNamesIn(const google::protobuf::Message& request,
                                         int64_t id_bytes);

// PERMISSION_DENIED: reason ROLE_TOO_LOW if the role is less than `rpc` needs, ALL_PROJECTS_NEEDED
// if it concerns all projects and the grant does not.
absl::Status CheckRole(const Grant& grant, absl::string_view rpc);

// PERMISSION_DENIED, reason PROJECT_FORBIDDEN, for a resource of a project that is not granted,
// whether it is there or not.
absl::Status CheckProject(const Grant& grant, absl::string_view resource);

// Knows callers by their token, or by their certificate if they show no token. Without a file
// everybody may do everything. Thread-safe.
class AccessControl {
 public:
  using GrantPtr = std::shared_ptr<const Grant>;

  // `access_file` may be empty.
  explicit AccessControl(const std::string& access_file);

  // Reads the file. Errors of ReadWatchedFile and AccessList::Parse.
  absl::Status Load();

  // UNAUTHENTICATED, reason CREDENTIALS_MISSING or CREDENTIALS_UNKNOWN.
  absl::StatusOr<GrantPtr> Authenticate(const grpc::ServerContextBase& context) const;

  // See WatchedFiles.
  bool has_file() const { return has_file_; }
  void Look() { file_.Look(); }
  bool is_current() const { return file_.is_current(); }

 private:
  std::shared_ptr<const AccessList> list() const;

  const bool has_file_;
  WatchedFiles file_;
  mutable Mutex mutex_;
  std::shared_ptr<const AccessList> list_ GRAMIAN_GUARDED_BY(mutex_);
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_ACCESS_CONTROL_H_
