# gramian_proto_library(<target> <root> <proto>...)
#
# A static library of the messages and gRPC services of the given .proto files (paths relative to
# <root>), with mocks of the stubs. Its headers count as SYSTEM, so generated code is not held to our
# warnings.
function(gramian_proto_library target root)
  set(out "${CMAKE_CURRENT_BINARY_DIR}")
  list(TRANSFORM ARGN PREPEND "${root}/" OUTPUT_VARIABLE inputs)
  foreach(proto IN LISTS ARGN)
    string(REGEX REPLACE "\\.proto$" "" stem "${proto}")
    set(gen "${out}/${stem}.pb.cc" "${out}/${stem}.pb.h"
            "${out}/${stem}.grpc.pb.cc" "${out}/${stem}.grpc.pb.h")
    # Each file depends on all of them: they import one another.
    add_custom_command(OUTPUT ${gen}
      COMMAND protobuf::protoc --cpp_out=${out} --grpc_out=generate_mock_code=true:${out} -I ${root}
              --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin> ${proto}
      DEPENDS ${inputs} COMMENT "Generating ${stem}.pb and ${stem}.grpc.pb" VERBATIM)
    list(APPEND sources ${gen})
  endforeach()
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} SYSTEM PUBLIC
    $<BUILD_INTERFACE:${out}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} PUBLIC gRPC::grpc++ protobuf::libprotobuf)
  gramian_precompile(${target} <google/protobuf/message.h> <grpcpp/grpcpp.h>)
endfunction()
