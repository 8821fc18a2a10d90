// A plain HTTP client for tests.
#ifndef GRAMIAN_TESTS_SERVER_HTTP_GET_H_
#define GRAMIAN_TESTS_SERVER_HTTP_GET_H_

#include <string>

namespace gramian::testing {

struct HttpAnswer {
  int code = 0;  // 0: no connection or no HTTP
  std::string body;
};

// GET `path` from `address`, 127.0.0.1:port. Waits at most 30 s.
HttpAnswer HttpGet(const std::string& address, const std::string& path);

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_SERVER_HTTP_GET_H_
