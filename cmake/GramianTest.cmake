include(GoogleTest)

# gramian_test(<name> SOURCES <file>... [LIBRARIES <target>...] [LABELS <label>...] [TIMEOUT <seconds>]
#              [SHARDS <count>])
#
# One GoogleTest program; each of its tests becomes a ctest test with the labels. The tests are listed
# when ctest starts, so that building never runs anything. LABELS defaults to unit, TIMEOUT to 120
# seconds (five times that under a sanitizer).
#
# With SHARDS the tests are spread over that many ctest tests instead, each one process: for programs of
# a thousand short tests, most of whose time would be starting.
function(gramian_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT;SHARDS" "SOURCES;LIBRARIES;LABELS")
  if(NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "gramian_test(${name}): needs SOURCES, does not know '${arg_UNPARSED_ARGUMENTS}'")
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(GRAMIAN_SANITIZE)
    math(EXPR arg_TIMEOUT "5 * ${arg_TIMEOUT}")
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE gramian_options ${arg_LIBRARIES} GTest::gmock_main)
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  # The many small tests of lib read the same headers, with the same options.
  if(GRAMIAN_PRECOMPILE AND arg_LIBRARIES STREQUAL "gramian_testing")
    get_property(first GLOBAL PROPERTY GRAMIAN_FIRST_LIB_TEST)
    if(first)
      target_precompile_headers(${name} REUSE_FROM ${first})
    else()
      set_property(GLOBAL PROPERTY GRAMIAN_FIRST_LIB_TEST ${name})
      gramian_precompile(${name} <gmock/gmock.h> <Eigen/Dense> [["gramian/base/compute.h"]])
    endif()
  endif()
  set_property(GLOBAL APPEND PROPERTY GRAMIAN_TEST_TARGETS ${name})
  foreach(label IN LISTS arg_LABELS)
    set_property(GLOBAL APPEND PROPERTY GRAMIAN_TEST_TARGETS_${label} ${name})
  endforeach()
  if(arg_SHARDS)
    math(EXPR last "${arg_SHARDS} - 1")
    foreach(shard RANGE ${last})
      add_test(NAME ${name}.${shard} COMMAND ${name} --gtest_brief=1)
      set_tests_properties(${name}.${shard} PROPERTIES
        LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT}
        ENVIRONMENT "OPENBLAS_NUM_THREADS=1;GTEST_TOTAL_SHARDS=${arg_SHARDS};GTEST_SHARD_INDEX=${shard}")
    endforeach()
    return()
  endif()
  gtest_discover_tests(${name}
    DISCOVERY_MODE PRE_TEST
    DISCOVERY_TIMEOUT 60
    PROPERTIES
      TIMEOUT ${arg_TIMEOUT}
      ENVIRONMENT "OPENBLAS_NUM_THREADS=1")
  # gtest_discover_tests keeps only the first label of a list, so they are set once the tests are known.
  set(labels_file "${CMAKE_CURRENT_BINARY_DIR}/${name}_labels.cmake")
  file(CONFIGURE OUTPUT "${labels_file}" @ONLY CONTENT [[
if(DEFINED @name@_TESTS)
  set_tests_properties(${@name@_TESTS} PROPERTIES LABELS "@arg_LABELS@")
endif()
]])
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${labels_file}")
endfunction()

# Adds the targets tests_<label>, each of which builds exactly the programs with that label (as tsan
# needs them). Call once, after all tests are known.
function(gramian_test_label_targets)
  foreach(label unit service integration concurrency golden slow)
    get_property(programs GLOBAL PROPERTY GRAMIAN_TEST_TARGETS_${label})
    add_custom_target(tests_${label})
    if(programs)
      add_dependencies(tests_${label} ${programs})
    endif()
  endforeach()
endfunction()
