"""Content over HTTP: what goes in comes out, whole or in parts, whatever breaks on the way."""

import base64
import http.client
import io
import json
import os
import re
import socket
import sys
import threading
import time
import unittest
import urllib.parse
import zipfile

from harness import RANDOM, Cluster, ClusterTest, content, main, until

CHUNK = 1 << 20
BRIDGE_KIB_MAX = 64 * 1024
SHORT_MIB = 300
TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {"Content-Type": "application/offset+octet-stream"}


class Web:
    """A person's browser, or a script's: requests with the token of a session."""

    def __init__(self, url, token):
        self.host = url.split("//")[1].strip("/")
        self.token = token

    def connect(self):
        return http.client.HTTPConnection(self.host, timeout=60)

    def headers(self, more=None):
        return {"Authorization": "Bearer " + self.token, **(more or {})}

    def ask(self, method, path, body=None, **headers):
        """One request on an own connection: the response, with its body in .octets."""
        connection = self.connect()
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, self.headers(named))
            response = connection.getresponse()
            response.octets = response.read()
            return response
        finally:
            connection.close()

    def put(self, name, octets, **headers):
        return self.ask("PUT", file_url(name), octets, **headers)

    def get(self, name, query="", **headers):
        return self.ask("GET", file_url(name) + query, **headers)

    def create(self, path, size, **metadata):
        pairs = {"path": path, **metadata}
        coded = ",".join("%s %s" % (key, base64.b64encode(value.encode()).decode()) for key, value in pairs.items())
        return self.ask("POST", "/api/v1/uploads", Upload_Length=str(size), Upload_Metadata=coded, **TUS)

    def patch(self, url, offset, octets):
        return self.ask("PATCH", url, octets, Upload_Offset=str(offset), **OCTETS, **TUS)

    def offset(self, url):
        response = self.ask("HEAD", url, **TUS)
        return int(response.headers["Upload-Offset"]) if response.status == 200 else None

    def uploads(self):
        return json.loads(self.ask("GET", "/api/v1/uploads").octets)["uploads"]


def file_url(name):
    return "/api/v1/files" + urllib.parse.quote(name)


def code(response):
    return json.loads(response.octets)["code"]


def bridge_url(ready):
    return re.search(r"https?://[^\s,]+", ready).group(0)


class ContentTest(ClusterTest):
    """Tests with a cluster of their own."""

    def begin(self, **options):
        options.setdefault("processes", True)
        options.setdefault("sets", ("heartbeat-interval=200 ms",))
        cluster = self.cluster(**options)
        return (cluster,) + self.enter(cluster)

    def enter(self, cluster, name="anna"):
        """A new user: at the command line, and over HTTP."""
        client = cluster.client(name)
        cluster.wait_nodes(client, cluster.nodes)
        bridge = "bridge" if cluster.separate else "filestored"
        if bridge not in cluster.processes:
            cluster.own["bridge"] = ["web=127.0.0.1:0"]
            cluster.start("bridge")
        return client, Web(bridge_url(cluster.process(bridge).ready), client.token())

    def status(self, response, status, what=None):
        self.assertEqual(response.status, status, response.octets[:500])
        if what:
            self.assertEqual(code(response), what)
        return response


class SharedTest(ContentTest):
    """Tests that share an embedded cluster; each has a user of its own."""

    @classmethod
    def setUpClass(cls):
        cls.running = Cluster(sets=("web=127.0.0.1:0", "heartbeat-interval=200 ms", "user-transfers=20"))
        cls.addClassCleanup(cls.running.destroy)
        cls.running.start()
        cls.users = 0

    def begin(self):
        type(self).users += 1
        self.user = "user%d" % self.users
        self.addCleanup(self.show_logs, self.running)
        return (self.running,) + self.enter(self.running, self.user)

    def home(self, name):
        return "/users/%s/%s" % (self.user, name)


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
                with socket.create_connection(web.host.split(":"), timeout=30) as raw:
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


