"""The search actor, killed and started again while files are uploaded: every file is found once, and nobody finds what they may not
read."""

import contextlib
import json
import os
import sqlite3

from examples import Actor, ExamplesTest, Load
from harness import BIN, content, main, until


class Search(ExamplesTest):
    def setUp(self):
        super().setUp()
        self.bob = self.shared.client("bob")
        settings = self.join("search", "--read", "/users")
        self.index = os.path.join(self.shared.root, "search.db")
        self.actor = Actor(self, self.shared, "search", [os.path.join(BIN, "filestore-search"), "--config", settings, "--set",
                                                         "search-index=" + self.index]).start()

    def found(self, client, query, **options):
        return self.call(client, "search", "SEARCH", query=query, **options)

    def paths(self, client, query, **options):
        return [row["path"] for row in self.found(client, query, **options)["results"]]

    def indexed(self):
        """Files in the index, as it is on the disk."""
        try:
            with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % self.index, uri=True)) as index:
                return index.execute("SELECT count (*) FROM files").fetchone()[0]
        except sqlite3.OperationalError:                # It is being made
            return 0

    def caught_up(self):
        """All that happened so far is in the index."""
        last = self.ask("metadata", "LIST_EVENTS")[0]["sequence"]

        def is_there():
            self.actor.keep_alive()
            result = self.admin.run("call", "search", "STATUS", "--json")
            state = json.loads(result.stdout) if result.returncode == 0 else {}
            return state.get("complete") and state["sequence"] >= last and state
        return until(is_there, "an index of sequence %d" % last, 120)

    def files(self, batch):
        return {"%d.txt" % at: b"common words and batch%dfile%d" % (batch, at) for at in range(30)}

    def test_every_file_is_found_once_whatever_is_killed(self):
        load = Load(self.alice, 4, self.files)
        load.disturb(self.actor, self.indexed)
        self.assertEqual(self.caught_up()["files"], 120)
        for batch in range(4):
            for at in (0, 7, 29):
                self.assertEqual(self.paths(self.alice, "batch%dfile%d" % (batch, at)), ["/users/alice/batch%d/%d.txt" % (batch, at)])
        page = self.found(self.alice, "common", limit=100)
        self.assertEqual((len(page["results"]), page["more"]), (100, True))
        self.assertEqual(self.actor.stop(), 0)
        for end in ("", "-wal", "-shm"):        # Lost: everything anew
            if os.path.exists(self.index + end):
                os.remove(self.index + end)
        self.actor.start()
        self.assertEqual(self.caught_up()["files"], 120)

    def test_nobody_finds_what_they_may_not_read(self):
        self.alice.ok("mkdir", "shared", "private")
        for number in range(60):            # More than are looked at in one go
            self.alice.put("private/%d.txt" % number, b"treasure map")
        self.alice.put("shared/a.txt", b"treasure chest")
        self.bob.put("b.txt", b"treasure of bob")
        self.caught_up()
        self.assertEqual(self.found(self.bob, "treasure")["more"], False)
        self.assertEqual(self.paths(self.bob, "treasure"), ["/users/bob/b.txt"])
        self.assertEqual(self.paths(self.bob, "treasure map"), [])
        self.assertEqual(self.paths(self.admin, "treasure"), [], "an admin is no reader")
        self.assertEqual(self.paths(self.bob, "treasure", path="/users/alice"), [])
        self.alice.ok("share", "shared", "bob")
        self.assertEqual(self.paths(self.bob, "treasure"), ["/users/bob/b.txt", "/users/alice/shared/a.txt"])
        self.assertEqual(self.paths(self.bob, "treasure", path="/users/alice"), ["/users/alice/shared/a.txt"])
        self.alice.ok("unshare", "shared", "bob")
        self.assertEqual(self.paths(self.bob, "treasure"), ["/users/bob/b.txt"])
        self.alice.ok("mv", "shared/a.txt", "private/z.txt")
        self.caught_up()
        self.assertEqual(self.paths(self.alice, "chest"), ["/users/alice/private/z.txt"])
        self.alice.ok("rm", "-r", "private")
        self.assertEqual(self.paths(self.alice, "treasure"), [], "deleted, though the index may not know yet")
        self.assertEqual(self.admin.run("call", "search", "STATUS").returncode, 0)
        self.bob.fails("denied", "call", "search", "STATUS")

    def test_only_text_has_words(self):
        self.alice.put("picture.bin", b"hidden\0words" + content(1000))
        self.alice.put("latin.txt", b"gr\xfcn words")
        self.alice.put("long.txt", b"word \xc3\xa4 " * 200000 + b"behind")
        self.alice.put("empty.txt", b"")
        self.caught_up()
        self.assertEqual(self.paths(self.alice, "words"), [])
        self.assertEqual(self.paths(self.alice, "behind"), [])
        self.assertEqual(self.paths(self.alice, "word"), ["/users/alice/long.txt"])
        self.assertEqual(self.paths(self.alice, "picture"), ["/users/alice/picture.bin"])
        self.assertEqual(self.paths(self.alice, "empty"), ["/users/alice/empty.txt"])


if __name__ == "__main__":
    main()
