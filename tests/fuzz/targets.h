// Every decoder of foreign bytes, as a function that a fuzzer can call.
#ifndef GRAMIAN_TESTS_FUZZ_TARGETS_H_
#define GRAMIAN_TESTS_FUZZ_TARGETS_H_

#include "absl/strings/string_view.h"

namespace gramian::fuzz {

// Ends the process, saying `what`, unless `condition` holds: that is how a fuzzer learns of a wrong
// answer. Refusing an input is a right answer.
void Require(bool condition, const char* what);

// Each takes any bytes, decodes them and checks what must hold of whatever was accepted.
void FuzzConfigFile(absl::string_view input);
void FuzzHttpRequest(absl::string_view input);
void FuzzListenAddress(absl::string_view input);
void FuzzMeasureName(absl::string_view input);
void FuzzNpy(absl::string_view input);
void FuzzPageToken(absl::string_view input);
void FuzzResourceName(absl::string_view input);
void FuzzSafetensors(absl::string_view input);
void FuzzUploadMessage(absl::string_view input);
void FuzzUploadRows(absl::string_view input);

}  // namespace gramian::fuzz

#endif  // GRAMIAN_TESTS_FUZZ_TARGETS_H_
