# Where to install when nobody says: the prefix of the GDAL that was found, since only there it looks for plugins.
if(CMAKE_INSTALL_PREFIX_INITIALIZED_TO_DEFAULT)
  find_program(MLY_GDAL_CONFIG gdal-config) # GDAL_CONFIG is what find_package found
  mark_as_advanced(MLY_GDAL_CONFIG)
  if(MLY_GDAL_CONFIG)
    execute_process(COMMAND "${MLY_GDAL_CONFIG}" --prefix OUTPUT_VARIABLE gdal_prefix
      OUTPUT_STRIP_TRAILING_WHITESPACE)
  endif()
  if(gdal_prefix)
    set(CMAKE_INSTALL_PREFIX "${gdal_prefix}" CACHE PATH "Where to install" FORCE)
  endif()
endif()
