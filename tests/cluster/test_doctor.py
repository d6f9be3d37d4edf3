"""filestore doctor finds each thing that is really broken, names it, says what to do, and finds nothing when all is well."""

import json
import os
import re
import shutil
import signal
import threading
import time

import zmq

from harness import ClusterTest, content, free_ports, main, until

SOON = ("heartbeat-interval=200 ms", "prune-after=1500 ms", "snapshot-interval=1 s", "reserve=0")
OLD_S = 30 * 86400
IMPATIENT = ("reply-timeout=1 s",)          # Who was killed is asked until the broker misses it


class Doctor(ClusterTest):
    def found(self, client, *sets):
        """What it finds, {check: [subject: finding]}. How much room this machine has is not our business."""
        result = client.run("doctor", "--json", *[argument for value in sets for argument in ("--set", value)])
        self.assertIn(result.returncode, (0, 1), result.stderr)
        findings = json.loads(result.stdout)["findings"]
        self.assertEqual(result.returncode, 1 if findings else 0)
        checks = {}
        for row in findings:
            self.assertTrue(row["action"])
            if " are left, " not in row["finding"]:
                checks.setdefault(row["check"], []).append("%s: %s" % (row["subject"], row["finding"]))
        return checks

    def finds(self, client, check, pattern, *sets):
        def seen():
            self.last = self.found(client, *sets)
            return any(re.search(pattern, text) for text in self.last.get(check, ()))
        try:
            until(seen, pattern, 30)
        except AssertionError:
            self.fail("%s %s is not among %s" % (check, pattern, self.last))

    def well(self, client):
        def nothing():
            self.last = self.found(client)
            return not self.last
        try:
            until(nothing, "nothing to find", 40)
        except AssertionError:
            self.fail("found %s" % self.last)

    def faulty(self, cluster, name, *rules, **environment):
        cluster.faults.add(name)
        cluster.fail(name, *rules)
        os.environ.update(environment)
        try:
            cluster.restart(name)
        finally:
            for key in environment:
                del os.environ[key]

    def test_in_a_cluster_of_processes(self):
        cluster = self.cluster(start=False, processes=True, sets=SOON)
        cluster.start()
        nobody, client = cluster.client(), cluster.client("alice")
        client.put("a", content(200000))
        self.finds(client, "backup", "never backed up")
        self.assertNotIn("snapshot", self.last, "the first one is still to come")
        client.ok("admin", "backup")
        self.well(client)
        self.assertEqual(set(self.found(nobody)), {"session"})

        # Backups that are old
        folder = os.path.join(cluster.folder, "backups")
        newest = [os.path.join(folder, name) for name in os.listdir(folder) if name.startswith("metadata-")]
        for name in newest:
            os.utime(name, (time.time() - OLD_S, time.time() - OLD_S))
        self.finds(client, "backup", "30 days old")
        client.ok("admin", "backup")

        # Keys that others may read, and keys of another cluster
        key = os.path.join(cluster.folder, "keys", "auth.key")
        os.chmod(key, 0o644)
        self.finds(client, "keys", r"^\S+/auth\.key: others have access")
        os.chmod(key, 0o600)
        other = self.cluster(start=False, processes=True, name="other")
        node = os.path.join(cluster.folder, "keys", "node-3.key")
        shutil.copy(node, node + ".kept")
        shutil.copy(os.path.join(other.folder, "keys", "node-3.key"), node)
        self.finds(client, "keys", "another cluster")
        os.truncate(node, 40)
        self.finds(client, "keys", "node-3.key")
        os.replace(node + ".kept", node)
        os.chmod(os.path.dirname(key), 0o777)
        self.finds(client, "keys", "others may write")
        os.chmod(os.path.dirname(key), 0o700)

        # Disks
        self.faulty(cluster, "node-1", "readonly / 1 1000000 30")
        self.finds(client, "disk", "^node-1: its disk can only be read")
        cluster.faults.clear()
        cluster.own["node-1"] = ["reserve=90"]
        cluster.restart("node-1")
        usage = shutil.disk_usage(cluster.folder)
        if usage.free < 0.9 * usage.total:
            self.finds(client, "disk", "^node-1: its disk is full")
        del cluster.own["node-1"]
        cluster.restart("node-1")

        # Clocks
        self.faulty(cluster, "node-2", FST_CLOCK_S="-10")
        self.finds(client, "clock", r"^storage.node-2: its clock is \d+ s behind")
        self.faulty(cluster, "node-2", FST_CLOCK_S="900")
        self.finds(client, "clock", r"^storage.node-2: .*ahead of .* wrong time")
        cluster.faults.clear()
        cluster.restart("node-2")

        # A node that is gone
        cluster.kill("node-3")
        self.finds(client, "node", r"^node-3: it is silent .*\(pruned\)", *IMPATIENT)
        cluster.start("node-3")
        self.well(client)

        # A snapshot that cannot be made, and nodes that are to keep none
        obstacle = os.path.join(cluster.folder, "metadata.db.copy")
        os.makedirs(os.path.join(obstacle, "full"))
        client.put("b", content(1000))
        self.finds(client, "snapshot", "older than it should be")
        shutil.rmtree(obstacle)
        cluster.own["metadata"] = ["snapshot-interval=0"]
        cluster.restart("metadata")
        self.finds(client, "snapshot", "nodes keep no snapshot")
        del cluster.own["metadata"]
        cluster.restart("metadata")

        # Auth, metadata, broker
        cluster.kill("auth")
        self.finds(client, "service", "auth does not answer", *IMPATIENT)
        self.assertEqual(len(self.last["service"]), 1, "only who is away is blamed: %s" % self.last)
        cluster.start("auth")
        cluster.kill("metadata")
        self.finds(client, "service", "^metadata: metadata does not answer", *IMPATIENT)
        cluster.start("metadata")
        cluster.kill("broker")
        self.finds(client, "port", "nothing listens where the broker should be")
        self.assertEqual(list(self.last), ["port"])

    def test_in_a_cluster_over_tcp(self):
        cluster = self.cluster(start=False, processes=True, tcp=True, nodes=4, sets=SOON)
        cluster.start("broker", "auth", "metadata", "node-1", "node-2")
        cluster.own["node-3"] = ["data-advertise=tcp://127.0.0.1:%d" % free_ports(1)]
        cluster.start("node-3")
        client = cluster.client("alice")
        self.finds(client, "node", "^node-4: it was enrolled, and has never come")
        self.finds(client, "port", "^node-3: it is alive, but its data port tcp://127.0.0.1:")
        client.put("a", content(200000), "--replicas", "2")

        # What is at one copy, and then cannot be read
        cluster.kill("node-3")
        cluster.kill("node-1")
        self.finds(client, "copies", "1 node is alive, and each file should have 2 copies", *IMPATIENT)
        self.finds(client, "copies", "at one copy|cannot be read")

        # A client with the keys of another cluster
        other = self.cluster(start=False, processes=True, tcp=True, name="other")
        stranger = os.path.join(cluster.root, "stranger")
        os.mkdir(stranger)
        os.mkdir(os.path.join(stranger, "keys"), 0o700)
        shutil.copy(os.path.join(cluster.folder, "client.zpl"), stranger)
        shutil.copy(os.path.join(other.folder, "keys", "client.key"), os.path.join(stranger, "keys"))
        self.finds(cluster.client(config=os.path.join(stranger, "client.zpl")), "keys", "does not know our keys", "connect-timeout=1 s")

    def test_versions_and_services_that_hang(self):
        cluster = self.cluster(start=False, processes=True, sets=SOON + ("prune-after=1 h",))
        cluster.start()
        client = cluster.client("alice")
        stop = threading.Event()
        worker = threading.Thread(target=old_node, args=(cluster.setting("node-1", "broker"), stop))
        worker.start()
        try:
            self.finds(client, "version", "^storage.old: it has version 0.0.9, this client has ")
        finally:
            stop.set()
            worker.join()
        process = cluster.process("node-2")
        process.popen.send_signal(signal.SIGSTOP)
        try:
            self.finds(client, "service", "^storage.node-2: it is there and does not answer", *IMPATIENT)
        finally:
            process.popen.send_signal(signal.SIGCONT)
        broker = cluster.process("broker")
        broker.popen.send_signal(signal.SIGSTOP)
        try:
            self.finds(client, "keys", "something listens where the broker should be, but .* or hangs")
        finally:
            broker.popen.send_signal(signal.SIGCONT)

        # A node that was killed a moment ago: nobody misses it yet
        cluster.kill("node-3")
        self.finds(client, "node", "^node-3: its process does not run", *IMPATIENT)
        self.assertNotIn("node-3", str(self.last.get("port")) + str(self.last.get("service")))


def old_node(endpoint, stop):
    """A worker of another binding that says it is older."""
    context = zmq.Context()
    worker = context.socket(zmq.DEALER)
    worker.linger = 0
    worker.connect(endpoint)
    worker.send_multipart([b"", b"MDPW02", b"\x01", b"storage.old"])
    beat = 0
    while not stop.is_set():
        if time.monotonic() > beat:
            worker.send_multipart([b"", b"MDPW02", b"\x05"])
            beat = time.monotonic() + 1
        if not worker.poll(100):
            continue
        frames = worker.recv_multipart()
        if len(frames) < 5 or frames[2] != b"\x02":
            continue
        request = json.loads(frames[-1])
        reply = {"v": 1, "id": request["id"], "status": "ok",
                 "payload": {"title": "old", "version": "0.0.9", "commands": [], "topics": []}}
        worker.send_multipart([b"", b"MDPW02", b"\x04", *frames[3:-1], json.dumps(reply).encode()])
    worker.close()
    context.term()


if __name__ == "__main__":
    main()
