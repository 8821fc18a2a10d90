# Targets for two libraries without CMake packages: xxHash::xxhash (content digests) and ISAL::isal
# (CRC-32C of upload chunks). Installed beside the package configuration, which needs them too.
if(NOT TARGET xxHash::xxhash)
  find_library(XXHASH_LIBRARY xxhash REQUIRED)
  find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)
  add_library(xxHash::xxhash INTERFACE IMPORTED)
  set_target_properties(xxHash::xxhash PROPERTIES
    INTERFACE_LINK_LIBRARIES "${XXHASH_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${XXHASH_INCLUDE_DIR}")
endif()

if(NOT TARGET ISAL::isal)
  find_library(ISAL_LIBRARY isal REQUIRED)
  find_path(ISAL_INCLUDE_DIR isa-l/crc.h REQUIRED)
  add_library(ISAL::isal INTERFACE IMPORTED)
  set_target_properties(ISAL::isal PROPERTIES
    INTERFACE_LINK_LIBRARIES "${ISAL_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${ISAL_INCLUDE_DIR}")
endif()
