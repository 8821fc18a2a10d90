#!/usr/bin/env python3
"""Shows that every rule of tidy.py can fail, and that a good tree passes."""

import os
import tempfile
import unittest

import tidy

GUARDED = "#ifndef {0}\n#define {0}\n{1}\n#endif\n"

# A tree nothing is wrong with.
GOOD = {
    "lib/gramian/base/mutex.h": GUARDED.format("GRAMIAN_BASE_MUTEX_H_", "std::mutex mutex_;"),
    "lib/gramian/geometry/rsm.h": GUARDED.format("GRAMIAN_GEOMETRY_RSM_H_", '#include "gramian/base/mutex.h"'),
    "lib/gramian/geometry/rsm.cc": '// Never throws.\n#include "gramian/geometry/rsm.h"\n',
    "tests/geometry/rsm_test.cc": "#include <iostream>\n",
    "tests/CMakeLists.txt": "gramian_test(rsm_test SOURCES geometry/rsm_test.cc)\nforeach(name clock)\n",
    "tests/clock_test.cc": "int x;\n",
    "server/server.cc": "int x;\n",
    "server/server.h": GUARDED.format("GRAMIAN_SERVER_SERVER_H_", "#include <grpcpp/grpcpp.h>"),
    "client/gramian/client/client.h": GUARDED.format("GRAMIAN_CLIENT_CLIENT_H_", "#include <mutex>"),
}

# rule -> files of which the rule must refuse each one when it is added to the good tree.
BAD = {
    "lib_areas_point_left": {
        "lib/gramian/base/a.h": GUARDED.format("GRAMIAN_BASE_A_H_", '#include "gramian/geometry/rsm.h"'),
        "lib/gramian/utils/a.h": GUARDED.format("GRAMIAN_UTILS_A_H_", ""),
    },
    "lib_knows_no_service": {
        "lib/gramian/base/a.h": GUARDED.format("GRAMIAN_BASE_A_H_", "#include <grpcpp/grpcpp.h>"),
        "lib/gramian/base/b.h": GUARDED.format("GRAMIAN_BASE_B_H_", "#include <iostream>"),
        "lib/gramian/base/c.h": GUARDED.format("GRAMIAN_BASE_C_H_", "#include <google/protobuf/message.h>"),
        "lib/gramian/base/d.h": GUARDED.format("GRAMIAN_BASE_D_H_", "#include <prometheus/counter.h>"),
        "lib/gramian/base/e.h": GUARDED.format("GRAMIAN_BASE_E_H_", "# include <spdlog/spdlog.h>"),
        "lib/gramian/base/f.h": GUARDED.format("GRAMIAN_BASE_F_H_", '#include "gramian/v1/a.pb.h"'),
    },
    "client_knows_no_lib": {
        "client/a.cc": '#include "gramian/base/mutex.h"\n',
        "client/b.cc": "#include <Eigen/Core>\n",
        "client/c.cc": '#include "server/server.h"\n',
    },
    "server_knows_no_client": {"server/a.cc": '#include "gramian/client/client.h"\n'},
    "every_lib_source_has_a_test": {"lib/gramian/base/clock.cc": "int x;\n"},
    "every_source_is_built": {"server/CMakeLists.txt": "add_library(all STATIC admission.cc)  # server\n"},
    "files_are_short": {"server/a.cc": "\n" * 601},
    "nothing_is_postponed": {
        "server/a.cc": "// TODO(b/1): later\n",
        "tests/server/b_test.cc": "TEST(ATest, DISABLED_Works) {}\n",
        "tests/server/c_test.cc": "GTEST_SKIP();\n",
        "server/d.cc": "int x;  // NOLINT(foo)\n",
        "tools/e.sh": "# FIXME\n",
    },
    "include_guard_names_the_path": {
        "server/a.h": GUARDED.format("SERVER_A_H", ""),
        "client/gramian/client/b.h": "#pragma once\n",
        "lib/gramian/base/c.h": "",
    },
    "no_path_of_a_machine": {
        "README.md": "cd /home/someone/project\n",
        "tools/a.sh": "cp x /tmp/g/y\n",
        "docs/b.md": "`/work/x`\n",
    },
    "nothing_is_thrown": {"server/a.cc": 'void F() { throw 1; }\n', "client/b.cc": "  throw;\n"},
    "locks_are_annotated": {
        "server/a.cc": "std::mutex m;\n",
        "client/b.cc": "absl::Mutex m;\n",
        "tests/server/c_test.cc": "absl::Notification n;\n",
        "server/d.cc": "std::condition_variable c;\n",
    },
    "client_headers_hide_the_protocol": {
        "client/gramian/client/a.h": GUARDED.format("GRAMIAN_CLIENT_A_H_", "#include <grpcpp/channel.h>"),
        "client/gramian/client/b.h": GUARDED.format("GRAMIAN_CLIENT_B_H_", '#include "gramian/v1/a.pb.h"'),
    },
}


class TidyTest(unittest.TestCase):
    def breached_rules(self, files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as stream:
                    stream.write(text)
            return tidy.breaches(root)[0]

    def test_a_good_tree_passes(self):
        self.assertEqual(self.breached_rules(GOOD), [])

    def test_every_rule_refuses_its_bad_files(self):
        self.assertEqual(set(BAD), {rule.__name__ for rule in tidy.RULES})
        for name, files in BAD.items():
            for path, text in files.items():
                with self.subTest(rule=name, path=path):
                    found = self.breached_rules({**GOOD, path: text})
                    self.assertIn((path, name), {(breach[0], breach[3]) for breach in found})

    def test_comments_and_strings_are_not_code(self):
        text = '// std::mutex\n/* throw\nstd::mutex */ const char* s = "throw \\" throw";\n'
        self.assertEqual(self.breached_rules({**GOOD, "server/a.cc": text}), [])


if __name__ == "__main__":
    unittest.main()
