// The file that says what flags could say.
#ifndef GRAMIAN_SERVER_CONFIG_FILE_H_
#define GRAMIAN_SERVER_CONFIG_FILE_H_

#include <CLI/CLI.hpp>
#include <istream>
#include <string>
#include <vector>

namespace gramian {

// TOML with one line `key = value` for each flag, the key without its dashes, the value a string or
// a whole number. A flag and its environment twin win over the file. A section, a key that is no
// flag, and a key given twice are mistakes: a misspelled limit is no limit.
class ConfigFile final : public CLI::Config {
 public:
  // Both outlive this object; `app` has all its options when a file is read or written. The first
  // mistake is told in `mistake`, which stays empty without one.
  ConfigFile(const CLI::App& app, std::string* mistake) : app_(app), mistake_(mistake) {}

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override;

  // All flags with their values and meanings, whatever the arguments are: a file that from_config
  // reads as the same. A mistake if a value is not UTF-8, which TOML cannot hold.
  std::string to_config(const CLI::App*, bool default_also, bool write_description,
                        std::string prefix) const override;

 private:
  const CLI::App& app_;
  std::string* const mistake_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_CONFIG_FILE_H_
