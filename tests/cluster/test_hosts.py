#!/usr/bin/python3
"""Several machines, made of network namespaces with addresses of their own: what docs/HOSTS.md shows is run, then links
are cut, restored and slow, and every file is read and compared."""

import os
import re
import shlex
import sys
import unittest

from harness import PASSWORD, RANDOM, SOURCE, content, main, until
from hosts import Network, why_not


def blocks():
    """What docs/HOSTS.md shows: [(host, lines)], in its order."""
    with open(os.path.join(SOURCE, "docs", "HOSTS.md")) as file:
        return re.findall(r"^```sh\n#  On (\w+)\n(.*?)^```", file.read(), re.S | re.M)


class Hosts(unittest.TestCase):
    def setUp(self):
        self.network = Network(["alpha", "beta", "gamma"])
        self.addCleanup(self.network.destroy)
        self.alpha, self.beta, self.gamma = self.network.hosts
        self.files = {}

    def tearDown(self):
        if any(test is self for test, _ in self._outcome.result.errors + self._outcome.result.failures):
            print(self.network.logs(), file=sys.stderr)

    def carry(self):
        """What a person carries with scp."""
        for host, node in ((self.beta, "node-2"), (self.gamma, "node-3")):
            os.rename(os.path.join(self.alpha.folder, node + ".bundle"), os.path.join(host.folder, node + ".bundle"))

    def hurry(self):
        """Find out soon that a machine is away."""
        for host, node in zip(self.network.hosts, ("node-1", "node-2", "node-3")):
            self.tell(host, node, "heartbeat-interval", "500 ms")
        self.tell(self.alpha, "metadata", "prune-after", "4 s")
        self.tell(self.alpha, "metadata", "repair-delay", "0 s")
        self.tell(self.alpha, "auth", "hash-memory", "1 MiB")

    def tell(self, host, role, option, value):
        with open(os.path.join(host.folder, "cluster", role + ".zpl"), "a") as file:
            file.write('%s = "%s"\n' % (option, value))

    def follow_the_page(self):
        for at, (name, lines) in enumerate(blocks()):
            host = next(one for one in self.network.hosts if one.name == name)
            words = shlex.split(lines)
            if words[1] in ("broker", "storage"):
                if words[1] == "broker":
                    self.hurry()
                host.start(*words[1:])
            else:                               # Without a terminal a password comes from elsewhere
                host.run(lines.replace("register ada", "register ada --password-stdin"), PASSWORD + "\n")
            if at == 0:
                self.carry()
        self.here = self.alpha.client(os.path.join(self.alpha.folder, "cluster", "client.zpl"))
        self.there = self.gamma.client(os.path.join(self.alpha.folder, "cluster", "client.zpl"), sets=("connect-timeout=20 s",))
        for client in (self.here, self.there):
            client.login("ada")

    def store(self, client, size):
        name = "%d-%s" % (size, RANDOM.randbytes(6).hex())
        octets = content(size)
        client.put(name, octets)
        self.files[name] = octets

    def compare(self, *clients):
        for client in clients:
            for name, octets in self.files.items():
                self.assertTrue(client.get(name) == octets, name)

    def wait(self, states, whole=True):
        """Until the nodes are in these states, and all content has two copies."""
        def good():
            status = self.here.json("status")
            there = [row["state"] for row in sorted(self.here.json("nodes"), key=lambda row: row["id"])]
            return there == states and (not whole or (status["bytes_at_one_copy"] == 0 and status["repair"]["extents"] == 0))
        until(good, "nodes " + str(states), 90)

    def test_links_may_be_cut_and_slow(self):
        self.follow_the_page()
        self.wait(["alive"] * 3)
        endpoints = {row["id"]: row["endpoint"] for row in self.here.json("nodes")}
        self.assertEqual(endpoints["node-2"], "tcp://%s:8514" % self.beta.address)
        for size in (0, 1000, 70000, 5 << 20):
            self.store(self.here, size)
            self.store(self.there, size)
        self.compare(self.here, self.there)

        self.beta.cut()                         # A machine is away: nobody notices but metadata
        self.compare(self.here, self.there)
        for size in (1000, 3 << 20):
            self.store(self.here, size)
            self.store(self.there, size)
        self.beta.run("! filestored probe --config cluster/node-2.zpl")
        self.wait(["alive", "pruned", "alive"])
        self.gamma.run("filestored probe --config cluster/node-3.zpl")
        self.compare(self.here)

        self.beta.restore()
        self.wait(["alive"] * 3)
        self.compare(self.there)

        kind = self.gamma.slow(40, 20)          # One is slow, both ways
        print("gamma is slow: %s" % kind, file=sys.stderr)
        self.store(self.here, 3 << 20)
        self.store(self.there, 1 << 20)
        self.compare(self.here)

        self.alpha.cut()                        # The one that all need
        self.there.sets = ["--set", "connect-timeout=1 s"]
        self.there.fails("unreachable", "ls")
        self.alpha.restore()
        self.there.sets = ["--set", "connect-timeout=20 s"]
        self.wait(["alive"] * 3)
        self.store(self.there, 100000)
        self.compare(self.there)


if __name__ == "__main__":
    reason = why_not()
    if reason:
        print("skipped: " + reason)
        sys.exit(77)
    main()
