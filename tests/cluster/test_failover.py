"""A node fails while files are put and fetched: no command fails, and everything that was acknowledged is there, with
all its copies. One node after the other is killed, stopped, cut off, goes silent, or becomes very slow."""

import filecmp
import os
import subprocess

from faulty import FAULTS, Commands, FaultyTest
from harness import content, main, until

#  Metadata notices a lost node soon, so that repair begins
SOON = ("heartbeat-interval=200 ms", "prune-after=2 s", "repair-delay=100 ms")
LARGE_BYTES = 20 << 20
SMALL_FILES = 1000


class NodeFails(FaultyTest):
    def setUp(self):
        self.store = self.faulty(sets=SOON)
        self.alice = self.store.client("alice")
        self.store.wait_nodes(self.alice, 3)
        self.large = self.local("large", content(LARGE_BYTES))
        self.folder = os.path.join(self.alice.home, "folder")
        os.mkdir(self.folder)
        for at in range(SMALL_FILES):
            self.local("folder/%d" % at, content(at * 37 % 20000))

    def local(self, name, octets):
        path = os.path.join(self.alice.home, name)
        with open(path, "wb") as file:
            file.write(octets)
        return path

    def mend(self, node):
        self.store.mend(node)
        self.store.wait_nodes(self.alice, 3)

    def check_copies(self, names, lost):
        """Every extent has two copies that can be reached; where the node is gone for metadata too, after repair."""
        def whole():
            for name in names:
                for extent in self.alice.json("stat", name).get("extents", []):
                    if len(set(extent["nodes"]) - lost) < 2:
                        return False
            return True
        until(whole, "all extents of %s have two copies" % (names,))

    def check_puts(self, at, kind):
        names = ["file-%d" % at, "stdin-%d" % at, "folder-%d" % at]
        commands = Commands(self.store, self.alice, "up")
        commands.begin("put", self.large, names[0])
        with open(self.large, "rb") as stream:
            commands.begin("put", "-", names[1], stdin=stream)
            commands.begin("put", "-r", self.folder, names[2])
            node = commands.fault(kind)
            commands.wait()
        for name in names[:2]:
            self.alice.ok("get", name, "back")
            self.assertTrue(filecmp.cmp(self.large, os.path.join(self.alice.home, "back"), shallow=False), name)
        self.alice.ok("get", "-r", names[2], "back-%d" % at)
        same = subprocess.run(["diff", "-r", self.folder, os.path.join(self.alice.home, "back-%d" % at)], timeout=120)
        self.assertEqual(same.returncode, 0)
        gone = {node} if kind in ("kill", "stop") else set()
        self.check_copies(names[:2] + ["%s/%d" % (names[2], at) for at in range(1, SMALL_FILES, 300)], gone)
        self.mend(node)

    def check_gets(self, at, kind):
        commands = Commands(self.store, self.alice, "down")
        commands.begin("get", "file-%d" % at, "again")
        commands.begin("cat", "stdin-%d" % at)
        commands.begin("get", "-r", "folder-%d" % at, "again-%d" % at)
        node = commands.fault(kind)
        results = commands.wait()
        self.assertTrue(filecmp.cmp(self.large, os.path.join(self.alice.home, "again"), shallow=False))
        with open(self.large, "rb") as file:
            self.assertIn(file.read(), [result.stdout for result in results])
        same = subprocess.run(["diff", "-r", self.folder, os.path.join(self.alice.home, "again-%d" % at)], timeout=120)
        self.assertEqual(same.returncode, 0)
        self.mend(node)

    def test_puts_and_gets_go_on(self):
        for at, kind in enumerate(FAULTS):
            print("  puts and " + kind)
            self.check_puts(at, kind)
            print("  gets and " + kind)
            self.check_gets(at, kind)


if __name__ == "__main__":
    main()
