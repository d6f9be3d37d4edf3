#!/usr/bin/python3
"""Rules of rescue: whole files come back from nothing but storage folders and the recovery key, whatever else is lost,
and nothing in the folders is changed."""

import glob
import json
import os
import re
import select
import shutil
import sqlite3
import subprocess

import harness
from harness import EXIT, FILESTORED, RUN_S, ClusterTest, content, until


def recovery_key(cluster):
    return subprocess.run([FILESTORED, "recovery-key", "--data", cluster.folder], check=True, timeout=RUN_S,
                          stdout=subprocess.PIPE).stdout.decode().strip()


def snapshot_sequence(name):
    if not os.path.exists(name):
        return -1
    with open(name, "rb") as file:
        return int.from_bytes(file.read(24)[16:], "big")


def fingerprint(folder):
    """All that is in a folder: names, times and octets."""
    found = {}
    for root, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(root, name)
            info = os.lstat(path)
            octets = b""
            if name in files:
                with open(path, "rb") as file:
                    octets = file.read()
            found[os.path.relpath(path, folder)] = (info.st_mtime_ns, octets)
    return found


def tree(folder):
    """The files in a folder, by their paths."""
    return {os.path.relpath(os.path.join(root, name), folder) for root, _, files in os.walk(folder) for name in files}


def read(name):
    with open(name, "rb") as file:
        return file.read()


