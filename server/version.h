// The version of this build.
#ifndef GRAMIAN_SERVER_VERSION_H_
#define GRAMIAN_SERVER_VERSION_H_

namespace gramian {

// `major.minor.patch`, from the project's CMake version.
inline constexpr char kVersion[] = GRAMIAN_VERSION;

}  // namespace gramian

#endif  // GRAMIAN_SERVER_VERSION_H_
