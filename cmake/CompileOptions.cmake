# gramian_options: warnings as errors for our own code. Link it PRIVATE, and inside
# $<BUILD_INTERFACE:...> where the target is exported; generated code does without it.
add_library(gramian_options INTERFACE)
target_compile_options(gramian_options INTERFACE
  -Wall -Wextra -Wpedantic
  -Wshadow             # a hidden name is nearly always a mistake
  -Wconversion         # sizes and dtypes change only where it is written down
  -Wnon-virtual-dtor
  -Woverloaded-virtual
  -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # The annotations of gramian/base/mutex.h are checked by clang only.
  target_compile_options(gramian_options INTERFACE -Wthread-safety)
endif()

# Sanitizers apply to every file of the build, generated ones too: half-instrumented programs report
# nonsense.
if(GRAMIAN_SANITIZE)
  # gcc's flow analysis takes instrumented standard library code (std::regex) for uninitialised reads.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(gramian_options INTERFACE -Wno-maybe-uninitialized)
  endif()
  # The check of dynamic types opens a pipe to look at an object, and takes a lack of descriptors, which
  # tests bring about, for an object of the wrong type.
  add_compile_options(-fsanitize=${GRAMIAN_SANITIZE} -fno-sanitize=vptr -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${GRAMIAN_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    add_compile_options(-fsanitize-ignorelist=${PROJECT_SOURCE_DIR}/cmake/sanitizer_ignore.txt)
  endif()
  add_compile_definitions(GRAMIAN_SANITIZED)
endif()

# Coverage counters for libFuzzer; the fuzzing programs alone link its main.
if(GRAMIAN_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "GRAMIAN_FUZZ needs clang; use the preset fuzz")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
