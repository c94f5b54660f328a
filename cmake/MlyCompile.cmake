# How every target of ours is compiled: standard, warnings, sanitizers, hidden symbols. Nothing global.
function(mly_compile target)
  set_target_properties(${target} PROPERTIES
    C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF
    CXX_STANDARD 17 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF
    POSITION_INDEPENDENT_CODE ON
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_include_directories(${target} PRIVATE
    "${PROJECT_SOURCE_DIR}/ogr_mapillary" "${PROJECT_BINARY_DIR}/generated")
  target_compile_definitions(${target} PRIVATE _POSIX_C_SOURCE=200809L)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic
    $<$<COMPILE_LANGUAGE:C>:-Wconversion -Wstrict-prototypes -Wmissing-prototypes>
    $<$<COMPILE_LANGUAGE:CXX>:-Wsuggest-override -Wnon-virtual-dtor>)
  if(MLY_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(MLY_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${MLY_SANITIZE} -fno-sanitize-recover=all
      -fno-omit-frame-pointer -g)
    target_link_options(${target} PRIVATE -fsanitize=${MLY_SANITIZE})
  endif()
  if(MLY_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  if(MLY_COVERAGE)
    target_compile_options(${target} PRIVATE --coverage -fprofile-update=atomic -O0) # threads count, too
    target_link_options(${target} PRIVATE --coverage)
  endif()
endfunction()

# A module that GDAL's loader finds: no "lib" prefix, nothing exported that is not marked, directly in the build folder.
function(mly_plugin target)
  set_target_properties(${target} PROPERTIES PREFIX "" SUFFIX ".so" LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
  set(exports "${PROJECT_SOURCE_DIR}/ogr_mapillary/ogr/exports.map") # also hides what C++ templates leave behind
  target_link_options(${target} PRIVATE "LINKER:--version-script=${exports}")
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS "${exports}")
  if(NOT MLY_SANITIZE) # sanitizers' own symbols are resolved by the program that loads the module
    target_link_options(${target} PRIVATE LINKER:--no-undefined)
  endif()
  include(GNUInstallDirs)
  set(MLY_PLUGIN_DIR "${CMAKE_INSTALL_LIBDIR}/gdalplugins" CACHE STRING
    "Where GDAL looks for plugins, relative to the prefix")
  install(TARGETS ${target} LIBRARY DESTINATION "${MLY_PLUGIN_DIR}")
endfunction()
