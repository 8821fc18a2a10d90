// Test cases made from the golden JSON files, so that no record can be left out silently.
#ifndef GRAMIAN_TESTS_TESTING_GOLDEN_CASES_H_
#define GRAMIAN_TESTS_TESTING_GOLDEN_CASES_H_

#include <map>
#include <string>
#include <vector>

#include "gramian/base/matrix.h"
#include "gramian/geometry/alternating_diffusion.h"
#include "tests/testing/golden_paths.h"

namespace gramian::testing {

// One value that a measure has to meet.
struct GoldenScore {
  std::string id;              // "digits-0081", or "matrices_diffusion/ms_cka_t4[0,3]"
  std::string golden_measure;  // name in the file
  std::string measure;         // our name
  bool is_network = false;
  std::vector<std::string> x;  // layers; one unless is_network
  std::vector<std::string> y;
  Fusion fusion;
  double scale = 1.0;  // golden value = scale * score + offset
  double offset = 0.0;
  double expected = 0.0;
  double tolerance = 0.0;  // absolute, from the record's rel and abs
  std::string excuse;      // why a correct score does not meet it; empty for those that are met
  bool has_value = true;   // whether `expected` is a number; only what is excused may have none
};

// A list of numbers about a pair of layers that is no score: ranks, numbers of components kept,
// canonical correlations.
struct GoldenList {
  std::string id;
  std::string measure;  // name in the file
  double variance = 0.0;
  std::string x;
  std::string y;
  std::vector<double> values;
  double tolerance = 0.0;  // absolute
};

// A record about one operator.
struct GoldenOperator {
  std::string id;
  std::string rsm;                       // "gram" or "dist"
  std::string x;                         // layer
  std::map<std::string, double> values;  // "c", "min_S", "P_00", ...
  std::vector<double> top_eigenvalues;   // of S~
  double absolute = 0.0;                 // tolerance
  double relative = 0.0;
};

// Relative eigenvalues of the symmetrised fused operator.
struct GoldenSpectrum {
  std::string id;
  std::string rsm;
  std::vector<std::string> x;
  std::vector<double> relative_eigenvalues;
  double absolute = 0.0;
  double relative = 0.0;
};

// Everything in one folder ("small" or "digits").
struct GoldenSet {
  std::vector<GoldenScore> scores;
  std::vector<GoldenOperator> operators;
  std::vector<GoldenSpectrum> spectra;
  std::vector<GoldenGeometry> geometry;
  std::vector<GoldenList> lists;
  // Records that a correct score does not meet; docs/measures.md names them. Without a measure if
  // there is nothing to ask.
  std::vector<GoldenScore> excused;
  // Records of measures that are not of this build, per measure.
  std::map<std::string, int> other_measures;
  // Records of our measures that hold no number to meet, with the reason.
  std::map<std::string, std::string> without_value;
  int record_count = 0;  // of expected.json
};

GoldenSet LoadGolden(const std::string& folder);

// Cells of the layer x layer matrices of one file of `digits`: `scores` and `excused` of our
// measures; the others are counted in `other_measures`, all of them in `record_count`.
GoldenSet LoadGoldenMatrices(const std::string& file);

// The activations of a layer of a folder.
MatrixF LoadGoldenLayer(const std::string& folder, const std::string& layer);

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_TESTING_GOLDEN_CASES_H_
