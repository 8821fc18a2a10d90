// A gramiand process of its own.
#ifndef GRAMIAN_TESTS_INTEGRATION_GRAMIAND_PROCESS_H_
#define GRAMIAN_TESTS_INTEGRATION_GRAMIAND_PROCESS_H_

#include <chrono>
#include <string>
#include <vector>

#include "tests/integration/child_process.h"

namespace gramian::testing {

// gramiand with these arguments; killed by the destructor.
class GramiandProcess : public ChildProcess {
 public:
  // `program` instead of the gramiand of this build, unless it is empty.
  explicit GramiandProcess(const std::vector<std::string>& arguments,
                           const std::string& program = "");

  // Waits for the line that says where it listens; false if it ends without one, or too late.
  bool WaitUntilListening(std::chrono::milliseconds limit = std::chrono::minutes(1));
  const std::string& grpc_address() const { return grpc_address_; }
  const std::string& metrics_address() const { return metrics_address_; }

 private:
  std::string grpc_address_;
  std::string metrics_address_;
};

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_INTEGRATION_GRAMIAND_PROCESS_H_
