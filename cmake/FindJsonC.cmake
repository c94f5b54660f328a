# json-c as JsonC::JsonC. Its own CMake package is not installed by every distribution.
find_path(JsonC_INCLUDE_DIR json-c/json.h)
find_library(JsonC_LIBRARY json-c)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(JsonC REQUIRED_VARS JsonC_LIBRARY JsonC_INCLUDE_DIR)
mark_as_advanced(JsonC_INCLUDE_DIR JsonC_LIBRARY)

if(JsonC_FOUND AND NOT TARGET JsonC::JsonC)
  add_library(JsonC::JsonC UNKNOWN IMPORTED)
  set_target_properties(JsonC::JsonC PROPERTIES
    IMPORTED_LOCATION "${JsonC_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${JsonC_INCLUDE_DIR}")
endif()
