// How the measures of the golden files are called here, a function and a file for each family.
#ifndef GRAMIAN_TESTS_TESTING_GOLDEN_NAMES_H_
#define GRAMIAN_TESTS_TESTING_GOLDEN_NAMES_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace gramian::testing {

// How a golden measure is asked of us: our name, and golden value = scale * score + offset.
struct Question {
  std::string measure;
  double scale = 1.0;
  double offset = 0.0;
};

// The number `key` of a record's parameters, as our names write it.
std::string NumberIn(const nlohmann::json& params, const char* key);

// What a record asks, if its measure and parameters belong to the family; n inputs.
std::optional<Question> TranslateAlignment(const std::string& measure, const nlohmann::json& params,
                                           double n);
// Distances of the spaces of paths: AngularCKA and stress.
std::optional<Question> TranslatePaths(const std::string& measure, const nlohmann::json& params,
                                       double n);

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_TESTING_GOLDEN_NAMES_H_
