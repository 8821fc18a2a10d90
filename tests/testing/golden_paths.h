// Golden records about the geometry of two or three points, or of a network as a path.
#ifndef GRAMIAN_TESTS_TESTING_GOLDEN_PATHS_H_
#define GRAMIAN_TESTS_TESTING_GOLDEN_PATHS_H_

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gramian/base/matrix.h"
#include "tests/testing/plain_affine.h"
#include "tests/testing/plain_space.h"

namespace gramian::testing {

// A space written plainly. Nothing for shapes, whose corners depend on how the library turns them
// (the golden README): only their numbers are compared.
using GoldenPlain = std::variant<std::monostate, PlainSpace, PlainAffineSpace>;

// One record: "stress_sqexp/angle_at_middle" of three points.
struct GoldenGeometry {
  std::string id;
  std::string golden_measure;                        // with the quantity
  std::string quantity;                              // "angle_at_middle", "geodesic", "path", ...
  std::string measure;                               // ours
  GoldenPlain plain;                                 // the same space, written plainly
  std::vector<std::string> points;                   // layers, in order
  double fraction = 0.0;                             // of "geodesic"
  std::map<std::string, double> numbers;             // a value without a name is under ""
  std::map<std::string, std::vector<double>> lists;  // of a path
  std::map<std::string, Matrix> matrices;            // upper left corners of matrices
  double absolute = 0.0;                             // tolerance
  double relative = 0.0;

  double Tolerance(double expected) const;
};

// The space of a golden measure, if it is one of this build: our measure whose scores place the
// points, and the definition. Not stress_laplace, which is excused.
struct GoldenSpace {
  std::string measure;
  GoldenPlain plain;
};
std::optional<GoldenSpace> FindGoldenSpace(const std::string& golden_measure,
                                           const nlohmann::json& params);

// Nothing unless the record asks for a geometry of such a space.
std::optional<GoldenGeometry> ReadGoldenGeometry(const nlohmann::json& record);

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_TESTING_GOLDEN_PATHS_H_
