# gatepost::options: what every target of ours is compiled and linked with.
add_library(gatepost_options INTERFACE)
add_library(gatepost::options ALIAS gatepost_options)

target_include_directories(gatepost_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_options(gatepost_options INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -Wextra-semi -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 sees overlaps and uninitialised values that are not there (PR 105329, 105562) once sanitizers or inlining step in.
  target_compile_options(gatepost_options INTERFACE -Wno-restrict -Wno-maybe-uninitialized -Wno-mismatched-new-delete -Wno-tsan)
endif()
if(GATEPOST_WERROR)
  target_compile_options(gatepost_options INTERFACE -Werror)
endif()

if(GATEPOST_SANITIZE STREQUAL "address")
  set(sanitizers -fsanitize=address,undefined -fno-sanitize=null,alignment,object-size -fno-sanitize-recover=undefined)
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    list(APPEND sanitizers -fno-sanitize=function,vptr)
  else()
    list(APPEND sanitizers -fno-sanitize=vptr)
  endif()
elseif(GATEPOST_SANITIZE STREQUAL "thread")
  set(sanitizers -fsanitize=thread)
endif()
if(sanitizers)
  target_compile_options(gatepost_options INTERFACE ${sanitizers})
  target_link_options(gatepost_options INTERFACE ${sanitizers})
endif()

# The fuzzers are guided by what they reach in the libraries.
if(GATEPOST_FUZZ)
  target_compile_options(gatepost_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_program(GATEPOST_LLD NAMES ld.lld)
if(GATEPOST_LLD)
  target_link_options(gatepost_options INTERFACE -fuse-ld=lld)
endif()
