#include "server/config_file.h"

#include <toml++/toml.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace gramian {
namespace {

bool IsInEnvironment(const CLI::Option& option) {
  const char* value =
      option.get_envname().empty() ? nullptr : std::getenv(option.get_envname().c_str());
  return value != nullptr && *value != '\0';
}

// What a flag would be given; nothing for what no flag can be given.
std::optional<std::string> FlagTextOf(const toml::node& node) {
  if (const auto* number = node.as_integer()) return absl::StrCat(number->get());
  if (const auto* text = node.as_string();
      text != nullptr && text->get().find('\0') == std::string::npos) {
    return text->get();
  }
  return std::nullopt;
}

std::string TextOf(const CLI::Option& option) {
  return option.count() > 0 ? option.reduced_results().front() : option.get_default_str();
}

// A number as such, where that is the same text.
toml::table Line(const std::string& key, const std::string& text) {
  int64_t number = 0;
  if (absl::SimpleAtoi(text, &number) && absl::StrCat(number) == text) {
    return toml::table{{key, number}};
  }
  return toml::table{{key, text}};
}

// Whether a reader of `text` finds `line`: bytes that are not UTF-8 are written as if each were a
// character.
bool Says(const std::string& text, const toml::table& line) {
  try {
    return toml::parse(text) == line;
  } catch (const toml::parse_error&) {
    return false;
  }
}

}  // namespace

std::vector<CLI::ConfigItem> ConfigFile::from_config(std::istream& input) const {
  toml::table table;
  try {
    table = toml::parse(input);
  } catch (const toml::parse_error& error) {
    *mistake_ = absl::StrCat("line ", error.source().begin.line,
                             " of the config file: ", std::string(error.description()));
    return {};
  }
  std::vector<CLI::ConfigItem> kept;
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    const CLI::Option* option = app_.get_option_no_throw("--" + name);
    if (option == nullptr || !option->get_configurable()) {
      *mistake_ = absl::StrCat("the config file has an unknown key '", name, "'");
      return {};
    }
    std::optional<std::string> text = FlagTextOf(node);
    if (!text.has_value()) {
      *mistake_ = absl::StrCat("the config file gives '", name,
                               "' a value that is neither a string nor a whole number");
      return {};
    }
    // CLI11 reads the environment last and skips what has a value by then.
    if (!IsInEnvironment(*option)) kept.push_back({{}, name, {*std::move(text)}});
  }
  return kept;
}

std::string ConfigFile::to_config(const CLI::App* /*app*/, bool /*default_also*/,
                                  bool /*write_description*/, std::string /*prefix*/) const {
  std::string out;
  for (const CLI::Option* option : app_.get_options()) {
    if (!option->get_configurable()) continue;
    const toml::table line = Line(option->get_single_name(), TextOf(*option));
    std::ostringstream text;
    text << toml::toml_formatter(line, toml::format_flags::allow_unicode_strings);
    if (!Says(text.str(), line)) {
      *mistake_ = absl::StrCat("--", option->get_single_name(),
                               " is not UTF-8: a config file cannot say it");
    }
    absl::StrAppend(&out, "# ", option->get_description(), "\n", text.str(), "\n\n");
  }
  return out;
}

}  // namespace gramian
