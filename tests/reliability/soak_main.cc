// The long soak: see README, "The long tests".
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <string>

#include "tests/reliability/soak.h"

int main(int argc, char** argv) {
  gramian::testing::SoakOptions options;
  options.verbose = true;
  int64_t seconds = 600;
  CLI::App app("Lets many clients of every kind work on one gramiand for a long time.");
  app.add_option("--seconds", seconds, "how long")->capture_default_str();
  app.add_option("--clients", options.clients, "at the same time")->capture_default_str();
  app.add_option("--seed", options.seed, "of everything that is random")->capture_default_str();
  app.add_option("--contents", options.contents, "different ones of each shape that clients send")
      ->capture_default_str();
  app.add_option("--folder", options.folder, "new folder for the server's data; none: in memory");
  app.add_option("--gramiand", options.program, "the program to test, if not the one beside this");
  app.add_option("--flag", options.flags, "a flag for gramiand; may be given again");
  CLI11_PARSE(app, argc, argv);

  options.duration = std::chrono::seconds(seconds);
  options.judge_growth = seconds >= 120;
  if (!options.folder.empty()) std::filesystem::create_directories(options.folder);
  const gramian::testing::SoakReport report = gramian::testing::RunSoak(options);
  for (const std::string& finding : report.findings) std::printf("finding: %s\n", finding.c_str());
  std::printf("soak: seed=%lu clients=%d\n%s", static_cast<unsigned long>(options.seed),
              options.clients, report.Text().c_str());
  return report.findings.empty() ? 0 : 1;
}
