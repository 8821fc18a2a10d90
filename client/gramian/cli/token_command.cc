// token new: a random token for the server's access file.
#include <fcntl.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gramian/cli/command.h"

namespace gramian::client::cli {
namespace {

constexpr size_t kTokenBytes = 32;

struct TokenOptions {
  std::string name;
  std::string role = "reader";
  std::vector<std::string> projects;
  std::string output;
};

std::string Sha256Hex(const std::string& text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), sizeof(digest)));
}

absl::StatusOr<std::string> RandomToken() {
  unsigned char bytes[kTokenBytes];
  if (RAND_bytes(bytes, sizeof(bytes)) != 1)
    return absl::InternalError("the system gives no random bytes");
  return absl::StrCat("gramian_", absl::WebSafeBase64Escape(absl::string_view(
                                      reinterpret_cast<const char*>(bytes), sizeof(bytes))));
}

// A new file that only its owner can read; one that is there stays as it is.
absl::Status WriteSecret(const std::string& path, const std::string& text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot make ", path, ": ", std::strerror(errno)));
  }
  const absl::Cleanup close_fd = [fd] { close(fd); };
  if (write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return absl::DataLossError(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
  return absl::OkStatus();
}

absl::Status MakeToken(const GlobalOptions& globals, const TokenOptions& options) {
  globals.is_read = true;
  const absl::StatusOr<std::string> token = RandomToken();
  if (!token.ok()) return token.status();
  if (absl::Status status = WriteSecret(options.output, *token + "\n"); !status.ok()) return status;
  nlohmann::ordered_json entry;
  entry["name"] = options.name;
  entry["sha256"] = Sha256Hex(*token);
  entry["role"] = options.role;
  if (options.projects.empty()) {
    entry["projects"] = "*";
  } else {
    entry["projects"] = options.projects;
  }
  Print(entry.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  Note(absl::StrCat("the token is in ", options.output,
                    "; the line above belongs into \"tokens\" of the server's --access-file"));
  return absl::OkStatus();
}

}  // namespace

void AddTokenCommand(CLI::App& app, const GlobalOptions& globals, Action& action) {
  CLI::App* const token = app.add_subcommand("token", "Make tokens for the server's access file");
  token->require_subcommand(1);
  CLI::App* const command = token->add_subcommand(
      "new", "Make a random token, and the line of the access file that says what it may do");
  command->footer(R"(
Example:
  gramian token new training --role writer --projects vision,audio -o training.token
  gramian --token-file training.token ls networks
)");
  auto options = std::make_shared<TokenOptions>();
  command->add_option("name", options->name, "Who uses it, for the server's logs")->required();
  command->add_option("--role", options->role, "reader, writer or admin")
      ->check(CLI::IsMember({"reader", "writer", "admin"}))
      ->capture_default_str();
  command->add_option("--projects", options->projects, "What it is for (default: all projects)")
      ->delimiter(',');
  command
      ->add_option("-o,--output", options->output,
                   "New file for the token itself, for its owner's eyes only")
      ->required();
  command->callback([&globals, &action, options] {
    action = [&globals, options] { return MakeToken(globals, *options); };
  });
}

}  // namespace gramian::client::cli
