"""The service content: plain content on the bus for who speaks ZeroMQ and JSON only."""

from examples import Bus
from harness import ClusterTest, content, main, until


def frames(octets):
    """As they may be: at most 1 MiB each."""
    return [octets[at:at + (1 << 20)] for at in range(0, len(octets), 1 << 20)]


class Content(Bus):
    """The service's commands."""

    def ask(self, *arguments, **payload):
        return super().ask("content", *arguments, **payload)

    def read_all(self, path, length=None):
        octets, page = b"", {"more": True}
        options = {"length": length} if length else {}
        while page["more"]:
            page, more = self.ask("READ", path=path, offset=len(octets), **options)
            octets += more
            options["version"] = page["version"]
        return octets


class Pages(ClusterTest):
    def setUp(self):
        self.shared = self.cluster(web=True, nodes=2)
        self.alice = self.shared.client("alice")
        self.bob = self.shared.client("bob")
        self.bus = Content(self, self.shared, self.alice.token())
        until(lambda: self.bus.ask("READ", path="nothing")[0] == "not_found", "the service")

    def test_pages_are_the_file(self):
        for size in (0, 1, 70000, 1 << 20, (5 << 20) + 1):
            octets = content(size)
            self.alice.put("f", octets)
            self.assertEqual(self.bus.read_all("f"), octets)
            self.assertEqual(self.bus.read_all("/users/alice/f", 3 << 20), octets)
        page, octets = self.bus.ask("READ", path="f", offset=3, length=10)
        self.assertEqual((page["size"], page["more"], page["version"], len(octets)), ((5 << 20) + 1, True, 5, 10))
        self.assertEqual(self.bus.ask("READ", path="f", version=2)[0]["size"], 1)
        self.assertEqual(self.bus.ask("READ", path="f", offset=1 << 40)[1], b"")
        self.assertEqual(self.bus.ask("READ", path="f", length=5 << 20)[0], "malformed")
        self.alice.put("a.png", b"x")
        self.assertEqual(self.bus.ask("READ", path="a.png")[0]["type"], "image/png")
        self.assertEqual(self.bus.ask("READ", path="/users/alice")[0], "is_a_folder")

    def test_what_is_written_is_there_when_it_is_answered(self):
        for at, octets in enumerate((b"", b"one", content(100000), content(6 << 20))):
            page, _ = self.bus.ask("WRITE", octets[:1000], *frames(octets[1000:]), path="w", last=True, modified_ms=1234567)
            self.assertEqual((page["path"], page["version"]), ("/users/alice/w", at + 1))
            self.assertEqual(self.alice.get("w"), octets)
        self.assertEqual(self.alice.json("stat", "w")["modified_ms"], 1234567)
        self.assertEqual(self.bus.ask("WRITE", b"x", path="w", last=True, if_version=0)[0], "changed")
        self.assertEqual(self.bus.ask("WRITE", b"x", path="w", last=True, if_version=3)[0], "changed")
        self.assertEqual(self.bus.ask("WRITE", b"x", path="w", last=True, if_version=4)[0]["version"], 5)
        self.assertEqual(self.bus.ask("WRITE", b"x", path="new", last=True, if_version=0)[0]["version"], 1)
        self.assertEqual(self.bus.ask("WRITE", b"x", path="no/folder", last=True)[0], "not_found")
        self.assertEqual(self.bus.ask("WRITE", b"x", last=True)[0], "malformed")

    def test_a_large_file_comes_in_pieces_and_is_seen_when_it_is_whole(self):
        octets = content((9 << 20) + 5)
        page, _ = self.bus.ask("WRITE", *frames(octets[:5 << 20]), path="large")
        self.assertEqual(page["offset"], 5 << 20)
        self.alice.fails("not_found", "stat", "large")
        self.assertEqual(self.bus.ask("WRITE", b"x", upload=page["upload"], offset=7)[0], "changed")
        stranger = Content(self, self.shared, self.bob.token())
        self.assertEqual(stranger.ask("WRITE", b"x", upload=page["upload"], offset=5 << 20, last=True)[0], "not_found")
        page, _ = self.bus.ask("WRITE", *frames(octets[5 << 20:9 << 20]), upload=page["upload"], offset=5 << 20)
        self.alice.fails("not_found", "stat", "large")
        done, _ = self.bus.ask("WRITE", octets[9 << 20:], upload=page["upload"], offset=9 << 20, last=True)
        self.assertEqual(done["version"], 1)
        self.assertEqual(self.alice.get("large"), octets)
        self.assertEqual(self.bus.ask("WRITE", b"x", upload=page["upload"], offset=len(octets))[0], "not_found")

    def test_the_token_decides(self):
        self.alice.put("secret", b"secret")
        for token in (self.bob.token(), self.bob.token()[:-8] + "AAAAAAAA"):
            stranger = Content(self, self.shared, token)
            self.assertIn(stranger.ask("READ", path="/users/alice/secret")[0], ("not_found", "unauthenticated"))
            self.assertIn(stranger.ask("WRITE", b"x", path="/users/alice/secret", last=True)[0], ("not_found", "denied", "unauthenticated"))
            self.assertNotIsInstance(stranger.ask("WRITE", b"x", path="/users/alice/other")[0], bytes)
        self.assertEqual(self.alice.get("secret"), b"secret")
        self.alice.fails("not_found", "stat", "other")


class Places(ClusterTest):
    def test_who_failed_and_then_who_paused_for_long_gives_way_to_who_needs_a_place(self):
        shared = self.cluster(web=True, nodes=2, sets=("web=127.0.0.1:0", "uploads=2", "upload-idle=180 s"))
        alice, bob = (Content(self, shared, shared.client(name).token()) for name in ("alice", "bob"))
        until(lambda: alice.ask("READ", path="nothing")[0] == "not_found", "the service")

        def begin(path):
            page = until(lambda: [page for page, _ in [bob.ask("WRITE", b"new", path=path)] if isinstance(page, dict)], "a place for " + path)
            return page[0]["upload"]

        octets = content(2 << 20)
        failed = alice.ask("WRITE", *frames(octets), path="no/folder")[0]["upload"]
        self.assertEqual(alice.ask("WRITE", b"x", upload=failed, offset=2 << 20, last=True)[0], "not_found")
        failed = alice.ask("WRITE", *frames(octets), path="no/folder")[0]["upload"]
        paused = alice.ask("WRITE", b"paused", path="paused")[0]["upload"]
        new = begin("new")
        self.assertEqual(alice.ask("WRITE", b"x", upload=paused, offset=0)[0], "changed")
        self.assertEqual(bob.ask("WRITE", b"er", upload=new, offset=3, last=True)[0]["path"], "/users/bob/new")
        begin("one")
        begin("two")
        self.assertEqual(alice.ask("WRITE", b"", upload=paused, offset=6, last=True)[0], "not_found")


if __name__ == "__main__":
    main()
