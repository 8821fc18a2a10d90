#include "gramian/rpc/convert_tangent.h"

namespace gramian::client {
namespace {

TangentPoint FromProto(const v1::TangentPoint& proto) {
  TangentPoint point;
  point.spectral_ratio = proto.spectral_ratio();
  if (proto.has_log_scale()) point.log_scale = proto.log_scale();
  if (proto.has_shape()) point.shape = proto.shape();
  if (proto.has_airm()) point.airm = proto.airm();
  point.joint_rank = proto.joint_rank();
  point.rank_mismatch = proto.rank_mismatch();
  return point;
}

}  // namespace

v1::CompareTangentsRequest ToProto(const TangentQuery& query) {
  v1::CompareTangentsRequest proto;
  proto.set_layer_a(query.layer_a);
  proto.set_layer_b(query.layer_b);
  for (const GridAxis& axis : query.grid) {
    v1::GridAxis& added = *proto.mutable_grid()->add_axes();
    added.set_size(axis.size);
    added.set_spacing(axis.spacing);
    added.set_periodic(axis.periodic);
  }
  if (!query.coordinates.empty()) proto.set_coordinates(query.coordinates);
  proto.mutable_weights()->Add(query.weights.begin(), query.weights.end());
  proto.set_with_field(query.with_field);
  return proto;
}

TangentReport FromProto(const v1::CompareTangentsResponse& proto) {
  TangentReport report;
  report.input_count = proto.input_count();
  report.coordinate_count = proto.coordinate_count();
  report.distance = proto.distance();
  report.similarity = proto.similarity();
  report.standard_error = proto.standard_error();
  report.log_scale_mean = proto.log_scale_mean();
  report.shape_mean = proto.shape_mean();
  report.airm_mean = proto.airm_mean();
  report.compared_count = proto.compared_count();
  report.compared_weight = proto.compared_weight();
  report.degenerate_count = proto.degenerate_count();
  report.rank_mismatch_count = proto.rank_mismatch_count();
  report.vanishing_count = proto.vanishing_count();
  for (const v1::TangentPoint& point : proto.field()) report.field.push_back(FromProto(point));
  report.elapsed_seconds = proto.elapsed_seconds();
  return report;
}

}  // namespace gramian::client
