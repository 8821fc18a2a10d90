#include "server/access_list.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "server/strict_json.h"

namespace gramian {
namespace {

using Json = nlohmann::json;

constexpr char kWhat[] = "the access file";

absl::Status Mistake(absl::string_view where, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(kWhat, ": ", where, " ", what));
}

absl::Status CheckKeys(const Json& object, absl::string_view where,
                       const std::set<std::string>& known) {
  if (!object.is_object()) return Mistake(where, "is not an object");
  for (const auto& [key, value] : object.items()) {
    if (known.count(key) == 0)
      return Mistake(where, absl::StrCat("has an unknown key '", key, "'"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Text(const Json& object, absl::string_view where, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string() || found->get<std::string>().empty()) {
    return Mistake(where, absl::StrCat("needs a text '", key, "'"));
  }
  return found->get<std::string>();
}

std::optional<Role> ToRole(absl::string_view name) {
  for (const Role role : {Role::kReader, Role::kWriter, Role::kAdmin}) {
    if (RoleName(role) == name) return role;
  }
  return std::nullopt;
}

absl::Status ReadProjects(const Json& object, absl::string_view where, Grant& grant) {
  const auto found = object.find("projects");
  if (found != object.end() && found->is_string() && *found == "*") {
    grant.all_projects = true;
    return absl::OkStatus();
  }
  if (found == object.end() || !found->is_array() || found->empty()) {
    return Mistake(where, "needs 'projects', a list of ids or \"*\" for all");
  }
  for (const Json& project : *found) {
    if (!project.is_string() || project == "") return Mistake(where, "has a project that is no id");
    if (project == "*") return Mistake(where, "has \"*\" in a list: give it instead of the list");
    if (!grant.projects.insert(project.get<std::string>()).second) {
      return Mistake(where, absl::StrCat("has project '", project.get<std::string>(), "' twice"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Grant> ReadGrant(const Json& object, absl::string_view where) {
  Grant grant;
  GRAMIAN_ASSIGN_OR_RETURN(grant.name, Text(object, where, "name"));
  GRAMIAN_ASSIGN_OR_RETURN(const std::string role_name, Text(object, where, "role"));
  const std::optional<Role> role = ToRole(role_name);
  if (!role.has_value()) {
    return Mistake(where,
                   absl::StrCat("has the role '", role_name, "', must be reader, writer or admin"));
  }
  grant.role = *role;
  GRAMIAN_RETURN_IF_ERROR(ReadProjects(object, where, grant));
  return grant;
}

bool IsHash(absl::string_view text) {
  if (text.size() != 2 * SHA256_DIGEST_LENGTH) return false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (!absl::ascii_isxdigit(byte) || absl::ascii_isupper(byte)) return false;
  }
  return true;
}

// A list of the document; an empty one if it is not there.
absl::StatusOr<Json> List(const Json& document, const char* key) {
  const auto found = document.find(key);
  if (found == document.end()) return Json::array();
  if (!found->is_array()) return Mistake(key, "is not a list");
  return *found;
}

}  // namespace

absl::string_view RoleName(Role role) {
  switch (role) {
    case Role::kReader:
      return "reader";
    case Role::kWriter:
      return "writer";
    case Role::kAdmin:
      break;
  }
  return "admin";
}

std::string TokenHash(absl::string_view token) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), digest);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), sizeof(digest)));
}

absl::StatusOr<AccessList> AccessList::Parse(absl::string_view json) {
  GRAMIAN_ASSIGN_OR_RETURN(const Json document, ParseStrictJson(kWhat, json));
  GRAMIAN_RETURN_IF_ERROR(CheckKeys(document, "it", {"tokens", "certificates"}));
  GRAMIAN_ASSIGN_OR_RETURN(const Json tokens, List(document, "tokens"));
  GRAMIAN_ASSIGN_OR_RETURN(const Json certificates, List(document, "certificates"));
  if (const size_t count = tokens.size() + certificates.size();
      count > static_cast<size_t>(kMaxGrants)) {
    return Mistake("it",
                   absl::StrCat("has ", count, " entries, more than the limit of ", kMaxGrants));
  }
  AccessList list;
  std::set<std::string> names;
  std::set<std::string> hashes;
  for (const Json& entry : tokens) {
    const std::string where = absl::StrCat("token ", list.tokens_.size() + 1);
    GRAMIAN_RETURN_IF_ERROR(CheckKeys(entry, where, {"name", "sha256", "role", "projects"}));
    GRAMIAN_ASSIGN_OR_RETURN(Grant grant, ReadGrant(entry, where));
    GRAMIAN_ASSIGN_OR_RETURN(std::string hash, Text(entry, where, "sha256"));
    // Not repeated: it might be the token itself, by mistake.
    if (!IsHash(hash)) {
      return Mistake(where, "has a 'sha256' that is not 64 lower-case hexadecimal digits");
    }
    if (!names.insert(grant.name).second || !hashes.insert(hash).second) {
      return Mistake(where, "has the name or the hash of another");
    }
    list.tokens_.push_back({std::move(hash), std::make_shared<const Grant>(std::move(grant))});
  }
  for (const Json& entry : certificates) {
    const std::string where = absl::StrCat("certificate ", list.certificates_.size() + 1);
    GRAMIAN_RETURN_IF_ERROR(CheckKeys(entry, where, {"name", "role", "projects"}));
    GRAMIAN_ASSIGN_OR_RETURN(Grant grant, ReadGrant(entry, where));
    std::string name = grant.name;
    if (!list.certificates_
             .emplace(std::move(name), std::make_shared<const Grant>(std::move(grant)))
             .second) {
      return Mistake(where, "has the name of another");
    }
  }
  return list;
}

AccessList::GrantPtr AccessList::FindToken(absl::string_view token) const {
  const std::string hash = TokenHash(token);
  size_t found = tokens_.size();
  for (size_t i = 0; i < tokens_.size(); ++i) {
    if (CRYPTO_memcmp(tokens_[i].hash.data(), hash.data(), hash.size()) == 0) found = i;
  }
  return found < tokens_.size() ? tokens_[found].grant : nullptr;
}

AccessList::GrantPtr AccessList::FindCertificate(const std::string& name) const {
  const auto found = certificates_.find(name);
  return found == certificates_.end() ? nullptr : found->second;
}

}  // namespace gramian
