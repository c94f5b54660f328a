# What goes with the plugin, and what cpack makes of it: a relocatable archive and, on Debian's relatives, a .deb.
include(GNUInstallDirs)

set(package libgdal-mapillary) # Debian's manner, as libgdal-grass
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/${package}" RENAME copyright)
install(FILES ogr_mapillary/driver.md CHANGELOG.md DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/${package}")

set(CPACK_PACKAGE_NAME ${package})
set(CPACK_PACKAGE_VENDOR "The ogr_mapillary authors")
set(MLY_MAINTAINER "The ogr_mapillary authors <ogr_mapillary@localhost.invalid>" CACHE STRING
  "Who answers for the packages that cpack makes: a name and, in angle brackets, an address")
set(CPACK_PACKAGE_CONTACT "${MLY_MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "GDAL vector driver for Mapillary street-level imagery")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)

# A plugin loads into one minor version of GDAL only: the archive's name says which. A .deb need not, its dependency on
# libgdal's package does.
string(REGEX MATCH "^[0-9]+\\.[0-9]+" gdal_minor "${GDAL_VERSION}")
set(CPACK_ARCHIVE_FILE_NAME
  "${package}-${PROJECT_VERSION}-gdal${gdal_minor}-${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR}")
set(CPACK_PACKAGE_FILE_NAME "${CPACK_ARCHIVE_FILE_NAME}")

# A GDAL that no package brought cannot be depended on, so there is a .deb only for the system's own.
set(CPACK_GENERATOR TGZ)
find_program(MLY_SHLIBDEPS dpkg-shlibdeps)
mark_as_advanced(MLY_SHLIBDEPS)
if(MLY_SHLIBDEPS AND CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  list(APPEND CPACK_GENERATOR DEB)
endif()

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS ca-certificates) # no TLS connection succeeds without, and no library asks for them
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "gdal-bin, qgis")
set(CPACK_PACKAGE_DESCRIPTION "Reads version 4 of the Mapillary API as vector layers in every program that uses GDAL:
images, sequences, map features, traffic signs and detections. Open the dataset MAPILLARY: with ogr2ogr, QGIS, Python,
R or PostgreSQL. Reading from the service takes a free access token.")

include(CPack)
