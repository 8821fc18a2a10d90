#include <malloc.h>
#include <openssl/crypto.h>

#include <cstdlib>

#include "gramian/cli/command.h"

int main(int argc, char** argv) {
  // Chunks of 1 MiB are taken and given back all the time: keep their memory instead of asking the
  // system for it again.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  // What gRPC has to say about itself would come between the lines of errors. Before any of it
  // runs.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  // A thread of gRPC may be in the midst of a handshake when the process ends: what it uses stays.
  OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr);
  return gramian::client::cli::RunCommandLine(argc, argv);
}
