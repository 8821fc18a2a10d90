// The file that says what flags could say.
#ifndef GRAMIAN_SERVER_CONFIG_FILE_H_
#define GRAMIAN_SERVER_CONFIG_FILE_H_

#include <CLI/CLI.hpp>
#include <istream>
#include <vector>

namespace gramian {

// TOML (or INI) with one line `key = value` for each flag, the key without its dashes. A flag and
// its environment twin win over the file. Throws CLI::ConfigError for a section, a key that is no
// flag, and a key given twice: a misspelled limit is no limit.
class ConfigFile final : public CLI::ConfigTOML {
 public:
  // `app` outlives this object and has all its options when a file is read.
  explicit ConfigFile(const CLI::App& app) : app_(app) {}

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override;

 private:
  const CLI::App& app_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_CONFIG_FILE_H_
