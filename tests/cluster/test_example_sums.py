"""The actor of thirty lines, in Python and in JavaScript, killed and started again while files are uploaded: it misses nothing,
does nothing twice, and no more than it may."""

import hashlib
import json
import os
import shutil
import subprocess
import time

from examples import EXAMPLES, PYTHON, Actor, ExamplesTest, Load
from harness import FILESTORED, RANDOM, RUN_S, SOURCE, ClusterTest, content, main, unbase64, until

MODULES = os.environ.get("FST_SUMS_MODULES", os.path.join(SOURCE, "build", "sums"))


def python_program():
    return [PYTHON, os.path.join(EXAMPLES, "sums", "sums.py")]


def javascript_program(test, cluster):
    """A copy beside its modules, where Node looks for them."""
    modules = os.path.join(MODULES, "node_modules")
    test.assertTrue(os.path.isdir(modules), "run tests/web/install %s actors/examples/sums" % MODULES)
    program = os.path.join(cluster.root, "sums.mjs")
    shutil.copy(os.path.join(EXAMPLES, "sums", "sums.mjs"), program)
    os.symlink(modules, os.path.join(cluster.root, "node_modules"))
    return ["node", program]


class Sums(ExamplesTest):
    def files(self, batch):
        return {"%d.bin" % at: content(RANDOM.choice((0, 1, 1000, 70000))) for at in range(15)}

    def check(self, program):
        actor = Actor(self, self.shared, "sums", program, {"BUNDLE": self.enrol(
            "sums", "--read", "/users", "--write", "/users")}).start()
        self.alice.put("before.bin", b"before")
        load = Load(self.alice, 3, self.files)
        load.disturb(actor, lambda: sum(name.endswith(".sha256") for batch in range(3) for name in self.names("batch%d" % batch)))
        load.files["before.bin"] = b"before"
        actor.kill()
        load.files["large.bin"] = content(5 << 20)          # More than a page, while it is away
        self.alice.put("large.bin", load.files["large.bin"])
        load.files["before.bin"] = b"after"                 # And a newer version
        self.alice.put("before.bin", b"after")
        actor.start()

        def is_done():
            actor.keep_alive()
            return self.read("before.bin.sha256").startswith(hashlib.sha256(b"after").hexdigest().encode())
        until(is_done, "the last sum", 120)
        for path, octets in load.files.items():
            line = "%s  %s\n" % (hashlib.sha256(octets).hexdigest(), os.path.basename(path))
            self.assertEqual(self.read(path + ".sha256").decode(), line)
            if path != "before.bin":
                self.assertEqual(self.stat(path + ".sha256")["version"], 1, path)
        self.assertLessEqual(self.stat("before.bin.sha256")["version"], 2)
        for folder in ("batch0", "/users/alice"):
            self.assertFalse([name for name in self.names(folder) if name.endswith(".sha256.sha256")])

    def test_sums_in_python_miss_nothing_and_do_nothing_twice(self):
        self.check(python_program())

    def test_sums_in_javascript_miss_nothing_and_do_nothing_twice(self):
        self.check(javascript_program(self, self.shared))

    def test_they_are_thirty_lines(self):
        for name in ("sums.py", "sums.mjs"):
            with open(os.path.join(EXAMPLES, "sums", name)) as file:
                lines = file.readlines()
            self.assertLessEqual(len(lines), 30, name)
            self.assertLessEqual(max(map(len, lines)), 150, name)

    def test_one_that_may_only_read_writes_nothing(self):
        actor = Actor(self, self.shared, "sums", python_program(),
                      {"BUNDLE": self.enrol("sums", "--read", "/users/alice/open")}).start()
        self.alice.ok("mkdir", "open")
        self.alice.put("closed.bin", b"closed")
        self.alice.put("open/a.bin", b"a")
        time.sleep(3)               # It must do nothing, for as long as it would have taken
        self.assertIsNone(actor.popen.poll(), actor.text())
        self.assertEqual(self.names("/users/alice"), {"closed.bin", "open"})
        self.assertEqual(self.names("open"), {"a.bin"})


class Remote(ClusterTest):
    """The same from another machine: over TCP, with the keys in the bundle."""

    def test_over_tcp_the_bundle_has_all_that_is_needed(self):
        cluster = self.cluster(processes=True, tcp=True, nodes=2)
        cluster.start("bridge-1")
        alice = cluster.client("alice")
        bundle = subprocess.run([FILESTORED, "enrol", "sums", "--read", "/users", "--write", "/users", "--config",
                                 os.path.join(cluster.folder, "broker.zpl")], check=True, stdout=subprocess.PIPE, timeout=RUN_S).stdout.decode()
        self.assertTrue(json.loads(unbase64(bundle.strip()))["server_key"])
        cluster.secrets.append(bundle.strip())
        for name, program in (("one", python_program()), ("two", javascript_program(self, cluster))):
            actor = Actor(self, cluster, name, program, {"BUNDLE": bundle}).start()
            alice.put(name, name.encode())

            def is_done():
                actor.keep_alive()
                return alice.run("cat", name + ".sha256").stdout.startswith(hashlib.sha256(name.encode()).hexdigest().encode())
            until(is_done, "the sum of " + name, 60)
            actor.kill()


if __name__ == "__main__":
    main()
