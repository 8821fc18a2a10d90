// The file that says what flags could say.
#ifndef GRAMIAN_SERVER_CONFIG_FILE_H_
#define GRAMIAN_SERVER_CONFIG_FILE_H_

#include <CLI/CLI.hpp>
#include <istream>
#include <string>
#include <vector>

namespace gramian {

// TOML (or INI) with one line `key = value` for each flag, the key without its dashes. A flag and
// its environment twin win over the file. A section, a key that is no flag, and a key given twice
// are mistakes: a misspelled limit is no limit.
class ConfigFile final : public CLI::ConfigTOML {
 public:
  // Both outlive this object; `app` has all its options when a file is read. The first mistake is
  // told in `mistake`, which stays empty without one.
  ConfigFile(const CLI::App& app, std::string* mistake) : app_(app), mistake_(mistake) {}

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override;

 private:
  const CLI::App& app_;
  std::string* const mistake_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_CONFIG_FILE_H_
