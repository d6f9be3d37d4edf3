"""Data folders of versions before this one are taken over whole, and those of later ones are refused and left as they are;
a node that speaks another protocol is refused with a sentence."""

import glob
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
import uuid

import zmq

from harness import FILESTORED, SOURCE, ClusterTest, main, until

sys.path.insert(0, os.path.join(SOURCE, "tests", "data"))
from make import AGAIN, CONTENT, PASSWORD                                       # noqa: E402

ARCHIVES = sorted(glob.glob(os.path.join(SOURCE, "tests", "data", "*.tar.xz")))


class Older(ClusterTest):
    def unpacked(self, archive):
        cluster = self.cluster(start=False, nodes=2)
        os.mkdir(cluster.folder, 0o700)
        with tarfile.open(archive) as tar:
            tar.extractall(cluster.folder)
        return cluster

    def test_each_older_folder_runs_under_this_version(self):
        self.assertTrue(ARCHIVES)
        for archive in ARCHIVES:
            with self.subTest(os.path.basename(archive)):
                cluster = self.unpacked(archive)
                cluster.start()
                ada, bob = cluster.client(), cluster.client()
                for client, name in ((ada, "ada"), (bob, "bob")):
                    client.login(name, PASSWORD)
                expected = dict(CONTENT, again=AGAIN[-1])
                del expected["deleted"]
                for again in range(2):
                    for path, octets in expected.items():
                        self.assertEqual(ada.get(path), octets, path)
                    for version, octets in enumerate([CONTENT["again"]] + AGAIN, 1):
                        self.assertEqual(ada.ok("cat", "--version", str(version), "again"), octets)
                    self.assertEqual(bob.get("/users/ada/small"), CONTENT["small"])
                    if not again:
                        ada.put("new", b"written by this version")
                        expected["new"] = b"written by this version"
                        bob.ok("admin", "scrub")                # Bob was first
                        status = bob.json("status")
                        self.assertEqual((status["bytes_at_one_copy"], status["damaged"], status["recovery"]), (0, 0, False))
                        cluster.restart("filestored")
                ada.ok("restore", "/users/ada/deleted")
                self.assertEqual(ada.get("deleted"), CONTENT["deleted"])

    def test_folder_of_a_later_version_is_refused_and_left_alone(self):
        cluster = self.unpacked(ARCHIVES[-1])
        for name in ("metadata.db", "auth.db"):
            path = os.path.join(cluster.folder, name)
            database = sqlite3.connect(path)
            before, = database.execute("PRAGMA user_version").fetchone()
            database.execute("PRAGMA user_version = %d" % (before + 50))
            database.close()
            with open(path, "rb") as file:
                octets = file.read()
            result = subprocess.run([FILESTORED] + cluster.arguments("filestored"), capture_output=True, text=True, timeout=60)
            self.assertNotEqual(result.returncode, 0)
            self.assertRegex(result.stderr.splitlines()[-1], name + ".*(newer|later|version)")
            with open(path, "rb") as file:
                self.assertEqual(file.read(), octets, name)
            database = sqlite3.connect(path)
            database.execute("PRAGMA user_version = %d" % before)
            database.close()


class Protocol(ClusterTest):
    def test_node_of_another_protocol_is_refused_with_a_sentence(self):
        cluster = self.cluster(processes=True)
        with open(os.path.join(cluster.folder, "keys", "node-1.key")) as file:
            token = next(line.split('"')[1] for line in file if line.startswith("token"))
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        caller = context.socket(zmq.REQ)
        caller.linger = 0
        self.addCleanup(caller.close)
        caller.connect(cluster.setting("node-1", "broker"))

        def register(**more):
            payload = dict(node="node-1", endpoint="ipc:///nowhere", zone="", capacity=1, free=1, extents=0, window=65536,
                           version="9.9.9", sequence=0, health="ok", **more)
            caller.send_multipart([b"MDPC02", b"\x01", b"metadata", json.dumps(
                {"v": 1, "id": uuid.uuid4().hex, "command": "REGISTER", "token": token, "payload": payload}).encode()])
            self.assertTrue(caller.poll(30000))
            return json.loads(caller.recv_multipart()[-1])
        reply = register(protocol=2)
        self.assertEqual(reply["code"], "denied")
        self.assertIn("Node node-1 (version 9.9.9) speaks protocol 2", reply["message"])
        self.assertIn("bring both to the same version", reply["message"])
        until(lambda: "node refused" in cluster.process("metadata").log_text(), "the log says it too")
        self.assertEqual(register(protocol=1)["status"], "ok")


if __name__ == "__main__":
    main()
