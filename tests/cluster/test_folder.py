"""A folder of real files survives put -r and get -r bit for bit, however the cluster runs."""

import filecmp
import os
import stat
import struct
import subprocess
import time
import zlib

from harness import EXIT, SOURCE, ClusterTest, RANDOM, content, main

LARGE_BYTES = 200 << 20


def png(width, height):
    """A picture, as any viewer opens it."""
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    rows = b"".join(b"\0" + bytes((x * y + x) & 255 for x in range(3 * width)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def make_folder(root):
    """Sources, pictures, one large file, empty ones, odd names. What put -r must take is in here only."""
    def write(name, octets):
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(octets)
        os.utime(path, (1.6e9 + RANDOM.randrange(10 ** 7),) * 2)

    for folder in ("bus", "schemas", "client", "tests"):
        for where, _, names in os.walk(os.path.join(SOURCE, folder)):
            for name in names:
                path = os.path.join(where, name)
                if name.endswith(".pyc") or not os.path.isfile(path):
                    continue
                with open(path, "rb") as file:
                    write(os.path.join("sources", os.path.relpath(path, SOURCE)), file.read())
    for at in range(6):
        write("pictures/picture %d.png" % at, png(64 << (at % 3), 48 << (at % 3)))
    write("empty", b"")
    write("deep/" + "/".join("level%d" % at for at in range(30)) + "/end", b"down here")
    write("large.bin", content(1 << 20) * (LARGE_BYTES >> 20))
    write("chunk edges/exact", content(1 << 20))
    write("chunk edges/one more", content((1 << 20) + 1))
    write("chunk edges/inline", content(65536))
    write("chunk edges/not inline", content(65537))
    for name in ("with space", " leading", "trailing ", "\u00e4\u00f6\u00fc\u00df \u4e2d\u6587 \U0001f600", "new\nline", "tab\tand\x1bescape",
                 "-r", "--help", "'quotes\"", "back\\slash", "$HOME `id` *?", "...", "..hidden", "n" * 255, "e\u0301"):
        write("names/" + name, name.encode())
    os.makedirs(os.path.join(root, "no files", "in here"))


def differences(left, right):
    """Names that are not the same on both sides, with content and time."""
    compare = filecmp.dircmp(left, right, ignore=[], hide=[])
    found = compare.left_only + compare.right_only + compare.funny_files
    for name in compare.common_files:
        a, b = os.path.join(left, name), os.path.join(right, name)
        if not filecmp.cmp(a, b, shallow=False) or int(os.stat(a).st_mtime) != int(os.stat(b).st_mtime):
            found.append(name)
    for name in compare.common_dirs:
        found += differences(os.path.join(left, name), os.path.join(right, name))
    return found


class Folder(ClusterTest):
    def check(self, cluster):
        client = cluster.client("alice")
        cluster.wait_nodes(client, 3)
        local = os.path.join(client.home, "folder")
        make_folder(local)
        began = time.monotonic()
        client.ok("put", "-r", local, "stored")
        put_s = time.monotonic() - began
        began = time.monotonic()
        client.ok("get", "-r", "stored", "back")
        get_s = time.monotonic() - began
        print("put -r %.2f s, get -r %.2f s" % (put_s, get_s))
        self.assertEqual(differences(local, os.path.join(client.home, "back")), [])
        files = sum(len(names) for _, _, names in os.walk(local))
        self.assertEqual(client.json("status")["files"], files)
        return client, local

    def test_embedded(self):
        cluster = self.cluster()
        client, local = self.check(cluster)
        cluster.restart("filestored")
        client.ok("get", "-r", "stored", "after")
        self.assertEqual(differences(local, os.path.join(client.home, "after")), [])

    def test_processes_over_ipc(self):
        self.check(self.cluster(processes=True))

    def test_processes_over_tcp_with_curve(self):
        self.check(self.cluster(processes=True, tcp=True))


class Rules(ClusterTest):
    def test_where_folders_go(self):
        client = self.cluster().client("alice")
        os.makedirs(os.path.join(client.home, "a", "b"))
        with open(os.path.join(client.home, "a", "b", "c"), "w") as file:
            file.write("c")
        client.fails("is_a_folder", "put", "a", "x")
        client.ok("put", "-r", "a", "new")                  #  Becomes it
        client.ok("put", "-r", "a", "new")                  #  Goes into it
        client.ok("put", "-r", "a/", "slash/")
        client.ok("put", "-r", "a/.", "content")
        self.assertEqual(client.ok("cat", "new/b/c", "new/a/b/c", "slash/a/b/c", "content/b/c"), b"cccc")
        client.ok("put", "-r", "a", "session", "several")
        self.assertEqual(client.ok("ls", "several"), b"a\nsession\n")
        client.fails("is_a_folder", "get", "new", "back")
        client.ok("get", "-r", "new", "back")
        client.ok("get", "-r", "new", "back")
        for name in ("back/b/c", "back/a/b/c", "back/new/b/c"):
            self.assertTrue(os.path.isfile(os.path.join(client.home, name)), name)

    def test_files_in_the_way(self):
        client = self.cluster().client("alice")
        os.makedirs(os.path.join(client.home, "a", "b"))
        for name in ("a/b/c", "a/d"):
            with open(os.path.join(client.home, name), "w") as file:
                file.write("new")
        client.ok("mkdir", "-p", "stored/d")                #  A folder where a file should go
        client.put("stored/b", b"a file where a folder should go")
        result = client.run("put", "-r", "a/.", "stored")
        self.assertIn(result.returncode, (EXIT["not_a_folder"], EXIT["exists"], EXIT["is_a_folder"]))
        self.assertEqual(client.ok("cat", "stored/b"), b"a file where a folder should go")
        self.assertEqual(client.json("stat", "stored/d")["kind"], "folder")

    def test_what_is_skipped_and_what_is_refused(self):
        client = self.cluster().client("alice")
        folder = os.path.join(client.home, "mixed")
        os.makedirs(os.path.join(folder, "sub"))
        with open(os.path.join(folder, "file"), "w") as file:
            file.write("file")
        os.symlink("file", os.path.join(folder, "link to file"))
        os.symlink("sub", os.path.join(folder, "link to folder"))
        os.symlink("..", os.path.join(folder, "loop"))
        os.symlink("nowhere", os.path.join(folder, "dangling"))
        os.mkfifo(os.path.join(folder, "pipe"))
        result = client.run("put", "-r", "mixed", "mixed")
        self.assertEqual(result.returncode, 0, result.stderr)
        for name in (b"link to folder", b"loop", b"dangling", b"pipe"):
            self.assertIn(name, result.stderr)
        self.assertEqual(client.ok("ls", "mixed"), b"file\nlink to file\nsub\n")
        self.assertEqual(client.ok("cat", "mixed/link to file"), b"file")

        with open(os.path.join(os.fsencode(folder), b"bad \xff name"), "w") as file:
            file.write("x")
        os.mkdir(os.path.join(os.fsencode(folder), b"bad \xfe folder"))
        result = client.run("put", "-r", "mixed", "second")
        self.assertEqual(result.returncode, EXIT["bad_name"])
        self.assertIn(b"bad \\xff name", result.stderr)
        self.assertEqual(client.ok("ls", "second"), b"file\nlink to file\nsub\n")
        client.fails("bad_name", "put", b"mixed/bad \xff name", "mixed")
        client.ok("put", b"mixed/bad \xff name", "good name")

    def test_two_of_the_same_name_are_refused(self):
        client = self.cluster().client("alice")
        for name in ("a", "b"):
            os.mkdir(os.path.join(client.home, name))
            with open(os.path.join(client.home, name, "x"), "w") as file:
                file.write(name)
        text = client.fails("exists", "put", "a/x", "b/x", "to")
        self.assertIn("a/x and b/x", text)
        client.fails("not_found", "stat", "to")
        client.ok("put", "-r", "a", "b", "to")
        client.fails("exists", "get", "to/a/x", "to/b/x", "back")
        client.fails("exists", "mv", "to/a/x", "to/b/x", "to")
        self.assertEqual(client.ok("cat", "to/a/x", "to/b/x"), b"ab")

    def test_mode_of_what_is_fetched(self):
        client = self.cluster().client("alice")
        client.put("a", b"a")
        mask = os.umask(0o022)
        try:
            client.ok("get", "a", "b")
        finally:
            os.umask(mask)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(client.home, "b")).st_mode), 0o644)

    def test_many_small_files(self):
        client = self.cluster().client("alice")
        folder = os.path.join(client.home, "many")
        os.mkdir(folder)
        for at in range(5000):
            with open(os.path.join(folder, "f%05d" % at), "w") as file:
                file.write(str(at) * 10)
        began = time.monotonic()
        client.ok("put", "-r", "many", "many")
        put_s = time.monotonic() - began
        began = time.monotonic()
        client.ok("get", "-r", "many", "back")
        print("5000 files: put %.0f/s, get %.0f/s" % (5000 / put_s, 5000 / (time.monotonic() - began)))
        self.assertEqual(subprocess.run(["diff", "-r", folder, os.path.join(client.home, "back")]).returncode, 0)
        self.assertEqual(len(client.json("ls", "many")), 5000)


if __name__ == "__main__":
    main()
