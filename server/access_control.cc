#include "server/access_control.h"

#include <google/protobuf/descriptor.h>
#include <grpcpp/security/auth_context.h>

#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/status_macros.h"
#include "server/resource_name.h"

namespace gramian {
namespace {

constexpr char kBearer[] = "Bearer ";

// The one place that says who may call what. A test compares it with the services.
const std::map<absl::string_view, Role>& Roles() {
  static const auto* const roles = new std::map<absl::string_view, Role>{
      {"ActivationService/UploadLayer", Role::kWriter},
      {"ActivationService/GetUpload", Role::kReader},
      {"ActivationService/AbortUpload", Role::kWriter},
      {"ActivationService/FindMissingLayers", Role::kReader},
      {"ActivationService/DownloadLayer", Role::kReader},
      {"ActivationService/GetLayer", Role::kReader},
      {"ActivationService/ListLayers", Role::kReader},
      {"ActivationService/ListNetworks", Role::kReader},
      {"ActivationService/ListSnapshots", Role::kReader},
      {"ActivationService/DeleteSnapshot", Role::kWriter},
      {"ActivationService/DeleteNetwork", Role::kAdmin},
      {"ActivationService/PinSnapshot", Role::kWriter},
      {"ActivationService/CreateProbeSet", Role::kWriter},
      {"ActivationService/GetProbeSet", Role::kReader},
      {"ActivationService/ListProbeSets", Role::kReader},
      {"ActivationService/DeleteProbeSet", Role::kAdmin},
      {"SimilarityService/CompareLayers", Role::kReader},
      {"SimilarityService/CompareSnapshots", Role::kReader},
      {"SimilarityService/CompareNetworks", Role::kReader},
      {"SimilarityService/GetOperator", Role::kReader},
      {"SimilarityService/AnalyzePath", Role::kReader},
      {"SimilarityService/AssessSimilarity", Role::kReader},
      {"SimilarityService/MatchLayers", Role::kReader},
      {"SimilarityService/SearchNetworks", Role::kReader},
      {"SimilarityService/EmbedNetworks", Role::kReader},
      {"SimilarityService/AlignLayers", Role::kReader},
      {"SimilarityService/CompareTangents", Role::kReader},
      {"SimilarityService/ListMeasures", Role::kReader},
      {"WatchService/CreateWatch", Role::kWriter},
      {"WatchService/GetWatch", Role::kReader},
      {"WatchService/ListWatches", Role::kReader},
      {"WatchService/DeleteWatch", Role::kWriter},
      {"AdminService/GetServerInfo", Role::kReader},
      {"AdminService/GetServerStats", Role::kReader},
      {"AdminService/SetLogLevel", Role::kAdmin},
      {"AdminService/CreateBackup", Role::kAdmin},
  };
  return *roles;
}

// Without a file.
const AccessControl::GrantPtr& Anybody() {
  static const auto* const anybody = new AccessControl::GrantPtr(
      std::make_shared<const Grant>(Grant{"anonymous", Role::kAdmin, true, {}}));
  return *anybody;
}

void AddResourceNames(const google::protobuf::Message& message, int64_t id_bytes,
                      std::vector<std::string>& names) {
  using Field = google::protobuf::FieldDescriptor;
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const Field*> fields;
  reflection.ListFields(message, &fields);
  for (const Field* field : fields) {
    const bool is_text = field->type() == Field::TYPE_STRING;
    const bool is_message = field->cpp_type() == Field::CPPTYPE_MESSAGE;
    if (!is_text && !is_message) continue;
    if (field->name() == "module_path" || field->name() == "input_ids") continue;
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (is_message) {
        AddResourceNames(field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                              : reflection.GetMessage(message, field),
                         id_bytes, names);
        continue;
      }
      std::string text = field->is_repeated() ? reflection.GetRepeatedString(message, field, i)
                                              : reflection.GetString(message, field);
      if (MayBeName(text, id_bytes)) names.push_back(std::move(text));
    }
  }
}

absl::string_view View(grpc::string_ref text) { return {text.data(), text.size()}; }

}  // namespace

