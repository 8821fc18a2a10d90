# Installs the two programs and, for C++ users, the package `gramian` with the targets gramian::client
# and gramian::proto. lib and server are not installed: the server is used as a program.
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/gramian")

install(TARGETS gramiand gramian_cli RUNTIME COMPONENT programs)

set_target_properties(gramian_client PROPERTIES EXPORT_NAME client)
set_target_properties(gramian_proto PROPERTIES EXPORT_NAME proto)
install(TARGETS gramian_client gramian_proto EXPORT gramianTargets ARCHIVE)
install(EXPORT gramianTargets NAMESPACE gramian:: DESTINATION "${package_dir}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/client/gramian/client"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/gramian" FILES_MATCHING PATTERN "*.h")
install(DIRECTORY "$<TARGET_PROPERTY:gramian_proto,BINARY_DIR>/gramian/v1"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/gramian" FILES_MATCHING PATTERN "*.pb.h")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/proto/gramian"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/gramian/proto" FILES_MATCHING PATTERN "*.proto")

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/gramianConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/gramianConfig.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/gramianConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/gramianConfig.cmake"
  "${PROJECT_BINARY_DIR}/gramianConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/ChecksumLibraries.cmake"
  DESTINATION "${package_dir}")
