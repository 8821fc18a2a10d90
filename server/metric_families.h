// What of /metrics is read when it is asked for, instead of being counted as it happens.
#ifndef GRAMIAN_SERVER_METRIC_FAMILIES_H_
#define GRAMIAN_SERVER_METRIC_FAMILIES_H_

#include <prometheus/metric_family.h>

#include <vector>

#include "server/metrics.h"

namespace gramian {

// The families of the numbers in `input`, all with name, type and help. Those of the disk are
// there with a data directory only, that of the certificate with TLS only.
std::vector<prometheus::MetricFamily> FamiliesOf(const MetricsInput& input);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_METRIC_FAMILIES_H_