std::optional<Role> RoleFor(absl::string_view rpc) {
  const auto found = Roles().find(rpc);
  if (found == Roles().end()) return std::nullopt;
  return found->second;
}

bool ConcernsAllProjects(absl::string_view rpc) {
  return absl::StartsWith(rpc, "AdminService/") && ChangesSomething(rpc);
}

bool ChangesSomething(absl::string_view rpc) {
  return RoleFor(rpc).value_or(Role::kAdmin) > Role::kReader;
}

std::vector<std::string> ResourceNamesIn(const google::protobuf::Message& request,
                                         int64_t id_bytes) {
  std::vector<std::string> names;
  AddResourceNames(request, id_bytes, names);
  return names;
}

absl::Status CheckRole(const Grant& grant, absl::string_view rpc) {
  const std::optional<Role> needed = RoleFor(rpc);
  if (needed.has_value() && grant.role >= *needed) {
    if (grant.all_projects || !ConcernsAllProjects(rpc)) return absl::OkStatus();
    return WithReason(
        absl::PermissionDeniedError(absl::StrCat("'", grant.name, "' is ", RoleName(grant.role),
                                                 " of some projects, ", rpc, " is about all")),
        "ALL_PROJECTS_NEEDED");
  }
  const absl::string_view name = needed.has_value() ? RoleName(*needed) : "none there is";
  return WithReason(
      absl::PermissionDeniedError(absl::StrCat("'", grant.name, "' is ", RoleName(grant.role), ", ",
                                               rpc, " needs the role ", name)),
      "ROLE_TOO_LOW", {{"role", std::string(RoleName(grant.role))}, {"needed", std::string(name)}});
}

absl::Status CheckProject(const Grant& grant, absl::string_view resource) {
  const std::string project = ProjectOf(resource);
  // A name that cannot be read is refused as such, before anything is looked up.
  if (project.empty() || grant.Allows(project)) return absl::OkStatus();
  return WithReason(absl::PermissionDeniedError(absl::StrCat(
                        "'", grant.name, "' has no access to project '", project, "'")),
                    "PROJECT_FORBIDDEN", {{"project", project}});
}

AccessControl::AccessControl(const std::string& access_file)
    : has_file_(!access_file.empty()),
      file_("access file", {access_file},
            [this](const std::vector<std::string>& contents) -> absl::Status {
              GRAMIAN_ASSIGN_OR_RETURN(AccessList list, AccessList::Parse(contents[0]));
              MutexLock lock(mutex_);
              list_ = std::make_shared<const AccessList>(std::move(list));
              return absl::OkStatus();
            }) {}

absl::Status AccessControl::Load() { return has_file_ ? file_.Load() : absl::OkStatus(); }

std::shared_ptr<const AccessList> AccessControl::list() const {
  MutexLock lock(mutex_);
  return list_;
}

absl::StatusOr<AccessControl::GrantPtr> AccessControl::Authenticate(
    const grpc::ServerContextBase& context) const {
  if (!has_file_) return Anybody();
  const std::shared_ptr<const AccessList> list = this->list();
  GrantPtr grant;
  const auto& metadata = context.client_metadata();
  const auto header = metadata.find("authorization");
  if (header != metadata.end()) {
    const absl::string_view value = View(header->second);
    if (metadata.count("authorization") == 1 && absl::StartsWithIgnoreCase(value, kBearer)) {
      grant = list->FindToken(value.substr(sizeof(kBearer) - 1));
    }
  } else if (const auto peer = context.auth_context(); peer->IsPeerAuthenticated()) {
    for (const grpc::string_ref& name : peer->GetPeerIdentity()) {
      if (grant == nullptr) grant = list->FindCertificate(std::string(View(name)));
    }
  } else {
    return WithReason(
        absl::UnauthenticatedError("this server asks for a token (`authorization: Bearer ...`) or "
                                   "a certificate, and the call has neither"),
        "CREDENTIALS_MISSING");
  }
  if (grant != nullptr) return grant;
  return WithReason(absl::UnauthenticatedError(header != metadata.end()
                                                   ? "the token of the call is not known here"
                                                   : "the client's certificate is not known here"),
                    "CREDENTIALS_UNKNOWN");
}

}  // namespace gramian
