// Who may do what: the file of --access-file.
#ifndef GRAMIAN_SERVER_ACCESS_LIST_H_
#define GRAMIAN_SERVER_ACCESS_LIST_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gramian {

// Each may do what those before may.
enum class Role {
  kReader,  // reads, compares, downloads
  kWriter,  // uploads, creates probe sets and watches, pins and deletes snapshots
  kAdmin,   // deletes networks and probe sets; of all projects: backups, log level
};

// `reader`, `writer` or `admin`.
absl::string_view RoleName(Role role);

// What somebody may do.
struct Grant {
  std::string name;  // for people, in logs: never a secret
  Role role = Role::kReader;
  bool all_projects = false;
  std::set<std::string> projects;

  bool Allows(absl::string_view project) const {
    return all_projects || projects.count(std::string(project)) > 0;
  }
};

// Tokens and certificate names of the list together.
inline constexpr int64_t kMaxGrants = 10'000;

// Lower-case hexadecimal digits of the SHA-256 of a token: what the file keeps of it.
std::string TokenHash(absl::string_view token);

// An immutable list, read from JSON:
//
//   {"tokens": [{"name": "training", "sha256": "<64 digits>", "role": "writer",
//                "projects": ["vision"]}],
//    "certificates": [{"name": "dashboard.lab", "role": "reader", "projects": "*"}]}
//
// A token's `name` is for logs; a certificate's is its subject alternative name or, if it has none,
// its common name.
class AccessList {
 public:
  using GrantPtr = std::shared_ptr<const Grant>;

  // INVALID_ARGUMENT, naming the place, for what is not JSON of this form, an unknown or repeated
  // key, a name, hash or project that is empty or given twice, an unknown role, or more than
  // kMaxGrants.
  static absl::StatusOr<AccessList> Parse(absl::string_view json);

  // Null for a stranger. How long it takes tells nothing about the tokens: all are compared, each
  // in constant time.
  GrantPtr FindToken(absl::string_view token) const;
  GrantPtr FindCertificate(const std::string& name) const;

 private:
  struct Token {
    std::string hash;
    GrantPtr grant;
  };

  std::vector<Token> tokens_;
  std::map<std::string, GrantPtr> certificates_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_ACCESS_LIST_H_
