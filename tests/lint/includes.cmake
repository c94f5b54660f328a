# SPDX-License-Identifier: MIT
# includes.cmake — who may include whom. A wrong include compiles on most systems, where every library is on the
# default path; so the direction is checked here.
#
#   cmake -DROOT=<project> -P includes.cmake
#
# Each core file stands in one layer and includes its own layer and those before it. A new file takes a new word here.
cmake_minimum_required(VERSION 3.16)

set(CORE_LAYERS base words translation flow face)
set(CORE_base status limits span mem arena buf wire base64 worker)
set(CORE_words tile value row schema expr source cover query url)
set(CORE_translation mvt block sieve hold graph request transport verdict progress machine near plan plan_text)
set(CORE_flow losses ring fetch tiles stitch sequences detections listing ids enrich prelude names trace prune retry
    inflate)
set(CORE_face stack reader)

# What core may use of C: no clock, no signals, no threads; and nothing of POSIX at all.
set(CORE_C_HEADERS assert ctype errno float inttypes limits locale math stdalign stdarg stdbool stddef stdint stdio
    stdlib string)

# Who may reach the libraries: a pattern of headers, and the only files that may name them.
set(LIBRARIES protobuf_c json_c curl gdal)
set(HEADERS_protobuf_c "^protobuf-c/|\\.pb-c\\.h$")
set(HEADERS_json_c "^json-c/|^json\\.h$")
set(HEADERS_curl "^curl/")
set(HEADERS_gdal "^(gdal/)?(cpl_|gdal|ogr|swq)[^/]*\\.h$")
set(USERS_protobuf_c "^core/mvt\\.c$")
set(USERS_json_c "^core/graph\\.c$")
set(USERS_curl "^io/transport_curl\\.c$")
set(USERS_gdal "^ogr/")

# The shim sees the core through its outer headers; these are behind them.
set(HIDDEN_FROM_OGR core/wire.h core/mvt.h core/graph.h core/ring.h core/fetch.h core/tiles.h core/stitch.h core/sequences.h core/detections.h
    core/machine.h core/ids.h core/enrich.h core/names.h core/trace.h core/prune.h core/prelude.h core/stack.h)

# The place of a core file (its name without extension) in the order of layers, or -1.
function(layer_of stem result)
  set(index 0)
  foreach(layer IN LISTS CORE_LAYERS)
    if(stem IN_LIST CORE_${layer})
      set(${result} ${index} PARENT_SCOPE)
      return()
    endif()
    math(EXPR index "${index} + 1")
  endforeach()
  set(${result} -1 PARENT_SCOPE)
endfunction()

# What an include names, in brackets or quotes as it is written: "core/x.h" and the like for a file of the project, else
# the bare name. <limits.h> is C's, although core has a file of that name.
function(resolve sources file include result)
  string(REGEX REPLACE "^[<\"]" "" name "${include}")
  string(REGEX REPLACE "\\.h$" "" c_header "${name}")
  if(include MATCHES "^<" AND c_header IN_LIST CORE_C_HEADERS)
    set(${result} "${name}" PARENT_SCOPE)
    return()
  endif()
  get_filename_component(folder "${sources}/${file}" DIRECTORY)
  foreach(base IN ITEMS "${folder}" "${sources}" "${sources}/core" "${sources}/io" "${sources}/ogr")
    get_filename_component(path "${name}" ABSOLUTE BASE_DIR "${base}")
    if(EXISTS "${path}" AND NOT IS_DIRECTORY "${path}")
      file(RELATIVE_PATH name "${sources}" "${path}")
      break()
    endif()
  endforeach()
  set(${result} "${name}" PARENT_SCOPE)
endfunction()

# Why `file` of core may not include `target`; empty if it may.
function(objection_in_core file target result)
  set(${result} "" PARENT_SCOPE)
  if(target MATCHES "^core/")
    get_filename_component(stem "${file}" NAME_WE)
    get_filename_component(target_stem "${target}" NAME_WE)
    layer_of("${stem}" own)
    layer_of("${target_stem}" other)
    if(own GREATER -1 AND other GREATER own)
      list(GET CORE_LAYERS ${own} own)
      list(GET CORE_LAYERS ${other} other)
      set(${result} "layer '${own}' is below layer '${other}'" PARENT_SCOPE)
    endif()
    return()
  endif()
  foreach(library IN LISTS LIBRARIES)
    if(target MATCHES "${HEADERS_${library}}" AND file MATCHES "${USERS_${library}}")
      return()
    endif()
  endforeach()
  string(REGEX REPLACE "\\.h$" "" c_header "${target}")
  if(NOT c_header IN_LIST CORE_C_HEADERS)
    set(${result} "core knows itself and a part of C" PARENT_SCOPE)
  endif()
endfunction()

# Why `file` may not include `target`; empty if it may.
function(objection file target result)
  set(${result} "" PARENT_SCOPE)
  foreach(library IN LISTS LIBRARIES)
    if(target MATCHES "${HEADERS_${library}}" AND NOT file MATCHES "${USERS_${library}}")
      set(${result} "only ${USERS_${library}} may name ${library}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  if(file MATCHES "^core/")
    objection_in_core("${file}" "${target}" why)
    set(${result} "${why}" PARENT_SCOPE)
  elseif(file MATCHES "^io/" AND target MATCHES "^ogr/")
    set(${result} "io is below ogr" PARENT_SCOPE)
  elseif(file MATCHES "^ogr/" AND target IN_LIST HIDDEN_FROM_OGR)
    set(${result} "behind the core's outer headers" PARENT_SCOPE)
  endif()
endfunction()

# All complaints about one file, as a list.
function(check_file sources file result)
  set(complaints "")
  if(file MATCHES "^core/")
    get_filename_component(stem "${file}" NAME_WE)
    layer_of("${stem}" layer)
    if(layer EQUAL -1)
      list(APPEND complaints "${file}: in no layer of tests/lint/includes.cmake")
    endif()
  endif()

  file(READ "${sources}/${file}" text)
  set(directive "(^|\n)[ \t]*#[ \t]*include[ \t]*")
  if(text MATCHES "${directive}[^<\" \t]")
    list(APPEND complaints "${file}: an include that is not spelled out")
  endif()
  string(REGEX MATCHALL "${directive}[<\"][^>\"\n;]+" includes "${text}")
  foreach(include IN LISTS includes)
    string(REGEX REPLACE "${directive}" "" include "${include}")
    resolve("${sources}" "${file}" "${include}" target)
    objection("${file}" "${target}" why)
    if(why)
      list(APPEND complaints "${file}: includes ${target}: ${why}")
    endif()
  endforeach()
  set(${result} "${complaints}" PARENT_SCOPE)
endfunction()

# All complaints about the project in `root`, as a list.
function(check_includes root result)
  set(sources "${root}/ogr_mapillary")
  file(GLOB_RECURSE files RELATIVE "${sources}" "${sources}/*.c" "${sources}/*.h" "${sources}/*.cpp")
  if(NOT files)
    set(${result} "no source in ${sources}" PARENT_SCOPE)
    return()
  endif()
  set(all "")
  foreach(file IN LISTS files)
    check_file("${sources}" "${file}" complaints)
    list(APPEND all ${complaints})
  endforeach()
  set(${result} "${all}" PARENT_SCOPE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  check_includes("${ROOT}" complaints)
  foreach(complaint IN LISTS complaints)
    message(SEND_ERROR "${complaint}")
  endforeach()
endif()
