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
  // Not empty if a correct score need not meet the record, then why; measure may be empty.
  std::string excuse = {};
};

// The number `key` of a record's parameters, as our names write it.
std::string NumberIn(const nlohmann::json& params, const char* key);

// What a record asks, if its measure and parameters belong to the family; n inputs.
std::optional<Question> TranslateAlignment(const std::string& measure, const nlohmann::json& params,
                                           double n);
// Distances of the spaces of paths: AngularCKA, stress, shapes, positive definite matrices.
std::optional<Question> TranslatePaths(const std::string& measure, const nlohmann::json& params,
                                       double n);

// As above of the other families: CCA and shape metrics, RSA, neighbourhoods, and statistics with
// outputs; params["library"] is where a value comes from.
std::optional<Question> TranslateShape(const std::string& measure, const nlohmann::json& params);
std::optional<Question> TranslateRsa(const std::string& measure, const nlohmann::json& params);
std::optional<Question> TranslateNeighbors(const std::string& measure,
                                           const nlohmann::json& params);
std::optional<Question> TranslateStatistics(const std::string& measure,
                                            const nlohmann::json& params);

// Why a correct score of a family differs from a record (measure, params, x, y, value, source);
// empty if it does not. The same sentences are in docs/measures.md.
std::string ExcuseAlignment(const nlohmann::json& record);
std::string ExcusePaths(const nlohmann::json& record);
std::string ExcuseShape(const nlohmann::json& record);
std::string ExcuseRsa(const nlohmann::json& record);
std::string ExcuseNeighbors(const nlohmann::json& record);

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_TESTING_GOLDEN_NAMES_H_
