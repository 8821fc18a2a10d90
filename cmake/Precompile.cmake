# Headers that nearly every file of a target reads can be parsed once: from scratch that is nearly half
# of the time. Off where ccache knows most files already, for which such headers are opaque.
option(GRAMIAN_PRECOMPILE "Precompile headers: for builds from scratch" OFF)

# gramian_precompile(<target> <header>...)   headers as they are written after #include
function(gramian_precompile target)
  if(GRAMIAN_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE
      <algorithm> <chrono> <cmath> <cstdint> <functional> <limits> <map> <memory> <optional> <string>
      <utility> <vector> [["absl/status/statusor.h"]] [["absl/strings/str_cat.h"]] ${ARGN})
  endif()
endfunction()