class RecoveryKey(ClusterTest):
    def test_init_prints_it_once_and_recovery_key_whenever_it_is_asked(self):
        cluster = self.cluster(start=False)
        init = [FILESTORED, "init", cluster.folder, "--nodes", "1"]
        first, second = (subprocess.run(init, check=True, stdout=subprocess.PIPE, timeout=RUN_S).stdout.decode() for _ in "12")
        key = recovery_key(cluster)
        self.assertRegex(key, "^([0-9A-HJKMNP-TV-Z]{4}-){13}[0-9A-HJKMNP-TV-Z]{4}$")
        self.assertEqual(first.count(key), 1)
        self.assertNotIn(key, second)
        self.assertIn("recovery-key --data " + cluster.folder, second)
        by_config = subprocess.run([FILESTORED, "recovery-key", "--config", cluster.folder + "/metadata.zpl"], check=True,
                                   stdout=subprocess.PIPE, timeout=RUN_S).stdout.decode()
        self.assertEqual(by_config.strip(), key)
        other = subprocess.run([FILESTORED, "recovery-key", "--config", cluster.folder + "/auth.zpl"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=RUN_S)
        self.assertEqual((other.returncode, other.stdout), (EXIT["malformed"], b""))

    def test_the_first_start_says_how_to_get_it_and_logs_never_hold_it(self):
        cluster = self.cluster()
        key = recovery_key(cluster)
        cluster.secrets.append(key)
        hint = os.read(cluster.process().popen.stdout.fileno(), 4096).decode()
        self.assertIn("recovery-key --data " + cluster.folder, hint)
        self.assertNotIn(key, hint)
        cluster.restart("filestored")
        self.assertEqual(select.select([cluster.process().popen.stdout], [], [], 0)[0], [])


class Rescue(ClusterTest):
    """One cluster is filled, then lost; each test has copies of its storage folders."""

    @classmethod
    def setUpClass(cls):
        cluster = harness.Cluster(sets=("snapshot-interval=1", "chunk-size=64 KiB", "extent-chunks=2"))
        cls.addClassCleanup(cluster.destroy)
        cluster.start()
        client = cluster.client("ada")
        cls.files = {"users/ada/small": content(3000), "users/ada/empty": b"", "users/ada/b/c/big": content(700001),
                     "users/ada/b/\u00fc \u263a": content(65536), "users/ada/b/exact": content(131072)}
        for number in range(40):
            cls.files["users/ada/many/%d" % number] = content(100 + number)
        local = os.path.join(cluster.root, "local")
        # What there was before; a name that a version of "exact" would get; and folders that were deleted
        cls.versions = {1: content(200001), 2: content(300)}
        cls.files["users/ada/b/exact (version 2)"] = content(77)
        client.ok("mkdir", "b", "old", "old/deep")
        for octets in cls.versions.values():
            client.put("b/exact", octets)
        cls.trash = {"gone": b"deleted", "old/deep/f.txt": content(70001)}
        client.put("old/deep/f.txt", b"older")
        client.put("old/deep/f.txt", cls.trash["old/deep/f.txt"])
        client.ok("rm", "-r", "old")
        for name, octets in cls.files.items():
            path = os.path.join(local, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(octets)
            os.utime(path, (1500000000.25, 1500000000.25))
        client.ok("put", "-r", *glob.glob(local + "/users/ada/*"), "/users/ada/")
        client.put("gone", b"deleted")
        client.ok("rm", "gone")
        names = ["%s/storage/node-%d/namespace.snapshot" % (cluster.folder, node) for node in (1, 2, 3)]
        sequence = client.json("status")["sequence"]
        until(lambda: all(snapshot_sequence(name) >= sequence for name in names), "a snapshot on each node")
        cls.key = recovery_key(cluster)
        cluster.secrets.append(cls.key)
        cluster.kill("filestored")          # So small.db has its log beside it
        assert all(os.path.getsize(name) for name in glob.glob(cluster.folder + "/storage/*/small.db-wal"))
        cls.root = cluster.root
        cls.lost = os.path.join(cluster.root, "lost")
        shutil.copytree(os.path.join(cluster.folder, "storage"), cls.lost)
        cls.cluster, cls.client = cluster, client
        cls.number = 0

    def folders(self, *nodes):
        """Copies of these nodes' folders, for one test."""
        type(self).number += 1
        folder = os.path.join(self.root, "case-%d" % self.number)
        for node in nodes:
            shutil.copytree(os.path.join(self.lost, "node-%d" % node), os.path.join(folder, "node-%d" % node))
        return [os.path.join(folder, "node-%d" % node) for node in nodes]

    def rescue(self, folders, *options, key=None):
        """Rescue with the key on standard input; (exit code, result, the folder)."""
        out = os.path.join(os.path.dirname(folders[0]), "out")
        before = {folder: fingerprint(folder) for folder in folders}
        result = self.client.run("rescue", *folders, out, "--json", *options, input=(key or self.key) + "\n")
        for folder in folders:
            self.assertEqual(fingerprint(folder), before[folder], "a storage folder was changed")
        self.assertFalse(glob.glob(os.path.join(out, "**", ".filestore-rescue*"), recursive=True))
        return result.returncode, json.loads(result.stdout or b"null"), out

    def rescue_one(self):
        """Rescue from a node that lacks some; its number, and what came of it. With two copies on three nodes one may have all."""
        for node in (1, 2, 3):
            found = self.rescue(self.folders(node))
            if found[1]["incomplete"]:
                return node, found
        self.fail("each node has everything")

    def test_older_versions_and_the_trash_come_under_names_that_say_so(self):
        code, result, out = self.rescue(self.folders(1, 2), "--versions", "--trash")
        self.assertEqual((code, result["incomplete"]), (0, []))
        self.assertEqual((result["files"], result["versions"]["files"], result["trash"]["files"]), (len(self.files), 3, 2))
        expected = dict(self.files)
        expected["users/ada/b/exact (version 1)"] = self.versions[1]
        expected["users/ada/b/exact (version 2, 2)"] = self.versions[2]     # That name without the number is a file's
        found = {re.sub(r"\(deleted [-0-9]{10} [.0-9]{8}\)", "(deleted)", name) for name in tree(out)}
        trash = {"trash/users/ada/gone (deleted)": self.trash["gone"],
                 "trash/users/ada/old (deleted)/deep/f.txt": self.trash["old/deep/f.txt"],
                 "trash/users/ada/old (deleted)/deep/f (version 1).txt": b"older"}
        self.assertEqual(found, set(expected) | set(trash))
        for name, octets in expected.items():
            self.assertEqual(read(os.path.join(out, name)), octets, name)
        for name, octets in trash.items():
            self.assertEqual(read(*glob.glob(os.path.join(out, name.replace("(deleted)", "(deleted *)")))), octets, name)

    def test_nothing_in_the_folder_is_replaced_and_a_rescue_goes_on_where_it_stopped(self):
        lacking, (code, result, out) = self.rescue_one()
        rescued, before = tree(out), fingerprint(out)
        self.assertEqual(len(rescued), result["files"])
        other = sorted(set(self.files) - rescued)[0]          # Somebody else's, in the place of a file
        os.makedirs(os.path.dirname(os.path.join(out, other)), exist_ok=True)
        with open(os.path.join(out, other), "wb") as file:
            file.write(b"mine")
        result = self.client.run("rescue", *self.folders(*({1, 2, 3} - {lacking})), out, "--json", "--versions", "--trash", input=self.key)
        self.assertEqual(result.returncode, EXIT["exists"])
        result = json.loads(result.stdout)
        self.assertEqual([row["path"] for row in result["incomplete"]], ["/" + other])
        self.assertEqual((result["there"]["files"], result["files"]), (len(rescued), len(self.files) - len(rescued) - 1))
        self.assertEqual(read(os.path.join(out, other)), b"mine")
        after = fingerprint(out)
        for name in rescued:
            self.assertEqual(after[name], before[name], name)
        os.unlink(os.path.join(out, other))
        result = json.loads(self.client.ok("rescue", *self.folders(*({1, 2, 3} - {lacking})), out, "--json", "--versions", "--trash", input=self.key))
        self.assertEqual((result["files"], result["there"]["files"]), (1, len(self.files) - 1 + 3 + 2))
        self.assertEqual(set(self.files) - tree(out), set())

    def check(self, out, names=None):
        for name in self.files if names is None else names:
            path = os.path.join(out, name)
            self.assertEqual(read(path), self.files[name], name)
            self.assertEqual(os.stat(path).st_mtime, 1500000000.25)
        self.assertEqual(tree(out), set(self.files if names is None else names))

    def test_any_two_of_three_folders_give_all_files(self):
        for nodes in ((1, 2), (2, 3), (1, 3)):
            code, result, out = self.rescue(self.folders(*nodes))
            self.assertEqual((code, result["files"], result["incomplete"]), (0, len(self.files), []))
            self.check(out)
            shutil.rmtree(out)

    def test_read_only_folders_and_a_key_in_a_file_will_do(self):
        folders = self.folders(1, 3)
        for folder in folders:
            subprocess.run(["chmod", "-R", "a-w", folder], check=True)
        filename = os.path.join(self.root, "key")
        with open(filename, "w") as file:
            file.write(self.key.lower().replace("-", " ") + "\n")
        out = os.path.join(os.path.dirname(folders[0]), "out")
        self.client.ok("rescue", *folders, out, "--key-file", filename)
        self.check(out)
        shutil.rmtree(out)
        self.client.ok("rescue", *folders, out, "--key", self.key)
        self.check(out)

    def test_one_folder_gives_what_it_has_and_says_what_it_has_not(self):
        _, (code, result, out) = self.rescue_one()
        missing = {row["path"].lstrip("/") for row in result["incomplete"]}
        self.assertEqual(code, EXIT["corrupt"])
        self.assertTrue(missing)
        for row in result["incomplete"]:
            self.assertIn("in none of the folders", row["reason"])
        self.assertEqual(result["files"], len(self.files) - len(missing))
        self.check(out, set(self.files) - missing)

    def test_damage_in_one_folder_is_made_good_from_another(self):
        folders = self.folders(1, 2, 3)
        for file in glob.glob(folders[0] + "/extents/*/*"):     # Every record of one node
            with open(file, "r+b") as extent:
                for offset in range(1000, os.path.getsize(file), 60000):
                    extent.seek(offset)
                    extent.write(b"damage")
        with open(folders[1] + "/small.db", "r+b") as database:
            for page in range(1, os.path.getsize(database.name) // 16384):
                database.seek(page * 16384)
                database.write(content(16384))
        if os.path.exists(folders[1] + "/small.db-wal"):
            os.unlink(folders[1] + "/small.db-wal")
        with open(folders[2] + "/namespace.snapshot", "r+b") as snapshot:
            snapshot.seek(5000)
            snapshot.write(b"damage")
        code, result, out = self.rescue(folders)
        self.assertEqual((code, result["incomplete"]), (0, []))
        self.check(out)

    def test_small_files_come_out_of_a_database_with_damaged_pages(self):
        folders = self.folders(1, 2, 3)
        rows = {}
        for folder in folders:
            database = sqlite3.connect(folder + "/small.db")
            database.execute("PRAGMA journal_mode = DELETE")
            rows[folder] = database.execute("SELECT count(*) FROM small").fetchone()[0]
            database.close()
            # The index that finds a blob is gone
            pages = sqlite3.connect("file:%s/small.db?mode=ro" % folder, uri=True).execute(
                "SELECT rootpage FROM sqlite_master WHERE name = 'small_blob'").fetchall()
            with open(folder + "/small.db", "r+b") as database:
                database.seek((pages[0][0] - 1) * 16384)
                database.write(bytes(16384))
        self.assertGreater(sum(rows.values()), 40)
        code, result, out = self.rescue(folders)
        self.assertEqual((code, result["incomplete"]), (0, []))
        self.check(out)

    def test_what_lies_in_the_quarantine_counts(self):
        folders = self.folders(1, 2, 3)
        for folder in folders:
            os.makedirs(folder + "/quarantine", exist_ok=True)
            for file in glob.glob(folder + "/extents/*/*"):
                os.rename(file, "%s/quarantine/1700000000000-%s" % (folder, os.path.basename(file)))
        code, result, out = self.rescue(folders)
        self.assertEqual((code, result["incomplete"]), (0, []))
        self.check(out)

    def test_no_part_of_a_damaged_file_is_left_under_its_name(self):
        folders = self.folders(1, 2, 3)
        for folder in folders:
            for file in glob.glob(folder + "/extents/*/*-3"):       # One extent of the only file that has so many
                with open(file, "r+b") as extent:
                    extent.seek(100)
                    extent.write(b"damage")
        code, result, out = self.rescue(folders)
        self.assertEqual(code, EXIT["corrupt"])
        self.assertEqual([row["path"] for row in result["incomplete"]], ["/users/ada/b/c/big"])
        self.assertIn("damaged", result["incomplete"][0]["reason"])
        self.check(out, set(self.files) - {"users/ada/b/c/big"})

    def test_a_wrong_key_opens_nothing(self):
        folders = self.folders(1, 2)
        other = ("0" if self.key[0] != "0" else "1") + self.key[1:]
        for key, code in ((other, "malformed"), (self.key[:-5], "malformed"), ("", "malformed"),
                          ("003G-W58W-4CN3-2E1Z-8S6N-8PV2-D5R7-EZM5-HJ9S-N8D8-NYVB-VH6B-TBCX-2W34", "denied")):
            self.client.fails(code, "rescue", *folders, os.path.join(self.root, "out"), input=key + "\n")
        self.client.fails("not_found", "rescue", self.client.home, os.path.join(self.root, "out"), input=self.key)

    def test_contents_that_the_snapshot_does_not_know_are_counted(self):
        folders = self.folders(1, 2, 3)
        source = glob.glob(folders[0] + "/extents/*/*")[0]
        blob = "00" * 15 + "07"
        shutil.copy(source, "%s/extents/00/%s-0" % (folders[0], blob))
        shutil.copy(source, "%s/extents/00/%s-0" % (folders[1], blob))
        code, result, out = self.rescue(folders)
        self.assertEqual(code, 0)
        self.assertEqual(result["unknown"], 1 + self.rescue(self.folders(1, 2, 3))[1]["unknown"])

    def test_a_lost_metadata_machine_is_brought_back_from_a_storage_folder(self):
        folders = self.folders(3)
        filename = os.path.join(os.path.dirname(folders[0]), "metadata.db")
        self.client.ok("rescue", *folders, "--database", filename, input=self.key)
        self.client.fails("exists", "rescue", *folders, "--database", filename, input=self.key)
        for file in glob.glob(self.cluster.folder + "/metadata.db*"):
            if not file.endswith(".lock"):
                os.unlink(file)
        shutil.copy(filename, self.cluster.folder + "/metadata.db")
        self.cluster.start()
        try:
            for name, octets in self.files.items():
                self.assertEqual(self.client.get("/" + name), octets)
        finally:
            self.cluster.stop()


if __name__ == "__main__":
    harness.main()
