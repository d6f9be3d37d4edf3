"""Every role is killed with SIGKILL and started again while people work, and nothing that was acknowledged is lost: files
that are written once are there, whole; and for names that are replaced, moved and deleted, there is one order of all
operations that explains what everybody saw.

    test_kill.py            each role at least once: half a minute
    test_kill.py long       ten minutes, random victims, at least two hundred kills"""

import json
import os
import sys
import time

from faulty import Load
from harness import RANDOM, ClusterTest, main, until
from linear import TooMuch, cells, check

NODES = 4
CELLS = 24
WORKERS = 3             # In each of two processes
READS = ("get", "stat", "list")
#  A node counts as gone soon, so that repair runs, and nodes come back to copies that were made meanwhile
SOON = ("heartbeat-interval=300 ms", "prune-after=2 s", "repair-delay=500 ms")


def longest_gap_s(ends_us, from_us, until_us):
    """The longest time without any of these, within the time of the test."""
    ends = sorted([from_us, until_us] + [end for end in ends_us if from_us < end < until_us])
    return max(b - a for a, b in zip(ends, ends[1:])) / 1e6


class Report:
    def __init__(self, history, final, kills, from_us, until_us):
        self.history, self.final, self.kills = history, final, kills
        self.from_us, self.until_us = from_us, until_us
        self.answered = [op for op in history if op["rc"] == "ok"]
        self.failed = [op for op in history if op["rc"] not in ("ok", "not_found", "changed")]
        self.lost = []

    def check_written_once(self):
        """Each file that was acknowledged is there and whole; others are whole, or not there."""
        found = {op["from"]: op for op in self.final}
        for op in self.history:
            if op["op"] != "keep":
                continue
            got = found[op["to"]]
            good = got["rc"] == "ok" and not got["wrong"] and got["seen"] == op["value"] and got["bytes"] == op["bytes"]
            if not good and (op["rc"] == "ok" or got["rc"] != "not_found"):
                self.lost.append("%s: put %s, then %s" % (op["to"], op["rc"], got))

    def check_cells(self):
        for cell, history in sorted(cells(self.history + self.final).items()):
            try:
                problem = check(history)
            except TooMuch:
                print("  %s: too much at the same time; not checked" % cell)
                continue
            if problem:
                self.lost.append("%s: %s" % (cell, problem))

    def check_content(self):
        for op in self.history + self.final:
            if op["wrong"]:
                self.lost.append("wrong content: %s" % op)

    def show(self):
        writes = [op["ended"] for op in self.answered if op["op"] not in READS]
        reads = [op["ended"] for op in self.answered if op["op"] in READS]
        slowest = max(self.answered, key=lambda op: op["ended"] - op["began"])
        print("  operations %d, kills %d, acknowledged writes %d, failed commands %d, lost %d" %
              (len(self.history), len(self.kills), len(writes), len(self.failed), len(self.lost)))
        print("  longest outage of writes %.2f s, of reads %.2f s; slowest operation %s %.2f s" %
              (longest_gap_s(writes, self.from_us, self.until_us), longest_gap_s(reads, self.from_us, self.until_us),
               slowest["op"], (slowest["ended"] - slowest["began"]) / 1e6))
        by_role = {}
        for role, _ in self.kills:
            by_role[role] = by_role.get(role, 0) + 1
        print("  kills:", ", ".join("%s %d" % pair for pair in sorted(by_role.items())))
        for op in self.failed[:10]:
            near = ["%s %+.2f s" % (role, (at * 1e6 - op["began"]) / 1e6) for role, at in self.kills
                    if abs(at * 1e6 - op["ended"]) < 10e6]
            print("  failed: %s %s%s, %d octets, after %.2f s: %s; killed: %s" %
                  (op["op"], op["from"], op["to"], op["bytes"], (op["ended"] - op["began"]) / 1e6, op.get("problem"),
                   ", ".join(near)))


