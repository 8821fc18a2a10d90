// quotas: what projects may use of the server, and use.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gramian/cli/command.h"
#include "gramian/cli/text.h"
#include "gramian/client/resource_name.h"

namespace gramian::client::cli {
namespace {

using Align = Table::Align;

// "3 of 64", or "3" without a quota.
std::string Of(const std::string& used, int64_t quota, const std::string& limit) {
  return quota == 0 ? used : absl::StrCat(used, " of ", limit);
}

std::string CountOf(int64_t used, int64_t quota) {
  return Of(absl::StrCat(used), quota, absl::StrCat(quota));
}

std::string RateOf(const ProjectQuotas& quotas) {
  if (quotas.calls_per_second == 0) return "-";
  return absl::StrCat(quotas.calls_per_second, "/s, ", quotas.burst_call_count, " at once");
}

absl::Status ShowQuotas(const GlobalOptions& globals) {
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<ServerStats> stats = (*client)->GetServerStats();
  if (!stats.ok()) return stats.status();
  Table table({Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight,
               Align::kRight, Align::kRight});
  table.AddRow({"PROJECT", "STORED", "UPLOADS", "CALLS", "CALL RATE", "INGEST", "COMPUTED"});
  for (const ProjectStats& project : stats->projects) {
    const ProjectQuotas& quotas = project.quotas;
    table.AddRow({DecodeId(project.name.substr(project.name.rfind('/') + 1)).value_or(project.name),
                  Of(FormatBytes(project.stored_bytes), quotas.stored_bytes,
                     FormatBytes(quotas.stored_bytes)),
                  CountOf(project.open_upload_count, quotas.open_upload_count),
                  CountOf(project.open_call_count, quotas.open_call_count), RateOf(quotas),
                  quotas.bytes_per_second == 0
                      ? "-"
                      : absl::StrCat(FormatBytes(quotas.bytes_per_second), "/s"),
                  quotas.compute_seconds_per_hour == 0
                      ? "-"
                      : absl::StrFormat("%.1f of %d s/h", project.compute_seconds,
                                        quotas.compute_seconds_per_hour)});
  }
  Print(table.Render());
  if (stats->projects.empty()) Note("no project that you may see has layers or quotas of its own");
  return absl::OkStatus();
}

}  // namespace

void AddQuotasCommand(CLI::App& app, const GlobalOptions& globals, Action& action) {
  CLI::App* command = app.add_subcommand("quotas", "Show what projects use, and what they may use");
  command->footer(R"(
Of the projects that you may see, those with layers and those with quotas of their own.
Example:
  gramian quotas
)");
  command->callback([&globals, &action] { action = [&globals] { return ShowQuotas(globals); }; });
}

}  // namespace gramian::client::cli
