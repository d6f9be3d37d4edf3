#!/usr/bin/python3
"""Rules of backup: copies of the databases, snapshots on nodes, export and import."""

import glob
import os
import re
import shutil
import threading

import harness
from harness import ClusterTest, content, until


class Load:
    """Somebody who keeps storing, renaming and deleting until told to stop."""

    def __init__(self, client):
        self.client, self.stopping, self.count = client, threading.Event(), 0
        client.ok("mkdir", "load")
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        while not self.stopping.is_set():
            name = "load/%d" % self.count
            self.client.put(name, b"x" * (100 + self.count))
            if self.count % 3 == 1:
                self.client.ok("mv", name, name + "-moved")
            if self.count % 3 == 2:
                self.client.ok("rm", name)
            self.count += 1

    def end(self):
        self.stopping.set()
        self.thread.join()


class Backup(ClusterTest):
    def test_a_backup_under_load_is_the_tree_of_one_moment(self):
        cluster = self.cluster()
        client = cluster.client("ada")
        kept = {"a": content(3000), "big": content(3 << 20)}
        for name, octets in kept.items():
            client.put(name, octets)
        load = Load(client)
        until(lambda: load.count > 5, "some load", 30)
        backups = client.json("admin", "backup")
        after = load.count
        until(lambda: load.count > after + 3, "more load", 30)
        load.end()
        client.put("later", b"not in the backup")
        self.assertEqual(set(backups), {"metadata", "auth"})
        for backup in backups.values():
            self.assertEqual(os.path.dirname(backup["file"]), os.path.join(cluster.folder, "backups"))
            self.assertEqual(os.stat(backup["file"]).st_mode & 0o777, 0o600)
            self.assertEqual(os.stat(backup["file"]).st_size, backup["bytes"])
        self.assertEqual(os.stat(os.path.join(cluster.folder, "backups")).st_mode & 0o777, 0o700)
        cluster.stop()
        for name, backup in backups.items():
            for file in glob.glob(os.path.join(cluster.folder, name + ".db*")):
                if os.path.isfile(file) and not file.endswith(".lock"):
                    os.unlink(file)
            shutil.copy(backup["file"], os.path.join(cluster.folder, name + ".db"))
        cluster.start()
        for name, octets in kept.items():
            self.assertEqual(client.get(name), octets)
        client.fails("not_found", "stat", "later")
        for name in client.ok("ls", "load").decode().split():
            number = int(re.match(r"\d+", name).group())
            self.assertEqual(client.get("load/" + name), b"x" * (100 + number))

    def test_backup_is_for_admins(self):
        cluster = self.cluster()
        cluster.client("ada")
        cluster.client("bob").fails("denied", "admin", "backup")


class Snapshots(ClusterTest):
    def test_every_node_keeps_the_newest_snapshot(self):
        cluster = self.cluster(sets=("snapshot-interval=1",))
        client = cluster.client("ada")
        client.put("a", content(100))
        sequence = client.json("status")["sequence"]
        names = [os.path.join(cluster.folder, "storage", "node-%d" % node, "namespace.snapshot") for node in (1, 2, 3)]
        until(lambda: all(self.sequence(name) >= sequence for name in names), "a snapshot on each node", 30)
        with open(names[0], "rb") as file:
            self.assertNotIn(b"SQLite", file.read())
        self.assertEqual(os.stat(names[0]).st_mode & 0o777, 0o600)
        client.put("b", content(100))
        later = client.json("status")["sequence"]
        self.assertGreater(later, sequence)
        until(lambda: all(self.sequence(name) >= later for name in names), "a newer snapshot on each node", 30)
        self.assertFalse(glob.glob(os.path.join(cluster.folder, "metadata.db.copy*")))

    @staticmethod
    def sequence(name):
        if not os.path.exists(name):
            return -1
        with open(name, "rb") as file:
            head = file.read(72)
        assert head[:8] == b"FSTN\1\0\0\0"
        return int.from_bytes(head[16:24], "big")


if __name__ == "__main__":
    harness.main()
