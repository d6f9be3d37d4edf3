"""Trash, versions, copies, search, sharing, events and sessions, as people use them on the command line."""

import json
import os
import signal
import subprocess
from harness import EXIT, FILESTORE, Client, Cluster, ClusterTest, content, main, until


class Shared(ClusterTest):
    """Tests that share one cluster; each has users of its own."""

    users = 0

    @classmethod
    def setUpClass(cls):
        cls.shared = Cluster().start()
        cls.shared.client("admin")

    @classmethod
    def tearDownClass(cls):
        cls.shared.destroy()

    def setUp(self):
        self.addCleanup(self.show_logs, self.shared)

    def client(self):
        """Someone new, with a home; client.name is who."""
        Shared.users += 1
        name = "person%d" % Shared.users
        client = self.shared.client(name)
        client.name = name
        client.ok("ls")
        return client

    def tree(self, client):
        """Folders and files to work with; {path: content}."""
        files = {"plan": b"a plan", "docs/Plan B.txt": content(100), "docs/deep/\u00e4rger.txt": content(70000),
                 "docs/deep/big": content((1 << 20) + 5), "docs/empty": b""}
        client.ok("mkdir", "-p", "docs/deep", "docs/nothing")
        for path, octets in files.items():
            client.put(path, octets)
        return files


class Trash(Shared):
    def test_what_was_deleted_is_listed_and_comes_back(self):
        client = self.client()
        files = self.tree(client)
        removed = client.json("rm", "plan") + client.json("rm", "-r", "docs")
        rows = client.json("trash")
        self.assertEqual([row["trash"] for row in removed], [row["id"] for row in reversed(rows)])
        self.assertEqual([row["path"] for row in rows], ["/users/%s/docs" % client.name, "/users/%s/plan" % client.name])
        self.assertEqual([row["kind"] for row in rows], ["folder", "file"])
        self.assertEqual(rows[1]["size"], len(files["plan"]))
        self.assertRegex(client.ok("trash").decode(), r"(?m)^ +%d  \d{4}-\S+ \S+ +6 B  /users/%s/plan$"
                         % (rows[1]["id"], client.name))
        self.assertEqual(client.ok("restore", "plan").decode(), "/users/%s/plan\n" % client.name)
        self.assertEqual(client.json("restore", str(rows[0]["id"]))["path"], "/users/%s/docs" % client.name)
        for path, octets in files.items():
            self.assertEqual(client.get(path), octets, path)
        self.assertEqual(client.ok("trash"), b"")
        self.assertEqual(client.json("trash"), [])
        client.fails("not_found", "restore", "plan")
        client.fails("not_found", "restore", str(rows[0]["id"]))
        client.fails("not_found", "restore", "123456789")

    def test_a_name_that_is_taken_and_a_place_of_ones_choice(self):
        client = self.client()
        client.put("a.txt", b"old")
        client.ok("rm", "a.txt")
        client.put("a.txt", b"new")
        self.assertEqual(client.ok("restore", "a.txt").decode(), "/users/%s/a (restored).txt\n" % client.name)
        self.assertEqual(client.get("a (restored).txt"), b"old")
        self.assertEqual(client.get("a.txt"), b"new")
        client.ok("mkdir", "f")
        client.ok("rm", "a.txt")
        number = str(client.json("trash")[0]["id"])
        client.fails("exists", "restore", number, "a (restored).txt")
        client.fails("not_found", "restore", number, "no/such/place")
        client.fails("not_found", "restore", number, "nowhere/")
        self.assertEqual(client.ok("restore", number, "f").decode(), "/users/%s/f/a.txt\n" % client.name)
        client.ok("rm", "f/a.txt")
        self.assertEqual(client.ok("restore", "f/a.txt", "b").decode(), "/users/%s/b\n" % client.name)

    def test_emptying_is_for_ever_and_only_said_in_words(self):
        client = self.client()
        for name in ("a", "b", "c"):
            client.put(name, content(100))
            client.ok("rm", name)
        numbers = {row["path"][-1]: str(row["id"]) for row in client.json("trash")}
        client.fails("malformed", "trash", numbers["a"])
        client.fails("malformed", "trash", "--empty", "a")
        client.fails("not_found", "trash", "--empty", numbers["a"], "99999999")     # All or nothing
        self.assertEqual(len(client.json("trash")), 3)
        client.ok("trash", "--empty", numbers["a"])
        self.assertEqual([row["path"][-1] for row in client.json("trash")], ["c", "b"])
        self.assertEqual(client.json("trash", "--empty")["entries"], 2)
        self.assertEqual(client.json("trash"), [])
        client.fails("not_found", "restore", "b")
        client.put("d", b"")
        client.ok("rm", "--forever", "d")
        self.assertEqual(client.json("trash"), [])

    def test_a_large_trash_comes_whole(self):
        client = self.client()
        count = 450         # More than two pages
        folder = os.path.join(client.home, "many")
        os.mkdir(folder)
        for at in range(count):
            with open(os.path.join(folder, "%03d" % at), "w") as file:
                file.write(str(at))
        client.ok("put", "-r", folder, "many")
        client.ok("rm", *["many/%03d" % at for at in range(count)])
        self.assertEqual([row["path"][-3:] for row in client.json("trash")], ["%03d" % at for at in reversed(range(count))])
        client.ok("trash", "--empty")
        self.assertEqual(client.json("trash"), [])


