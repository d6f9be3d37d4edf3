#!/usr/bin/python3
"""Rules of backup: copies of the databases, snapshots on nodes, export and import."""

import glob
import json
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
        until(lambda: load.count > 5, "some load")
        backups = client.json("admin", "backup")
        after = load.count
        until(lambda: load.count > after + 3, "more load")
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

    def test_backups_of_one_second_do_not_stand_in_each_others_way(self):
        cluster = self.cluster()
        client = cluster.client("ada")
        files = [backup["file"] for _ in range(4) for backup in client.json("admin", "backup").values()]
        self.assertEqual(len(set(files)), 8)
        for file in files:
            self.assertTrue(os.path.getsize(file))

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
        until(lambda: all(self.sequence(name) >= sequence for name in names), "a snapshot on each node")
        with open(names[0], "rb") as file:
            self.assertNotIn(b"SQLite", file.read())
        self.assertEqual(os.stat(names[0]).st_mode & 0o777, 0o600)
        client.put("b", content(100))
        later = client.json("status")["sequence"]
        self.assertGreater(later, sequence)
        until(lambda: all(self.sequence(name) >= later for name in names), "a newer snapshot on each node")
        self.assertFalse(glob.glob(os.path.join(cluster.folder, "metadata.db.copy*")))

    @staticmethod
    def sequence(name):
        if not os.path.exists(name):
            return -1
        with open(name, "rb") as file:
            head = file.read(72)
        assert head[:8] == b"FSTN\1\0\0\0"
        return int.from_bytes(head[16:24], "big")


def wipe(cluster):
    """Lose both databases; keys and nodes stay."""
    for file in glob.glob(cluster.folder + "/metadata.db*") + glob.glob(cluster.folder + "/auth.db*"):
        if not file.endswith(".lock"):
            os.unlink(file)


class Export(ClusterTest):
    def fill(self, cluster):
        client, bob = cluster.client("ada"), cluster.client("bob")
        self.files = {"/users/ada/small": content(3000), "/users/ada/empty": b"", "/users/ada/a/b/big": content(700001),
                      "/users/ada/a/\u00fc\u263a \x01\"": content(65537)}
        client.ok("mkdir", "-p", "a/b")
        for name, octets in self.files.items():
            client.put(name, b"an older version")
            client.put(name, octets)
        client.put("gone", content(200))
        client.ok("rm", "gone")
        bob.put("mine", b"bob")
        self.files["/users/bob/mine"] = b"bob"
        local = os.path.join(client.home, "many")
        os.mkdir(local)
        for number in range(600):           # More than fits one page
            with open("%s/%d" % (local, number), "w") as file:
                file.write("%d" % number)
        client.ok("put", "-r", local, "/users/ada/")
        return client, bob

    def test_an_import_gives_the_same_tree_and_accounts(self):
        cluster = self.cluster(sets=("chunk-size=64 KiB", "extent-chunks=2", "snapshot-interval=0"))
        client, bob = self.fill(cluster)
        exported = os.path.join(cluster.root, "export")
        self.assertIn(b"password hashes", client.ok("admin", "export", exported))
        self.assertEqual(os.stat(exported).st_mode & 0o777, 0o600)
        bob.fails("denied", "admin", "export", "-")
        with open(exported) as file:
            lines = file.readlines()
        header, end = json.loads(lines[0]), json.loads(lines[-1])
        self.assertEqual((header["type"], header["format"], header["version"], header["users"]), ("header", "filestore", 1, 2))
        self.assertEqual(end, {"type": "end", "lines": len(lines) - 1})
        self.assertEqual(header["namespace"]["rows"] + 2 + 2, len(lines))
        self.assertEqual({json.loads(line)["type"] for line in lines},
                         {"header", "user", "node", "entry", "version", "trash", "blob", "extent", "end"})
        client.fails("not_empty", "admin", "import", exported)      # It has files
        cluster.stop()

        wipe(cluster)
        cluster.start()
        importer = cluster.client("newcomer")
        for cut in (lines[:1], lines[:-1], lines[:-3] + lines[-1:], lines[:400], lines[:5] + lines[6:]):
            self.assertIn("nothing was imported",
                          importer.fails("corrupt", "admin", "import", "-", input="".join(cut)))
        for broken, code in (("hello\n", "malformed"), ('{"type":"header"}\n', "malformed"), ("", "malformed"),
                             ("".join(lines[:3]) + '{"type":"wish"}\n', "malformed"),
                             ("".join(lines[:3]) + '{"type":"entry","id":9}\n{"type":"end","lines":4}\n', "malformed")):
            importer.fails(code, "admin", "import", "-", input=broken)
        strange = json.loads(lines[0])
        strange["namespace"]["key"] = "0" * 16
        self.assertIn("another key", importer.fails("denied", "admin", "import", "-",
                                                    input=json.dumps(strange) + "\n" + "".join(lines[1:])))
        self.assertEqual(importer.ok("ls", "/users").decode().split(), ["newcomer"])
        self.assertIn(b"Imported 2 users", importer.ok("admin", "import", exported))

        importer.fails("expired", "whoami")             # Its place is taken
        client.login("ada")
        bob.login("bob")
        for name, octets in self.files.items():
            self.assertEqual((client if "ada" in name else bob).get(name), octets)
        self.assertEqual(client.json("status")["files"], len(self.files) + 600)
        self.assertEqual(client.get("many/599"), b"599")
        again = client.ok("admin", "export").decode().splitlines(True)
        self.assertEqual(again[1:], lines[1:])
        said = [json.loads(text)["namespace"] for text in (lines[0], again[0])]
        self.assertEqual(said[0]["rows"], said[1]["rows"])
        self.assertEqual(said[0]["runs"], said[1]["runs"][:len(said[0]["runs"])])
        self.assertGreaterEqual(said[1]["sequence"], said[0]["sequence"])
        client.put("after", b"new files go on")
        self.assertEqual(client.get("after"), b"new files go on")
        # The same file again changes nothing, so an import that was cut before the users came can be repeated
        self.assertIn(b"Imported 2 users", client.ok("admin", "import", exported))
        self.assertEqual(client.get("after"), b"new files go on")
        self.assertFalse(glob.glob(cluster.folder + "/*.import*"))
        # Nodes were told things by the database before; what is said about it names the import
        until(lambda: client.json("admin", "recovery")["recovery"], "recovery")
        self.assertIn(b"was filled by an import", client.ok("admin", "recovery"))
        client.ok("admin", "recovery", "--end")
        said = client.json("admin", "recovery")
        self.assertEqual((said["recovery"], said["imported"], said["missing_total"]), (False, False, 0))

    def test_an_export_is_of_one_moment(self):
        cluster = self.cluster()
        client = cluster.client("ada")
        load = Load(client)
        until(lambda: load.count > 5, "some load")
        rows = [json.loads(line) for line in client.ok("admin", "export", "-").splitlines()]
        load.end()
        blobs = {row["id"] for row in rows if row["type"] == "blob"}
        used = {row["blob"] for row in rows if row["type"] in ("entry", "version") and "blob" in row}
        self.assertEqual(blobs, used)
        self.assertEqual(blobs, {row["blob"] for row in rows if row["type"] == "extent"})
        folders = {row["id"] for row in rows if row["type"] == "entry" and row["kind"] == "folder"}
        self.assertTrue(all(row["parent"] in folders | {0} for row in rows if row["type"] == "entry"))


if __name__ == "__main__":
    harness.main()