class KillUnderLoad(ClusterTest):
    def setUp(self):
        self.store = self.cluster(processes=True, nodes=NODES, sets=SOON)
        self.alice = self.store.client("alice")
        self.store.wait_nodes(self.alice, NODES)
        self.alice.ok("mkdir", "-p", "mix/keep")
        for cell in range(CELLS):
            self.alice.ok("mkdir", "mix/cell-%d" % cell)

    def kill_one(self, role, down_s):
        self.store.kill(role)
        killed = (role, time.monotonic())
        time.sleep(down_s)
        self.store.start(role)
        return killed

    def run_load(self, seconds, victims):
        """The history of a load while one role after the other is killed; what was killed, and when it ran."""
        loads = [Load(self.alice, "mix", "mix", CELLS, number=number, workers=WORKERS, seconds=seconds)
                 for number in (1, 2)]
        from_us = time.monotonic_ns() // 1000
        kills = []
        for role, pause_s, down_s in victims:
            time.sleep(pause_s)
            if any(load.popen.poll() is not None for load in loads) and not isinstance(victims, list):
                break               # A list is done to its end, though the load of a slow machine may be over
            kills.append(self.kill_one(role, down_s))
        until_us = time.monotonic_ns() // 1000
        history = [op for load in loads for op in load.wait(seconds + 120)]
        return history, kills, from_us, min(until_us, max(op["ended"] for op in history))

    def read_all(self, history):
        names = sorted({op["to"] for op in history if op["op"] == "keep"})
        names += ["mix/cell-%d/%s" % (cell, name) for cell in range(CELLS) for name in "abc"]
        return Load(self.alice, "mix", "read", feed=names).wait(300)

    def wait_whole(self, seconds):
        def whole():
            result = self.alice.run("status", "--json")
            if result.returncode != 0:
                return False
            return json.loads(result.stdout)["bytes_at_one_copy"] == 0
        self.store.wait_nodes(self.alice, NODES)
        until(whole, "everything has two copies again", seconds)

    def check(self, seconds, victims, without_each=False):
        history, kills, from_us, until_us = self.run_load(seconds, victims)
        self.wait_whole(120)
        final = self.read_all(history)
        if without_each:            # Any one node may be missing
            for at in range(NODES):
                self.store.kill("node-%d" % (at + 1))
                final += self.read_all(history)
                self.store.start("node-%d" % (at + 1))
                self.wait_whole(120)
        report = Report(history, final, kills, from_us, until_us)
        report.check_content()
        report.check_written_once()
        report.check_cells()
        report.show()
        self.assertEqual(report.lost, [])
        self.assertGreater(len(report.answered), 100)
        return report

    def roles(self):
        roles = list(self.store.names)
        RANDOM.shuffle(roles)
        return roles


class Quick(KillUnderLoad):
    def test_each_role_is_killed(self):
        victims = [(role, RANDOM.uniform(0.3, 1.0), RANDOM.uniform(0, 0.8)) for role in self.roles()]
        report = self.check(16, victims)
        self.assertEqual({role for role, _ in report.kills}, set(self.store.names))


class Long(KillUnderLoad):
    SECONDS = int(os.environ.get("FST_SECONDS", "600"))
    KILLS = 200

    def victims(self):
        while True:
            role = RANDOM.choice(self.store.names)
            down_s = RANDOM.choice((0, 0, RANDOM.uniform(0, 1), RANDOM.uniform(0, 4)))
            yield role, RANDOM.uniform(0.2, 1.5), down_s if role.startswith("node-") else min(down_s, 1.5)

    def test_random_victims(self):
        report = self.check(self.SECONDS, self.victims(), without_each=True)
        self.assertGreaterEqual(len(report.kills), self.KILLS * self.SECONDS // 600)


if __name__ == "__main__":
    sys.argv[1:] = ["Long"] if sys.argv[1:] == ["long"] else ["Quick"]
    main()
