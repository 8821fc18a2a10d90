// The long crash test: see README, "The long tests".
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <string>

#include "tests/reliability/crash_run.h"

int main(int argc, char** argv) {
  gramian::testing::CrashOptions options;
  options.kills = 200;
  options.verbose = true;
  CLI::App app(
      "Kills gramiand again and again while clients work; what it acknowledged must stay.");
  app.add_option("--kills", options.kills, "how often")->capture_default_str();
  app.add_option("--seed", options.seed, "of everything that is random")->capture_default_str();
  app.add_option("--clients", options.clients, "that work at the same time")->capture_default_str();
  app.add_option("--folder", options.folder, "new folder for the data; kept after a finding")
      ->required();
  app.add_option("--gramiand", options.program, "the program to test, if not the one beside this");
  app.add_option("--flag", options.flags, "a flag for gramiand; may be given again");
  CLI11_PARSE(app, argc, argv);

  std::filesystem::create_directories(options.folder);
  const gramian::testing::CrashReport report = gramian::testing::RunCrashes(options);
  for (const std::string& finding : report.findings) std::printf("finding: %s\n", finding.c_str());
  std::printf("crash: seed=%lu clients=%d %s\n", static_cast<unsigned long>(options.seed),
              options.clients, report.Line().c_str());
  if (!report.findings.empty()) return 1;
  std::filesystem::remove_all(std::filesystem::path(options.folder) / "data");
  return 0;
}
