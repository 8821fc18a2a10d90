# Everything Gramian needs, all of it from Debian 12. Libraries without a CMake target of their own
# get one here.
find_package(Threads REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(OpenBLAS REQUIRED CONFIG)
find_package(absl REQUIRED CONFIG)
find_package(Protobuf 3.21 REQUIRED)
find_package(gRPC 1.51 REQUIRED CONFIG)
find_package(TBB REQUIRED CONFIG)
find_package(prometheus-cpp REQUIRED CONFIG)
find_package(spdlog REQUIRED CONFIG)
find_package(CLI11 REQUIRED CONFIG)
find_package(tomlplusplus 3.3 REQUIRED CONFIG)
find_package(nlohmann_json REQUIRED CONFIG)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Spectra 1.0 REQUIRED CONFIG)
find_package(SQLite3 3.40 REQUIRED)
if(GRAMIAN_BUILD_TESTS)
  find_package(GTest 1.12 REQUIRED)
endif()

if(NOT OpenBLAS_LIBRARIES MATCHES "pthread")
  message(FATAL_ERROR
    "OpenBLAS is ${OpenBLAS_LIBRARIES}: its pthread flavour is needed, the serial one is not thread-safe. "
    "tools/setup.sh installs and selects it.")
endif()
add_library(OpenBLAS::OpenBLAS INTERFACE IMPORTED)
set_target_properties(OpenBLAS::OpenBLAS PROPERTIES
  INTERFACE_LINK_LIBRARIES "${OpenBLAS_LIBRARIES}"
  INTERFACE_INCLUDE_DIRECTORIES "${OpenBLAS_INCLUDE_DIRS}")

find_library(LAPACKE_LIBRARY lapacke REQUIRED)
find_path(LAPACKE_INCLUDE_DIR lapacke.h REQUIRED)
add_library(LAPACKE::LAPACKE INTERFACE IMPORTED)
set_target_properties(LAPACKE::LAPACKE PROPERTIES
  INTERFACE_LINK_LIBRARIES "${LAPACKE_LIBRARY};OpenBLAS::OpenBLAS"
  INTERFACE_INCLUDE_DIRECTORIES "${LAPACKE_INCLUDE_DIR}")

include(ChecksumLibraries)
