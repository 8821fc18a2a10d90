#include "server/config_file.h"

#include <cstdlib>
#include <set>
#include <utility>

namespace gramian {
namespace {

bool IsInEnvironment(const CLI::Option& option) {
  const char* value =
      option.get_envname().empty() ? nullptr : std::getenv(option.get_envname().c_str());
  return value != nullptr && *value != '\0';
}

}  // namespace

std::vector<CLI::ConfigItem> ConfigFile::from_config(std::istream& input) const {
  std::set<std::string> names;
  std::vector<CLI::ConfigItem> kept;
  for (CLI::ConfigItem& item : CLI::ConfigTOML::from_config(input)) {
    const CLI::Option* option =
        item.parents.empty() ? app_.get_option_no_throw("--" + item.name) : nullptr;
    if (option == nullptr || !option->get_configurable()) {
      *mistake_ = "the config file has an unknown key '" + item.fullname() + "'";
      return {};
    }
    if (!names.insert(item.name).second || item.inputs.size() != 1) {
      *mistake_ = "the config file gives '" + item.name + "' more than one value";
      return {};
    }
    // CLI11 reads the environment last and skips what has a value by then.
    if (!IsInEnvironment(*option)) kept.push_back(std::move(item));
  }
  return kept;
}

}  // namespace gramian
