#include "gramian/rpc/convert_path.h"

#include "gramian/rpc/convert.h"

namespace gramian::client {
namespace {

using client::FromProto;

PathSpace FromProto(v1::ScoreSpace proto) {
  switch (proto) {
    case v1::SCORE_SPACE_EUCLIDEAN:
      return PathSpace::kEuclidean;
    case v1::SCORE_SPACE_SHAPE:
      return PathSpace::kShape;
    case v1::SCORE_SPACE_ANGULAR_SHAPE:
      return PathSpace::kAngularShape;
    case v1::SCORE_SPACE_POSITIVE_DEFINITE:
      return PathSpace::kPositiveDefinite;
    default:
      return PathSpace::kSphere;
  }
}

PathValue FromProto(const v1::PathValue& proto) {
  return MakeCell(proto.status(), proto.has_value() ? proto.value() : 0);
}

PathProjection FromProto(const v1::PathProjection& proto) {
  return {FromProto(proto.status()), proto.fraction(), proto.distance(), proto.line_fraction(),
          proto.line_distance()};
}

PathPoint FromProto(const v1::PathPoint& proto) {
  PathPoint point;
  point.layer = proto.layer();
  point.label = proto.label();
  if (proto.has_segment()) point.segment = FromProto(proto.segment());
  if (proto.has_angle()) point.angle = FromProto(proto.angle());
  if (proto.has_target_angle()) point.target_angle = FromProto(proto.target_angle());
  if (proto.has_curvature()) point.curvature = FromProto(proto.curvature());
  if (proto.has_projection()) point.projection = FromProto(proto.projection());
  for (const v1::PathValue& distance : proto.geodesic_distances()) {
    point.geodesic_distances.push_back(FromProto(distance));
  }
  if (proto.has_mean_distance()) point.mean_distance = FromProto(proto.mean_distance());
  point.direction_coordinates.assign(proto.direction_coordinates().begin(),
                                     proto.direction_coordinates().end());
  point.picture_coordinates.assign(proto.picture_coordinates().begin(),
                                   proto.picture_coordinates().end());
  return point;
}

NetworkPath FromProto(const v1::NetworkPath& proto) {
  NetworkPath path;
  path.snapshot = proto.snapshot();
  path.label = proto.label();
  path.length = FromProto(proto.length());
  path.geodesic = FromProto(proto.geodesic());
  path.slack = FromProto(proto.slack());
  for (const v1::PathPoint& point : proto.points()) path.points.push_back(FromProto(point));
  return path;
}

}  // namespace

v1::AnalyzePathRequest ToProto(const PathQuery& query) {
  v1::AnalyzePathRequest proto;
  for (const PathSource& source : query.paths) {
    v1::PathSource& added = *proto.add_paths();
    added.set_snapshot(source.snapshot);
    for (const std::string& layer : source.layers) added.add_layers(layer);
    added.set_input(source.input);
    added.set_target(source.target);
  }
  proto.set_measure(query.measure);
  for (const double fraction : query.geodesic_fractions) proto.add_geodesic_fractions(fraction);
  proto.set_picture_dimension_count(query.picture_dimension_count);
  proto.set_direction_count(query.direction_count);
  return proto;
}

PathReport FromProto(const v1::AnalyzePathResponse& proto) {
  PathReport report;
  report.measure = proto.measure();
  report.space = FromProto(proto.space());
  report.input_count = proto.input_count();
  report.point_count = proto.point_count();
  for (const v1::NetworkPath& path : proto.paths()) report.paths.push_back(FromProto(path));
  report.placed_status = FromProto(proto.placed_status());
  if (proto.has_mean()) {
    report.mean = PathMean{FromProto(proto.mean().status()),
                           proto.mean().variance(),
                           {proto.mean().shares().begin(), proto.mean().shares().end()}};
  }
  if (proto.has_picture()) {
    report.picture = PathPicture{proto.picture().stress(), proto.picture().iteration_count()};
  }
  report.cached_count = proto.cached_count();
  report.elapsed_seconds = proto.elapsed_seconds();
  return report;
}

}  // namespace gramian::client