class Versions(Shared):
    def test_older_versions_are_listed_printed_and_restored(self):
        client = self.client()
        contents = [content(size) for size in (10, 70000, (1 << 20) + 1)]
        for octets in contents:
            client.put("a", octets)
        rows = client.json("versions", "a")
        self.assertEqual([(row["version"], row["size"], row["current"]) for row in rows],
                         [(at + 1, len(contents[at]), at == 2) for at in (2, 1, 0)])
        self.assertRegex(client.ok("versions", "a").decode(), r"(?m)^ +3  \d{4}-\S+ \S+ +1\.0 MiB  current$")
        for at, octets in enumerate(contents):
            self.assertEqual(client.ok("cat", "--version", str(at + 1), "a"), octets)
        self.assertEqual(client.ok("restore", "--version", "1", "a").decode(), "/users/%s/a (version 4)\n" % client.name)
        self.assertEqual(client.get("a"), contents[0])
        self.assertEqual([row["version"] for row in client.json("versions", "a")], [4, 3, 2, 1])
        client.fails("not_found", "restore", "--version", "77", "a")
        client.fails("malformed", "restore", "--version", "x", "a")
        client.fails("malformed", "restore", "--version", "1", "a", "b")
        client.fails("malformed", "cat", "--version", "1", "a", "a")
        client.fails("not_found", "cat", "--version", "77", "a")
        client.fails("not_found", "versions", "b")
        client.ok("mkdir", "f")
        client.fails("is_a_folder", "versions", "f")

    def test_copies_take_no_room_and_live_on(self):
        client = self.client()
        files = self.tree(client)
        client.ok("cp", "plan", "plan 2")
        client.fails("is_a_folder", "cp", "docs", "docs 2")
        client.ok("cp", "-r", "docs", "docs 2")
        client.ok("cp", "-r", "docs", "plan", "docs 2/")
        for path, copy in (("plan", "plan 2"), ("docs/deep/big", "docs 2/deep/big"), ("plan", "docs 2/plan")):
            self.assertEqual(client.json("stat", copy)["blob"], client.json("stat", path)["blob"], copy)
        client.ok("rm", "-r", "--forever", "docs", "plan")
        for path, octets in files.items():
            name = path.replace("docs", "docs 2", 1) if path.startswith("docs") else "plan 2"
            self.assertEqual(client.get(name), octets, name)
        self.assertEqual(client.get("docs 2/docs/deep/big"), files["docs/deep/big"])
        client.fails("denied", "cp", "-r", "docs 2", "docs 2/deep/in itself")
        client.fails("exists", "cp", "-n", "docs 2/plan", "plan 2")
        client.ok("cp", "docs 2/Plan B.txt", "plan 2")
        self.assertEqual(client.get("plan 2"), files["docs/Plan B.txt"])
        self.assertEqual(client.ok("cat", "--version", "1", "plan 2"), files["plan"])

    def test_a_folder_too_large_for_one_step_is_copied_in_pieces(self):
        client = self.client()
        folder = os.path.join(client.home, "large")
        for part in range(3):
            os.makedirs(os.path.join(folder, str(part)))
            for at in range(3400):
                open(os.path.join(folder, str(part), str(at)), "w").close()
        client.ok("put", "-r", folder, "large")
        client.ok("cp", "-r", "large", "copy")
        self.assertEqual(client.json("du", "copy")[0]["files"], 10200)


