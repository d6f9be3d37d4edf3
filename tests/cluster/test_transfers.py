"""Content over HTTP: uploads that resume, zips, and the history of what moved."""

import contextlib
import http.client
import io
import json
import socket
import time
import urllib.parse
import zipfile

from harness import RANDOM, content, main, until
from web import CHUNK, TUS, ContentTest, SharedTest, Web, file_url


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

    def test_an_upload_that_is_over_takes_none_of_the_users_transfers(self):
        _, _, web = self.begin()
        for number in range(25):            # More than one user may have under way
            url = self.status(web.create(self.home("small%d" % number), 3), 201).headers["Location"]
            self.assertEqual(self.status(web.patch(url, 0, b"abc"), 204).headers["X-Version"], "1")
        self.assertEqual(self.status(web.ask("HEAD", url, **TUS), 200).headers["Upload-Offset"], "3")
        self.assertEqual(self.status(web.get(self.home("small0")), 200).octets, b"abc")


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
        for name in ("one/x.txt", "two/x.txt", "one/a:b", "one/a_b"):
            self.status(web.put(self.home(name), name.encode()), 201)
        _, opened = self.zip(web, "one/x.txt", "two/x.txt", "two")
        self.assertEqual(sorted(name for name in opened.namelist() if not name.endswith("/")), ["2-x.txt", "two/x.txt", "x.txt"])
        self.assertEqual(opened.read("2-x.txt"), b"two/x.txt")
        _, opened = self.zip(web, "one")        # Also where a letter of a name means something to other systems
        self.assertEqual([opened.read("one/" + name) for name in ("a_b", "2-a_b")], [b"one/a:b", b"one/a_b"])

    def test_what_is_not_there_is_said_before_the_first_octet(self):
        _, client, web = self.begin()
        client.put("x", b"x")
        self.status(web.ask("GET", "/api/v1/zip?path=" + self.home("nothing")), 404, "not_found")
        self.status(web.ask("GET", "/api/v1/zip?path=%s&path=%s" % (self.home("x"), self.home("nothing"))), 404)
        self.status(web.ask("GET", "/api/v1/zip"), 400, "malformed")
        self.status(web.ask("GET", "/api/v1/zip?path=relative"), 400, "bad_name")
        self.status(web.ask("HEAD", "/api/v1/zip?path=" + self.home("x")), 200)


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


class Limits(ContentTest):
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

    def test_who_paused_for_long_gives_way_to_who_needs_a_place(self):
        cluster, _, web = self.begin(processes=False, sets=("web=127.0.0.1:0", "uploads=3", "upload-idle=60 s"))
        bob = Web("http://" + web.host, cluster.client("bob").token())
        urls = [self.status(who.create("/users/%s/%d" % (name, at), 2 * CHUNK), 201).headers["Location"]
                for at, (who, name) in enumerate(((bob, "bob"), (web, "anna"), (web, "anna")))]
        self.status(web.patch(urls[1], 0, content(100)), 204)
        self.status(web.patch(urls[2], 0, content(100)), 204)
        rows = web.uploads() + bob.uploads()
        until(lambda: time.time() * 1000 > max(row["expires_ms"] for row in rows) - 58500, "all pause for more than a second")
        new = self.status(bob.create("/users/bob/new", 10), 201).headers["Location"]
        self.assertEqual({row["path"] for row in web.uploads()}, {"/users/anna/2"}, "anna's oldest, though bob's is older")
        self.assertEqual(bob.offset(urls[0]), 0)
        self.status(bob.patch(new, 0, content(10)), 204)

    def test_what_a_session_has_under_way_ends_with_it(self):
        cluster, client, web = self.begin(processes=False, sets=("web=127.0.0.1:0",))
        octets = content(64 * CHUNK)                # More than sockets and buffers on the way hold
        client.put("big", octets)
        client.login("anna")                        # A second session
        url = self.status(web.create("/users/anna/up", 3 * CHUNK), 201).headers["Location"]
        self.status(web.patch(url, 0, octets[:CHUNK]), 204)
        with contextlib.closing(web.connect()) as slow:
            slow.request("GET", file_url("/users/anna/big"), headers=web.headers())
            response = slow.getresponse()
            got = len(response.read(CHUNK))
            self.status(web.ask("DELETE", "/api/v1/session", X_Filestore="1"), 200)
            self.status(web.get("/users/anna/big"), 401)
            other = Web("http://" + web.host, client.token())
            until(lambda: other.uploads() == [], "the upload ends")
            with self.assertRaises((http.client.IncompleteRead, ConnectionError)):
                while part := response.read1(CHUNK):
                    got += len(part)
                raise http.client.IncompleteRead(b"") if got < len(octets) else AssertionError("all of it came")
        self.assertTrue(client.get("big") == octets)

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


if __name__ == "__main__":
    main()
