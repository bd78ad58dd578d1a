# gatepost_library(name SOURCES ... PUBLIC ... PRIVATE ...): one static library per folder.
function(gatepost_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(gatepost_${name} STATIC ${arg_SOURCES})
  add_library(gatepost::${name} ALIAS gatepost_${name})
  target_link_libraries(gatepost_${name} PUBLIC gatepost::options ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
endfunction()

# gatepost_check(name): checks/<name>.cpp, which must define make_<name>_options(). A check without a page or
# without cases is not finished, so that configuring fails.
set_property(GLOBAL PROPERTY GATEPOST_CHECKS "")
function(gatepost_check name)
  if(NOT EXISTS ${CMAKE_SOURCE_DIR}/docs/checks/${name}.md)
    message(FATAL_ERROR "The check ${name} has no page: write docs/checks/${name}.md (what, why, options, defaults, codes).")
  endif()
  # Images are built without the tests.
  if(GATEPOST_TESTS AND NOT EXISTS ${CMAKE_SOURCE_DIR}/tests/checks/${name}.cases)
    message(FATAL_ERROR "The check ${name} has no cases: write tests/checks/${name}.cases.")
  endif()
  target_sources(gatepost_checks PRIVATE ${name}.cpp)
  set_property(GLOBAL APPEND PROPERTY GATEPOST_CHECKS ${name})
endfunction()

# Writes the list of all checks, in the order of their gatepost_check() lines.
function(gatepost_write_check_registry)
  get_property(names GLOBAL PROPERTY GATEPOST_CHECKS)
  set(declarations "")
  set(rows "")
  foreach(name IN LISTS names)
    string(APPEND declarations "std::unique_ptr<CheckOptions> make_${name}_options();\n")
    string(APPEND rows "      {\"${name}\", &make_${name}_options},\n")
  endforeach()
  configure_file(${CMAKE_SOURCE_DIR}/cmake/check_registry.cpp.in ${CMAKE_BINARY_DIR}/generated/check_registry.cpp @ONLY)
  target_sources(gatepost_checks PRIVATE ${CMAKE_BINARY_DIR}/generated/check_registry.cpp)
endfunction()
