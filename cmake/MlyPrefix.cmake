# Where to install when nobody says: the prefix of the GDAL that was found, since only there it looks for plugins.
if(CMAKE_INSTALL_PREFIX_INITIALIZED_TO_DEFAULT)
  find_program(GDAL_CONFIG gdal-config)
  if(GDAL_CONFIG)
    execute_process(COMMAND "${GDAL_CONFIG}" --prefix OUTPUT_VARIABLE gdal_prefix OUTPUT_STRIP_TRAILING_WHITESPACE)
    set(CMAKE_INSTALL_PREFIX "${gdal_prefix}" CACHE PATH "Where to install" FORCE)
  endif()
endif()