class Resumable(SharedTest):
    def test_an_upload_goes_on_where_it_broke_off(self):
        _, client, web = self.begin()
        octets = content(6 * CHUNK + 321)
        created = self.status(web.create(self.home("r.bin"), len(octets), modified_ms="784111777000"), 201)
        url = created.headers["Location"]
        self.assertIn("GMT", created.headers["Upload-Expires"])
        breaks = 0
        while (offset := web.offset(url)) < len(octets) and breaks < 6:
            with socket.create_connection(web.host.split(":"), timeout=30) as raw:
                raw.sendall(("PATCH %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n"
                             "Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\nUpload-Offset: %d\r\n\r\n" % (
                                 url, web.host, web.token, len(octets) - offset, offset)).encode()
                            + octets[offset:offset + RANDOM.randrange(1, CHUNK)])
            breaks += 1
            until(lambda: web.uploads()[0]["offset"] > offset, "some octets were taken")   # HEAD would cut it off
        listed = web.uploads()
        self.assertEqual([(row["path"], row["size"], row["modified_ms"]) for row in listed],
                         [(self.home("r.bin"), len(octets), 784111777000)])
        offset = web.offset(url)
        self.assertEqual(listed[0]["offset"], offset)
        self.status(web.patch(url, offset - 1, octets[offset - 1:]), 409, "changed")
        self.status(web.get(self.home("r.bin")), 404)
        last = self.status(web.patch(url, offset, octets[offset:]), 204)
        self.assertEqual((last.headers["X-Version"], last.headers["Upload-Offset"]), ("1", str(len(octets))))
        self.assertTrue(client.get("r.bin") == octets)
        self.assertEqual(web.get(self.home("r.bin")).headers["Last-Modified"], "Sun, 06 Nov 1994 08:49:37 GMT")
        self.assertEqual(web.uploads(), [])
        self.assertEqual(web.offset(url), len(octets))      # Who missed the answer may ask again
        self.status(web.patch(url, len(octets), b""), 204)

    def test_what_is_refused_at_the_end_is_refused_at_the_beginning(self):
        _, client, web = self.begin()
        client.put("there", b"x")
        client.ok("mkdir", "folder")
        self.status(web.create(self.home("there"), 5), 409, "exists")
        self.status(web.create(self.home("folder"), 5, replace="true"), 409, "is_a_folder")
        self.status(web.create(self.home("no/x"), 5), 404, "not_found")
        self.status(web.create(self.home("there/x"), 5), 409, "not_a_folder")
        self.status(web.create("relative", 5), 400, "bad_name")
        self.status(web.create(self.home("../bob/x"), 5), 400, "bad_name")
        self.status(web.ask("POST", "/api/v1/uploads", Upload_Length="5", **TUS), 400, "bad_name")
        self.status(web.ask("POST", "/api/v1/uploads", Upload_Length="-5", Upload_Metadata="path L2E=", **TUS), 400, "malformed")
        old = self.status(web.ask("POST", "/api/v1/uploads", Upload_Length="5", Upload_Metadata="path L2E="), 412)
        self.assertEqual(old.headers["Tus-Version"], "1.0.0")
        url = self.status(web.create(self.home("there"), 5, replace="true"), 201).headers["Location"]
        self.status(web.patch(url, 0, b"123456"), 413, "too_large")
        self.status(web.ask("PATCH", url, b"1", Upload_Offset="0", **TUS), 415)
        self.assertEqual(self.status(web.patch(url, 0, b"12345"), 204).headers["X-Version"], "2")
        self.assertEqual(client.get("there"), b"12345")

    def test_an_empty_file_needs_no_patch(self):
        _, client, web = self.begin()
        created = self.status(web.create(self.home("empty"), 0), 201)
        self.assertEqual(created.headers["X-Version"], "1")
        self.assertEqual(client.get("empty"), b"")
        self.status(web.patch(created.headers["Location"], 0, b""), 204)


class Zip(SharedTest):
    def zip(self, web, *names):
        query = urllib.parse.urlencode([("path", self.home(name).rstrip("/")) for name in names])
        response = self.status(web.ask("GET", "/api/v1/zip?" + query), 200)
        self.assertEqual(response.headers["Content-Type"], "application/zip")
        opened = zipfile.ZipFile(io.BytesIO(response.octets))
        self.assertIsNone(opened.testzip())
        return response, opened

    def test_a_folder_is_one_zip_with_all_that_is_in_it(self):
        _, client, web = self.begin()
        client.ok("mkdir", "-p", "trip/day 1/\u00fcber", "trip/empty")
        files = {"trip/a.txt": b"hello", "trip/day 1/b.bin": content(2 * CHUNK + 3), "trip/day 1/\u00fcber/\u20ac.txt": b"",
                 "trip/day 1/c": content(70000), "trip/back\\slash": b"x"}
        for name, octets in files.items():
            self.status(web.put(self.home(name), octets, X_Modified_Ms="784111778000"), 201)
        response, opened = self.zip(web, "trip")
        self.assertIn('filename="trip.zip"', response.headers["Content-Disposition"])
        found = {info.filename: opened.read(info) for info in opened.infolist() if not info.is_dir()}
        self.assertEqual(found, {name.replace("\\", "_"): octets for name, octets in files.items()})
        self.assertIn("trip/empty/", opened.namelist())
        self.assertTrue(all(info.compress_type == zipfile.ZIP_STORED for info in opened.infolist()))
        self.assertIn(opened.getinfo("trip/a.txt").date_time[:2], [(1994, 11)])

    def test_files_and_folders_of_one_name_stay_apart(self):
        _, client, web = self.begin()
        client.ok("mkdir", "-p", "one", "two")
        for name in ("one/x.txt", "two/x.txt"):
            self.status(web.put(self.home(name), name.encode()), 201)
        _, opened = self.zip(web, "one/x.txt", "two/x.txt", "two")
        self.assertEqual(sorted(name for name in opened.namelist() if not name.endswith("/")), ["2-x.txt", "two/x.txt", "x.txt"])
        self.assertEqual(opened.read("2-x.txt"), b"two/x.txt")

    def test_what_is_not_there_is_said_before_the_first_octet(self):
        _, client, web = self.begin()
        client.put("x", b"x")
        self.status(web.ask("GET", "/api/v1/zip?path=" + self.home("nothing")), 404, "not_found")
        self.status(web.ask("GET", "/api/v1/zip?path=%s&path=%s" % (self.home("x"), self.home("nothing"))), 404)
        self.status(web.ask("GET", "/api/v1/zip"), 400, "malformed")
        self.status(web.ask("GET", "/api/v1/zip?path=relative"), 400, "bad_name")
        self.status(web.ask("HEAD", "/api/v1/zip?path=" + self.home("x")), 200)


