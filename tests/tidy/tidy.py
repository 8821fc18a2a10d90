#!/usr/bin/env python3
"""Checks the rules of the source tree that no compiler checks.

usage: tidy.py ROOT        prints one line per breach, "path:line: what (rule)"; exits 1 if there is any

Each function below marked with @rule gets one file and yields (line number, message) pairs; its docstring is the rule.
tidy_test.py shows for each of them a tree it refuses.
"""

import os
import re
import sys
from collections import namedtuple

# path: relative to the root, with '/'. lines: the text. code: the same lines without comments and string contents.
# tree: the paths of all files, for rules that look for a companion.
File = namedtuple("File", "path lines code tree")

AREAS = ["base", "representation", "tangent", "store", "geometry", "measure", "engine"]
SKIPPED_FOLDERS = {".git", "build", "gramian-demo", "node_modules", "__pycache__", ".venv"}
CXX = (".cc", ".h")
TEXT = CXX + (".proto", ".cmake", ".txt", ".json", ".md", ".py", ".sh", ".yaml", ".in")
SOURCE = CXX + (".proto", ".py", ".sh", ".cmake")
MAX_LINES = 600

RULES = []


def rule(function):
    RULES.append(function)
    return function


def includes(file):
    """Yields (line number, included path) of a C++ file."""
    for number, line in enumerate(file.lines, 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1)


def matches(lines, pattern):
    """Yields (line number, matched text) of every line the pattern occurs in."""
    compiled = re.compile(pattern)
    for number, line in enumerate(lines, 1):
        match = compiled.search(line)
        if match:
            yield number, match.group(0)


def lib_area(path):
    match = re.match(r"lib/gramian/([a-z]+)/", path)
    return match.group(1) if match else None


def nearest(path, tree):
    """The nearest folder at or above the file's that has a CMakeLists.txt."""
    folder = os.path.dirname(path)
    while folder and f"{folder}/CMakeLists.txt" not in tree:
        folder = os.path.dirname(folder)
    return folder


@rule
def lib_areas_point_left(file):
    """An area of lib includes only itself and areas before it: base, representation, tangent, store, geometry, measure, engine."""
    area = lib_area(file.path)
    if area is None:
        return
    if area not in AREAS:
        yield 1, f"unknown area '{area}'"
        return
    for number, path in includes(file):
        match = re.match(r"gramian/([a-z]+)/", path)
        if match and match.group(1) in AREAS and AREAS.index(match.group(1)) > AREAS.index(area):
            yield number, f"{area} includes {path}"


@rule
def lib_knows_no_service(file):
    """lib includes no RPC, message, metrics or logging library and nothing of server and client."""
    if not file.path.startswith("lib/"):
        return
    forbidden = r"(grpc|grpcpp|google/protobuf|prometheus|spdlog|server|gramian/client|gramian/v1)/|iostream$"
    for number, path in includes(file):
        if re.match(forbidden, path):
            yield number, f"lib includes {path}"


@rule
def client_knows_no_lib(file):
    """client includes neither lib nor Eigen nor server."""
    if not file.path.startswith("client/"):
        return
    for number, path in includes(file):
        if re.match(r"gramian/(%s)/|Eigen/|server/" % "|".join(AREAS), path):
            yield number, f"client includes {path}"


@rule
def server_knows_no_client(file):
    """server includes nothing of client: the two meet only in proto."""
    if not file.path.startswith("server/"):
        return
    for number, path in includes(file):
        if re.match(r"gramian/client/|client/", path):
            yield number, f"server includes {path}"


@rule
def every_lib_source_has_a_test(file):
    """lib/gramian/<area>/x.cc has tests/<area>/x_test.cc."""
    area = lib_area(file.path)
    if area is None or not file.path.endswith(".cc"):
        return
    test = f"tests/{area}/{os.path.basename(file.path)[:-3]}_test.cc"
    if test not in file.tree:
        yield 1, f"{test} is missing"


@rule
def every_source_is_built(file):
    """Every x.cc is named, as x or without its ending _test or _main, in the nearest CMakeLists.txt above it."""
    folder, name = os.path.split(file.path)
    if name != "CMakeLists.txt":
        return
    words = set(re.findall(r"\w+", "\n".join(line.split("#")[0] for line in file.lines)))
    for path in sorted(file.tree):
        if path.endswith(".cc") and nearest(path, file.tree) == folder:
            stem = os.path.basename(path)[:-3]
            if stem not in words and re.sub(r"_(test|main)$", "", stem) not in words:
                yield 1, f"{path} is not built"


