# protobuf-c: the library as ProtobufC::ProtobufC, and protobuf_c_generate(TARGET FILE.proto).
find_path(ProtobufC_INCLUDE_DIR protobuf-c/protobuf-c.h)
find_library(ProtobufC_LIBRARY protobuf-c)
find_program(ProtobufC_COMPILER NAMES protoc-c)
find_program(ProtobufC_PROTOC protoc)
find_program(ProtobufC_PLUGIN protoc-gen-c)
if(NOT ProtobufC_COMPILER AND ProtobufC_PROTOC AND ProtobufC_PLUGIN)
  set(ProtobufC_COMPILER "${ProtobufC_PROTOC}") # newer releases leave the driver to protoc itself
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ProtobufC REQUIRED_VARS ProtobufC_LIBRARY ProtobufC_INCLUDE_DIR ProtobufC_COMPILER)
mark_as_advanced(ProtobufC_INCLUDE_DIR ProtobufC_LIBRARY ProtobufC_COMPILER ProtobufC_PROTOC ProtobufC_PLUGIN)

if(ProtobufC_FOUND AND NOT TARGET ProtobufC::ProtobufC)
  add_library(ProtobufC::ProtobufC UNKNOWN IMPORTED)
  set_target_properties(ProtobufC::ProtobufC PROPERTIES
    IMPORTED_LOCATION "${ProtobufC_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${ProtobufC_INCLUDE_DIR}")
endif()

# Generated code is built apart, without our warnings.
function(protobuf_c_generate target proto)
  get_filename_component(source "${proto}" ABSOLUTE)
  get_filename_component(folder "${source}" DIRECTORY)
  get_filename_component(name "${source}" NAME_WE)
  set(out "${CMAKE_CURRENT_BINARY_DIR}/generated/proto")
  file(MAKE_DIRECTORY "${out}")
  add_custom_command(
    OUTPUT "${out}/${name}.pb-c.c" "${out}/${name}.pb-c.h"
    COMMAND "${ProtobufC_COMPILER}" --c_out=${out} -I${folder} ${source}
    DEPENDS "${source}"
    VERBATIM)
  add_library(${target} STATIC "${out}/${name}.pb-c.c")
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)
  target_include_directories(${target} SYSTEM PUBLIC "${out}")
  target_link_libraries(${target} PUBLIC ProtobufC::ProtobufC)
endfunction()