class Looking(Shared):
    def test_tree_and_du(self):
        client = self.client()
        files = self.tree(client)
        self.assertEqual(client.ok("tree").decode(), "/users/%s\n"
                         "\u251c\u2500\u2500 docs/\n"
                         "\u2502   \u251c\u2500\u2500 Plan B.txt\n"
                         "\u2502   \u251c\u2500\u2500 deep/\n"
                         "\u2502   \u2502   \u251c\u2500\u2500 big\n"
                         "\u2502   \u2502   \u2514\u2500\u2500 \u00e4rger.txt\n"
                         "\u2502   \u251c\u2500\u2500 empty\n"
                         "\u2502   \u2514\u2500\u2500 nothing/\n"
                         "\u2514\u2500\u2500 plan\n"
                         "\n3 folders, 5 files\n" % client.name)
        rows = client.json("tree", "docs")
        self.assertEqual([row["path"] for row in rows], ["docs/Plan B.txt", "docs/deep", "docs/deep/big",
                                                         "docs/deep/\u00e4rger.txt", "docs/empty", "docs/nothing"])
        total = sum(len(octets) for octets in files.values())
        self.assertEqual(client.json("du"), [{"path": "/users/" + client.name, "bytes": total, "files": 5, "folders": 3}])
        self.assertEqual([row["bytes"] for row in client.json("du", "docs/deep", "plan")],
                         [len(files["docs/deep/big"]) + len(files["docs/deep/\u00e4rger.txt"]), 6])
        self.assertIn(b"1 file ", client.ok("du", "plan"))
        client.fails("not_a_folder", "tree", "plan")
        client.fails("not_found", "tree", "no such")
        client.fails("not_found", "du", "no such")
        self.assertEqual(client.run("du", "plan", "no such").returncode, EXIT["not_found"])

    def test_find(self):
        client = self.client()
        self.tree(client)
        home = "/users/%s/" % client.name
        self.assertEqual(client.ok("find", "PLAN").decode().splitlines(), [home + "docs/Plan B.txt", home + "plan"])
        self.assertEqual(client.ok("find", "arger").decode().splitlines(), [home + "docs/deep/\u00e4rger.txt"])
        self.assertEqual(client.ok("find", "plan", "docs").decode().splitlines(), [home + "docs/Plan B.txt"])
        self.assertEqual([row["kind"] for row in client.json("find", "n", "docs")], ["file", "folder"])
        self.assertEqual(client.ok("find", "no such name"), b"")
        self.assertEqual(client.json("find", "no such name"), [])
        self.assertRegex(client.ok("find", "-l", "plan", "docs").decode(), r"^- %s +100  \d" % client.name)
        client.fails("not_found", "find", "x", "/users/admin")
        client.fails("not_a_folder", "find", "x", "plan")
        client.fails("malformed", "find", "")


class Sharing(Shared):
    def test_sharing_to_read_then_to_write_then_not(self):
        alice, bob, carol = self.client(), self.client(), self.client()
        files = self.tree(alice)
        docs = "/users/%s/docs" % alice.name
        bob.fails("not_found", "ls", docs)
        self.assertEqual(alice.ok("share", "docs", bob.name).decode(), "%s is shared with %s: read\n" % (docs, bob.name))
        self.assertEqual(bob.ok("share").decode(), "%-16s read   %s\n" % (alice.name, docs))
        self.assertEqual([row["path"] for row in bob.json("share")], [docs])
        self.assertEqual(bob.ok("cat", docs + "/deep/big"), files["docs/deep/big"])
        self.assertEqual(bob.ok("find", "plan", docs).decode(), docs + "/Plan B.txt\n")
        bob.fails("denied", "put", os.path.join(bob.home, "session"), docs + "/x")
        bob.fails("denied", "rm", docs + "/empty")
        bob.fails("denied", "share", docs, carol.name)
        carol.fails("not_found", "ls", docs)
        alice.ok("share", "--write", "docs/deep", bob.name)
        bob.put(docs + "/deep/bob's", b"bob's")
        self.assertEqual(alice.get("docs/deep/bob's"), b"bob's")
        rows = alice.json("share", "docs/deep")
        self.assertEqual([(row["user"], row["rights"], row["path"]) for row in rows],
                         [(bob.name, "write", docs + "/deep"), (bob.name, "read", docs)])
        self.assertEqual(alice.ok("share", "docs").decode(), "%-16s owner\n%-16s read   %s\n" % (alice.name, bob.name, docs))
        alice.ok("unshare", "docs", bob.name)
        bob.fails("not_found", "ls", docs)
        self.assertEqual(bob.ok("cat", docs + "/deep/bob's"), b"bob's")
        bob.ok("unshare", docs + "/deep")
        self.assertEqual(bob.json("share"), [])
        alice.fails("not_found", "unshare", "docs/deep", bob.name)

    def test_what_is_refused(self):
        alice, bob = self.client(), self.client()
        alice.put("a", b"a")
        alice.fails("not_found", "share", "a", "nobody-of-that-name")
        alice.fails("bad_name", "share", "a", "No Name")
        alice.fails("exists", "share", "a", alice.name)
        alice.fails("not_found", "share", "b", bob.name)
        alice.fails("malformed", "share", "--write", "a")
        unknown = bob.fails("not_found", "share", "/users/%s/a" % alice.name, bob.name)
        self.assertEqual(unknown, bob.fails("not_found", "share", "/users/%s/b" % alice.name, bob.name).replace("/b", "/a"))
        bob.fails("denied", "share", "/users", alice.name)