@rule
def files_are_short(file):
    """A source file has at most 600 lines."""
    if file.path.endswith(SOURCE) and len(file.lines) > MAX_LINES:
        yield MAX_LINES + 1, f"{len(file.lines)} lines, at most {MAX_LINES}"


@rule
def nothing_is_postponed(file):
    """No reminder, no muted warning, no skipped or disabled test."""
    if file.path.endswith(SOURCE) and not file.path.startswith("tests/tidy/"):
        for number, word in matches(file.lines, r"\b(TODO|FIXME|XXX|NOLINT\w*|GTEST_SKIP|DISABLED_\w*)\b"):
            yield number, f"'{word}'"


@rule
def include_guard_names_the_path(file):
    """The include guard of a header is GRAMIAN_<PATH>_H_, the path as it is included."""
    if not file.path.endswith(".h"):
        return
    path = re.sub(r"^(lib|client)/gramian/", "", file.path)
    guard = "GRAMIAN_" + re.sub(r"[^A-Z0-9]", "_", path.upper()) + "_"
    directives = [line.strip() for line in file.lines if line.startswith("#")]
    if directives[:2] != [f"#ifndef {guard}", f"#define {guard}"]:
        yield 1, f"the include guard must be {guard}"


@rule
def no_path_of_a_machine(file):
    """No path that exists only on somebody's machine."""
    if file.path.endswith(TEXT) and not file.path.startswith("tests/tidy/"):
        for number, path in matches(file.lines, r"(?<![\w.$}])/(work|home|Users)/\w|(?<![\w.$}])/tmp/g\b"):
            yield number, f"'{path}'"


@rule
def nothing_is_thrown(file):
    """lib, server and client throw nothing: errors are absl::Status."""
    if file.path.endswith(CXX) and file.path.startswith(("lib/", "server/", "client/")):
        for number, _ in matches(file.code, r"\bthrow\b"):
            yield number, "throws"


@rule
def locks_are_annotated(file):
    """lib and server lock through gramian/base/mutex.h, whose annotations clang checks; nobody uses absl's mutex."""
    if not file.path.endswith(CXX):
        return
    pattern = r"\babsl::(Mutex|Notification)\b"
    if file.path.startswith(("lib/", "server/")) and file.path != "lib/gramian/base/mutex.h":
        pattern += r"|\bstd::(mutex|shared_mutex|recursive_mutex|condition_variable)\b"
    for number, word in matches(file.code, pattern):
        yield number, f"'{word}'"


@rule
def client_headers_hide_the_protocol(file):
    """Headers of the client library name no gRPC, message or Eigen type: a user's build sees std and absl only."""
    if re.match(r"client/gramian/client/.*\.h$", file.path):
        for number, path in includes(file):
            if re.match(r"(grpc|grpcpp|google/protobuf|gramian/v1|gramian/rpc|Eigen)/", path):
                yield number, f"a public header includes {path}"


def strip_comments(lines):
    """The lines with comments and the contents of string literals blanked, line numbers kept."""
    text = "\n".join(lines)
    token = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"', re.DOTALL)
    return token.sub(lambda match: re.sub(r"[^\n]", " ", match.group(0)), text).split("\n")


def read_tree(root):
    """Yields a File for every text file below root."""
    paths = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        for name in sorted(names):
            paths.append(os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/"))
    tree = frozenset(paths)
    for path in paths:
        if path.endswith(TEXT):
            with open(os.path.join(root, path), encoding="utf-8") as stream:
                lines = stream.read().splitlines()
            yield File(path, lines, strip_comments(lines) if path.endswith(CXX) else lines, tree)


def breaches(root):
    """All breaches below root as (path, line number, message, rule name), and the number of files read."""
    found, count = [], 0
    for file in read_tree(root):
        count += 1
        for check in RULES:
            found += [(file.path, number, message, check.__name__) for number, message in check(file)]
    return found, count


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found, count = breaches(sys.argv[1])
    for path, number, message, name in found:
        print(f"{path}:{number}: {message} ({name})")
    print(f"{count} files, {len(RULES)} rules, {len(found)} breaches")
    # A tree without sources is a wrong ROOT, not a clean tree.
    sys.exit(1 if found or count == 0 else 0)


if __name__ == "__main__":
    main()
