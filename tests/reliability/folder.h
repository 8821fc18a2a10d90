// A folder that lives as long as a test.
#ifndef GRAMIAN_TESTS_RELIABILITY_FOLDER_H_
#define GRAMIAN_TESTS_RELIABILITY_FOLDER_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace gramian::testing {

// New and empty; removed with everything in it.
class Folder {
 public:
  explicit Folder(const std::string& name)
      : path_(std::filesystem::path(::testing::TempDir()) /
              ("gramian_" + name + "_" + std::to_string(getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path() const { return path_.string(); }

 private:
  const std::filesystem::path path_;
};

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_RELIABILITY_FOLDER_H_
