#include "gramian/rpc/convert_significance.h"

#include "gramian/rpc/convert.h"

namespace gramian::client {
namespace {

using client::FromProto;

PermutationTest FromProto(const v1::PermutationTest& proto) {
  PermutationTest test = {FromProto(proto.status()),  proto.p(),   proto.threshold(), proto.mean(),
                          proto.standard_deviation(), std::nullopt};
  if (proto.has_z()) test.z = proto.z();
  return test;
}

BootstrapInterval FromProto(const v1::BootstrapInterval& proto) {
  return {FromProto(proto.status()), proto.lower(), proto.upper(),
          proto.standard_error(),    proto.bias(),  proto.valid_count()};
}

SplitHalves FromProto(const v1::SplitHalves& proto) {
  return {FromProto(proto.status()), proto.mean(), proto.difference(), proto.valid_count()};
}

Assessment FromProto(const v1::Assessment& proto) {
  Assessment assessment;
  assessment.score = FromProto(proto.score());
  if (proto.has_debiased_score()) assessment.debiased_score = FromProto(proto.debiased_score());
  assessment.has_few_inputs = proto.has_few_inputs();
  if (proto.has_permutation_test()) {
    assessment.permutation_test = FromProto(proto.permutation_test());
  }
  if (proto.has_bootstrap()) assessment.bootstrap = FromProto(proto.bootstrap());
  if (proto.has_halves()) assessment.halves = FromProto(proto.halves());
  return assessment;
}

}  // namespace

v1::AssessSimilarityRequest ToProto(const AssessmentQuery& query) {
  v1::AssessSimilarityRequest proto;
  proto.set_layer_a(query.layer_a);
  proto.set_layer_b(query.layer_b);
  for (const std::string& measure : query.measures) proto.add_measures(measure);
  proto.set_permutation_count(query.permutation_count);
  proto.set_level(query.level);
  proto.set_resample_count(query.resample_count);
  proto.set_confidence(query.confidence);
  proto.set_split_count(query.split_count);
  proto.set_seed(query.seed);
  return proto;
}

std::vector<Assessment> FromProto(const v1::AssessSimilarityResponse& proto) {
  std::vector<Assessment> assessments;
  for (const v1::Assessment& assessment : proto.assessments()) {
    assessments.push_back(FromProto(assessment));
  }
  return assessments;
}

}  // namespace gramian::client
