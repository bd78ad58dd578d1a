# gatepost_library(name SOURCES ... PUBLIC ... PRIVATE ...): one static library per folder.
function(gatepost_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(gatepost_${name} STATIC ${arg_SOURCES})
  add_library(gatepost::${name} ALIAS gatepost_${name})
  target_link_libraries(gatepost_${name} PUBLIC gatepost::options ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
endfunction()