class Failures(ContentTest):
    def test_a_zip_that_fails_in_the_middle_does_not_look_whole(self):
        cluster, client, web = self.begin(nodes=2)
        for name in ("a", "b"):
            client.put(name, content(24 * CHUNK))
        connection = web.connect()
        connection.request("GET", "/api/v1/zip?path=/users/anna", headers=web.headers())
        response = connection.getresponse()
        got = response.read(1000)
        cluster.kill("node-1")
        cluster.kill("node-2")
        with self.assertRaises((http.client.IncompleteRead, ConnectionError)) as caught:
            response.read()
        connection.close()
        got += getattr(caught.exception, "partial", b"")
        self.assertFalse(zipfile.is_zipfile(io.BytesIO(got)))

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

    def test_uploads_are_bounded_and_end_when_nobody_goes_on(self):
        cluster, client, web = self.begin(processes=False, sets=("web=127.0.0.1:0", "heartbeat-interval=200 ms", "upload-idle=2 s", "user-transfers=3"))
        url = web.create("/users/anna/x", 3 * CHUNK).headers["Location"]
        self.status(web.patch(url, 0, content(2 * CHUNK)), 204)
        self.status(web.ask("DELETE", url, **TUS), 204)
        self.assertIsNone(web.offset(url))
        url = web.create("/users/anna/y", 3 * CHUNK).headers["Location"]
        self.status(web.patch(url, 0, content(100)), 204)
        until(lambda: web.uploads() == [], "the idle upload ends", 20)
        self.assertIsNone(web.offset(url))
        self.assertEqual(client.json("ls", "/users/anna"), [])
        urls = [self.status(web.create("/users/anna/%d" % at, 10), 201).headers["Location"] for at in range(3)]
        refused = self.status(web.create("/users/anna/more", 10), 429, "too_many")
        self.assertIn("Retry-After", refused.headers)
        bob = Web("http://" + web.host, cluster.client("bob").token())
        self.status(bob.create("/users/bob/x", 10), 201)
        self.status(web.ask("DELETE", urls[0], **TUS), 204)
        self.status(web.create("/users/anna/more", 10), 201)

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


class History(SharedTest):
    def test_what_is_going_on_is_kept_for_a_while(self):
        _, _, web = self.begin()
        octets = content(8 * CHUNK)

        def seen():
            self.assertIn(web.put(self.home("h.bin"), octets).status, (200, 201))
            self.assertTrue(web.get(self.home("h.bin")).octets == octets)
            history = json.loads(self.status(web.ask("GET", "/api/v1/history"), 200).octets)
            series = history["series"]
            known = {name: max((value or 0 for value in values), default=0) for name, values in series.items()}
            for name, values in series.items():
                self.assertEqual(len(values), len(history["times"]), name)
            return (known.get("up", 0) > 0 and known.get("down", 0) > 0 and known.get("capacity", 0) >= known.get("free", 1) > 0
                    and known.get("in.node-1", 0) > 0 and known.get("out.node-1", 0) > 0 and "bytes_at_one_copy" in known)
        until(seen, "all series have values", 60)


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
        self.assertLess(cluster.process("bridge").status("VmHWM"), BRIDGE_KIB_MAX)

    def test_a_large_file_needs_no_large_bridge(self):
        self.moves(int(os.environ.get("FST_MIB", SHORT_MIB)))


if __name__ == "__main__":
    main()