class Events(Shared):
    def lines(self, client, *arguments):
        return [json.loads(line) for line in client.ok("events", "--json", *arguments).splitlines()]

    def test_everything_is_told_once_and_in_order(self):
        client, other = self.client(), self.client()
        begin = self.lines(client)[-1]["sequence"]
        client.put("a", b"1")
        client.ok("mv", "a", "b")
        client.ok("cp", "b", "c")
        client.ok("rm", "b")
        client.ok("restore", "b")
        client.ok("mkdir", "f")
        client.ok("share", "f", other.name)
        events = self.lines(client, "--since", str(begin))
        self.assertEqual([event["event"] for event in events if event["event"].startswith("file.")],
                         ["file." + name for name in "committed moved copied deleted restored folder shared".split()])
        self.assertEqual(events[-1]["with"], other.name)
        sequences = [event["sequence"] for event in events]
        self.assertEqual(sequences, sorted(set(sequences)))
        for at, sequence in enumerate(sequences):       # From any place on
            self.assertEqual(self.lines(client, "--since", str(sequence)), events[at + 1:])
        self.assertEqual([event["event"] for event in self.lines(other, "--since", str(begin))
                          if event.get("user") == client.name], ["file.folder", "file.shared"])
        self.assertEqual([event["path"] for event in self.lines(client, "--since", str(begin), "f")],
                         ["/users/%s/f" % client.name] * 2)
        self.assertIn("moved       /users/%s/a -> /users/%s/b\n" % (client.name, client.name),
                      client.ok("events", "--since", str(begin)).decode())
        client.fails("malformed", "events", "--since", "yesterday")
        result = client.run("events", "--since", "99999999")
        self.assertIn(b"look at everything anew", result.stderr)
        self.assertEqual(result.returncode, 0)

    def test_following_tells_what_happens_until_it_is_interrupted(self):
        client = self.client()
        follower = subprocess.Popen([FILESTORE, "events", "--json", "--follow"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    cwd=client.home, env=client.environment)
        self.addCleanup(follower.kill)
        client.put("seen", b"1")

        def told():
            return any(json.loads(line).get("path", "").endswith("/seen") for line in iter(follower.stdout.readline, b""))
        self.assertTrue(told())         # Ends when the line comes
        follower.send_signal(signal.SIGINT)
        output, problem = follower.communicate(timeout=120)
        self.assertEqual((follower.returncode, problem), (0, b""))

    def test_nodes_are_told_to_everybody(self):
        client = self.client()
        self.assertEqual({event["node"] for event in self.lines(client, "--since", "0") if event["event"] == "node.registered"},
                         {"node-1", "node-2", "node-3"})


class Sessions(Shared):
    def test_sessions_are_listed_and_ended(self):
        client = self.client()
        other = Client(self.shared)
        other.login(client.name)
        rows = client.json("sessions")
        self.assertEqual(sorted(row["current"] for row in rows), [False, True])
        for row in rows:
            self.assertLessEqual(row["created_ms"], row["used_ms"])
            self.assertGreater(row["expires_ms"], row["used_ms"])
        gone = next(row["session"] for row in rows if not row["current"])
        self.assertRegex(client.ok("sessions").decode(), r"(?m)^[0-9a-f]{32} .* this one$")
        stranger = self.client()
        stranger.fails("not_found", "sessions", "--revoke", gone)
        client.fails("malformed", "sessions", "--revoke", "")
        client.ok("sessions", "--revoke", gone[:20])
        until(lambda: other.run("ls").returncode == EXIT["expired"], "the other session ends")
        client.ok("ls")
        self.assertEqual(len(client.json("sessions")), 1)


if __name__ == "__main__":
    main()
