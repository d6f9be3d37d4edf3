"""Content over HTTP: what goes in comes out, whole or in parts, whatever breaks on the way."""

import http.client
import json
import socket
import sys
import urllib.parse

from harness import RANDOM, content, main, until
from web import CHUNK, TUS, ContentTest, SharedTest, Web, file_url

BRIDGE_KIB_MAX = 64 * 1024
SHORT_MIB = 300
LONG_MIB = 10 * 1024


class Down(SharedTest):
    def test_every_range_is_what_the_file_has_there(self):
        _, client, web = self.begin()
        octets = content(3 * CHUNK + 12345)
        client.put(self.home("f.bin"), octets)
        whole = self.status(web.get(self.home("f.bin")), 200)
        self.assertEqual(whole.octets, octets)
        size = len(octets)
        self.assertEqual(whole.headers["Content-Length"], str(size))
        borders = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK - 1, 3 * CHUNK, size - 1]
        pairs = [(RANDOM.choice(borders), RANDOM.choice(borders)) for _ in range(25)]
        pairs += [(RANDOM.randrange(size), RANDOM.randrange(size)) for _ in range(10)]
        for first, last in (sorted(pair) for pair in pairs):
            part = self.status(web.get(self.home("f.bin"), Range="bytes=%d-%d" % (first, last)), 206)
            self.assertEqual(part.headers["Content-Range"], "bytes %d-%d/%d" % (first, last, size))
            self.assertTrue(part.octets == octets[first:last + 1], (first, last))
        self.assertEqual(web.get(self.home("f.bin"), Range="bytes=-5").octets, octets[-5:])
        self.assertEqual(web.get(self.home("f.bin"), Range="bytes=%d-" % (size - 7)).octets, octets[-7:])
        for bad in ("bytes=%d-" % size, "bytes=0-1,5-6", "bytes=x"):
            refused = self.status(web.get(self.home("f.bin"), Range=bad), 416, "bad_range")
            self.assertEqual(refused.headers["Content-Range"], "bytes */%d" % size)
        self.assertEqual(web.get(self.home("f.bin"), Range="pages=1-2").status, 200)

    def test_conditions_decide_what_is_given(self):
        _, client, web = self.begin()
        self.status(web.put(self.home("c.txt"), b"one", X_Modified_Ms="784111777500"), 201)
        first = self.status(web.get(self.home("c.txt")), 200)
        etag, date = first.headers["ETag"], first.headers["Last-Modified"]
        self.assertEqual(date, "Sun, 06 Nov 1994 08:49:37 GMT")
        not_modified = self.status(web.get(self.home("c.txt"), If_None_Match=etag), 304)
        self.assertEqual((not_modified.octets, not_modified.headers["ETag"]), (b"", etag))
        self.status(web.get(self.home("c.txt"), If_Modified_Since=date), 304)
        self.status(web.get(self.home("c.txt"), If_Match='"0.0"'), 412, "changed")
        self.status(web.get(self.home("c.txt"), If_Range=etag, Range="bytes=0-0"), 206)
        again = self.status(web.put(self.home("c.txt"), b"two", X_Modified_Ms="784111777500"), 200)
        self.assertNotEqual(again.headers["ETag"], etag)
        self.status(web.get(self.home("c.txt"), If_None_Match=etag), 200)
        stale = self.status(web.get(self.home("c.txt"), If_Range=etag, Range="bytes=0-0"), 200)
        self.assertEqual(stale.octets, b"two")
        self.assertEqual(web.get(self.home("c.txt"), "?version=1").octets, b"one")
        self.status(web.get(self.home("c.txt"), "?version=9"), 404, "not_found")
        self.status(web.get(self.home("c.txt"), "?version=x"), 400, "malformed")

    def test_only_the_file_that_is_meant_is_replaced(self):
        _, client, web = self.begin()
        made = self.status(web.put(self.home("p.txt"), b"one", If_None_Match="*"), 201)
        self.status(web.put(self.home("p.txt"), b"no", If_None_Match="*"), 412, "exists")
        self.status(web.put(self.home("p.txt"), b"no", If_Match='"1.1"'), 412, "changed")
        self.status(web.put(self.home("none.txt"), b"no", If_Match="*"), 412, "changed")
        second = self.status(web.put(self.home("p.txt"), b"two", If_Match=made.headers["ETag"]), 200)
        self.assertEqual(json.loads(second.octets)["version"], 2)
        self.status(web.put(self.home("p.txt"), b"no", If_Match=made.headers["ETag"]), 412, "changed")
        large = content(2 * CHUNK)
        self.status(web.put(self.home("p.txt"), large, If_Match=second.headers["ETag"]), 200)
        self.assertEqual(web.get(self.home("p.txt")).octets, large)
        self.assertEqual(client.get("p.txt"), large)

    def test_errors_before_the_first_octet_are_sentences(self):
        _, client, web = self.begin()
        client.ok("mkdir", "folder")
        self.status(web.get(self.home("nothing")), 404, "not_found")
        self.status(web.get(self.home("folder")), 409, "is_a_folder")
        self.status(web.get("/users/bob/secret"), 404, "not_found")
        self.status(web.put(self.home("nofolder/x"), b"x"), 404, "not_found")
        self.status(web.put(self.home("folder"), b"x"), 409, "is_a_folder")
        self.status(web.put(self.home("x"), b"x", Content_Range="bytes 0-0/5"), 400, "malformed")
        self.status(web.put(self.home("x"), b"x", X_Modified_Ms="soon"), 400, "malformed")
        nobody = Web("http://" + web.host, "")
        self.status(nobody.get(self.home("folder")), 401)
        self.status(nobody.put(self.home("y"), b"y"), 401)

    def test_what_users_store_can_run_nothing(self):
        _, _, web = self.begin()
        evil = b"<script>alert(document.domain)</script>"
        for name, type_ in (("x.html", "text/plain"), ("x.svg", "text/plain"), ("x.xml", "text/plain"), ("x.js", "text/plain"),
                            ("x", "application/octet-stream"), ("x.png", "image/png")):
            self.status(web.put(self.home(name), evil), 201)
            response = web.get(self.home(name))
            self.assertTrue(response.headers["Content-Type"].startswith(type_), (name, response.headers["Content-Type"]))
            self.assertTrue(response.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'"))
            self.assertEqual(response.headers["X-Content-Type-Options"], "nosniff")
        name = "\u00fc \"%\u20ac\";x.txt"
        self.status(web.put(self.home(name), b"x"), 201)
        said = web.get(self.home(name), "?download").headers["Content-Disposition"]
        self.assertTrue(said.startswith("attachment; "), said)
        self.assertEqual(urllib.parse.unquote(said.split("filename*=UTF-8''")[1]), name)

    def test_a_client_that_leaves_costs_nothing(self):
        cluster, client, web = self.begin()
        client.put("big.bin", content(20 * CHUNK))
        process = cluster.process()
        for _ in range(40):             # More than there are threads
            connection = web.connect()
            connection.request("GET", file_url(self.home("big.bin")), headers=web.headers())
            connection.getresponse().read(1000)
            connection.close()
        self.assertEqual(len(web.get(self.home("big.bin")).octets), 20 * CHUNK)
        self.assertTrue(process.alive())


class Up(SharedTest):
    def test_what_goes_in_comes_out(self):
        _, client, web = self.begin()
        for size in (0, 1, 65535, 65536, 65537, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 99):
            octets = content(size)
            self.status(web.put(self.home("f%d" % size), octets), 201)
            self.assertTrue(web.get(self.home("f%d" % size)).octets == octets, size)
            self.assertTrue(client.get("f%d" % size) == octets, size)

    def asks_first(self, web, name, size, **headers):
        """Send the head alone, as who waits for 100 Continue does: the connection, and what comes back."""
        raw = socket.create_connection(web.host.split(":"), timeout=30)
        self.addCleanup(raw.close)
        more = "".join("%s: %s\r\n" % (key.replace("_", "-"), value) for key, value in headers.items())
        raw.sendall(("PUT %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n"
                     "Expect: 100-continue\r\n%s\r\n" % (file_url(self.home(name)), web.host, web.token, size, more)).encode())
        return raw, raw.recv(4096).decode()

    def test_who_asks_first_is_told_before_the_body_comes(self):
        _, client, web = self.begin()
        client.put("there", b"x")
        client.ok("mkdir", "folder")
        for name, more, status in (("nofolder/x", {}, 404), ("folder", {}, 409), ("there", {"If_None_Match": "*"}, 412),
                                   ("there", {"If_Match": '"1.1"'}, 412), ("there/x", {}, 409)):
            _, said = self.asks_first(web, name, 100 * CHUNK, **more)
            self.assertTrue(said.startswith("HTTP/1.1 %d " % status), (name, said))
        _, said = self.asks_first(Web("http://" + web.host, "x"), "new", 100 * CHUNK)
        self.assertTrue(said.startswith("HTTP/1.1 401 "), said)
        raw, said = self.asks_first(web, "new", 5)
        self.assertEqual(said, "HTTP/1.1 100 Continue\r\n\r\n")
        raw.sendall(b"hello")
        self.assertTrue(raw.recv(4096).decode().startswith("HTTP/1.1 201 "))
        self.assertEqual(client.get("new"), b"hello")

    def test_who_does_not_ask_is_told_after_the_body(self):
        _, _, web = self.begin()
        for size in (1, 100000, 3 * CHUNK):
            self.status(Web("http://" + web.host, "x").put(self.home("x"), content(size)), 401)
            self.status(web.put(self.home("nofolder/x"), content(size)), 404, "not_found")

    def test_a_body_without_announced_length_is_taken_too(self):
        _, client, web = self.begin()
        octets = content(3 * CHUNK + 7)
        pieces = (octets[at:at + 70000] for at in range(0, len(octets), 70000))
        self.status(web.put(self.home("chunked"), pieces), 201)
        self.assertTrue(client.get("chunked") == octets)

    def test_an_upload_that_breaks_off_leaves_nothing(self):
        _, client, web = self.begin()
        client.put("old.bin", b"old")
        for name in ("old.bin", "new.bin"):
            for sent in (100, 70000, 3 * CHUNK):
                with socket.create_connection(web.host.split(":"), timeout=120) as raw:
                    raw.sendall(("PUT %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n" % (
                        file_url(self.home(name)), web.host, web.token, 10 * CHUNK)).encode() + content(sent))
        def quiet():
            listed = [row["name"] for row in client.json("ls", self.home("").rstrip("/"))]
            return listed == ["old.bin"]
        until(quiet, "only the old file")
        self.assertEqual(client.get("old.bin"), b"old")
        self.status(web.put(self.home("new.bin"), b"new"), 201)
        self.assertEqual(client.get("new.bin"), b"new")

    def test_whoever_has_no_right_is_refused(self):
        cluster, client, web = self.begin()
        self.status(web.put(self.home("mine"), b"mine"), 201)
        bob = Web("http://" + web.host, cluster.client("bob").token())
        self.status(bob.get(self.home("mine")), 404, "not_found")
        self.assertIn(bob.put(self.home("mine"), b"bobs").status, (403, 404))
        self.assertIn(bob.put(self.home("other"), content(CHUNK)).status, (403, 404))
        url = web.create(self.home("up"), 5).headers["Location"]
        self.assertIsNone(bob.offset(url))
        self.status(bob.patch(url, 0, b"hello"), 404)
        self.status(bob.ask("DELETE", url, **TUS), 404)
        self.assertEqual(bob.uploads(), [])
        self.assertEqual(web.offset(url), 0)


class Failures(ContentTest):
    def test_head_tells_everything_and_asks_no_node(self):
        cluster, client, web = self.begin()
        octets = content(CHUNK + 5)
        client.put("h.bin", octets)
        for node in ("node-1", "node-2", "node-3"):
            cluster.kill(node)
        head = self.status(web.ask("HEAD", file_url("/users/anna/h.bin")), 200)
        self.assertEqual((head.headers["Content-Length"], head.octets), (str(len(octets)), b""))
        part = self.status(web.ask("HEAD", file_url("/users/anna/h.bin"), Range="bytes=1-3"), 206)
        self.assertEqual(part.headers["Content-Length"], "3")
        self.status(web.ask("HEAD", file_url("/users/anna/nothing")), 404)

    def test_a_node_that_dies_is_not_noticed_by_who_goes_up_and_down(self):
        cluster, client, web = self.begin(nodes=4, sets=("heartbeat-interval=200 ms", "prune-after=3 s"))
        octets = content(24 * CHUNK)
        client.put("down.bin", octets)
        url = web.create("/users/anna/up.bin", len(octets)).headers["Location"]
        half = len(octets) // 2
        self.status(web.patch(url, 0, octets[:half]), 204)
        connection = web.connect()
        connection.request("GET", file_url("/users/anna/down.bin"), headers=web.headers())
        response = connection.getresponse()
        got = response.read(CHUNK)
        cluster.kill("node-2")
        got += response.read()
        connection.close()
        self.assertTrue(got == octets)
        self.assertEqual(self.status(web.patch(url, half, octets[half:]), 204).headers["X-Version"], "1")
        self.assertTrue(web.get("/users/anna/up.bin").octets == octets)
        self.status(web.put("/users/anna/put.bin", octets), 201)
        self.assertTrue(client.get("put.bin") == octets)

    def test_a_download_that_fails_in_the_middle_is_no_whole_file(self):
        cluster, client, web = self.begin(nodes=2)
        client.put("f.bin", content(64 * CHUNK))
        connection = web.connect()
        connection.request("GET", file_url("/users/anna/f.bin"), headers=web.headers())
        response = connection.getresponse()
        response.read(1000)
        cluster.kill("node-1")
        cluster.kill("node-2")
        with self.assertRaises((http.client.IncompleteRead, ConnectionError)):
            response.read()
        connection.close()
        self.assertTrue(cluster.process("bridge").alive())


class Memory(ContentTest):
    def moves(self, mib):
        cluster, client, web = self.begin()
        block = content(CHUNK)
        sent = self.status(web.put("/users/anna/huge", (block for _ in range(mib)), Content_Length=str(mib * CHUNK)), 201)
        self.assertEqual(json.loads(sent.octets)["version"], 1)
        connection = web.connect()
        connection.request("GET", file_url("/users/anna/huge"), headers=web.headers())
        response = connection.getresponse()
        for at in range(mib):
            self.assertTrue(response.read(CHUNK) == block, at)
        self.assertEqual(response.read(), b"")
        connection.close()
        most = cluster.process("bridge").status("VmHWM")
        print("the bridge took %d KiB for %d MiB" % (most, mib), file=sys.stderr)
        self.assertLess(most, BRIDGE_KIB_MAX)

    def test_a_large_file_needs_no_large_bridge(self):
        self.moves(SHORT_MIB)


if __name__ == "__main__":
    if "long" in sys.argv:
        sys.argv[1:] = ["Memory"]
        SHORT_MIB = LONG_MIB
    main()
