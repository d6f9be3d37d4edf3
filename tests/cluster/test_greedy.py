"""Clients of the bridge that send too much, too slowly, do not read, come in crowds, or leave in the midst."""

import os
import re
import socket
import time

from harness import content, main, until
from visitor import Raw, SiteTest


class Limits(SiteTest):
    SETS = ("web-idle=1 s", "web-slow=1 s")

    def healthy(self):
        visitor = self.visitor()
        self.assertEqual(visitor.get("/healthz").status, 200)
        visitor.close()

    def test_what_is_too_large_is_refused_before_it_is_read(self):
        large = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * 20000)
        header = b"GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (b"a" * 40000)
        huge = b"GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (b"a" * 200000)
        many = b"GET / HTTP/1.1\r\nHost: a\r\n%s\r\n" % (b"X: a\r\n" * 200)
        body = b"POST /bus/auth/FIRST HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 50000000\r\n\r\n"
        for octets, status in ((large, 414), (header, 431), (huge, 431), (many, 431), (body, 413)):
            raw = self.raw()
            try:
                raw.send(octets)
            except (ConnectionResetError, BrokenPipeError):
                pass                        # It did not want to read all of it
            self.assertTrue(raw.read_all().startswith(b"HTTP/1.1 %d " % status), octets[:60])
            raw.close()
        raw = self.raw()                    # Without a length
        raw.send(b"POST /bus/auth/FIRST HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            raw.send(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        raw.send(b"0\r\n\r\n")
        self.assertTrue(raw.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 413 "))
        self.healthy()

    def trickle(self, raw, octet):
        """Whether the bridge has closed by now; if not, one octet more."""
        try:
            if raw.closed():
                return True
            raw.send(octet)
            return False
        except (ConnectionResetError, BrokenPipeError):
            return True

    def test_a_head_or_body_that_comes_octet_by_octet_is_cut_off(self):
        token = self.admin.cookie.encode()
        for begin in (b"", b"GET / HTTP/1.1\r\nHost: a\r\nX: ",
                      b"POST /bus/auth/FIRST HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10000\r\n\r\n",
                      b"PUT /api/v1/files/users/admin/slow HTTP/1.1\r\nHost: a\r\nX-Filestore: 1\r\nCookie: filestore=" + token
                      + b"\r\nContent-Length: 10000\r\n\r\n"):
            raw = self.raw()
            raw.send(begin)
            until(lambda: self.trickle(raw, b"a"), "cut off after %r" % begin[:10], 30)
            raw.close()
        self.healthy()

    def test_one_who_does_not_read_is_cut_off(self):
        self.assertEqual(self.admin.ask("PUT", "/api/v1/files/users/admin/large", content(8 << 20)).status, 201)
        raw = Raw.__new__(Raw)              # With a small window
        raw.socket = socket.socket()
        self.addCleanup(raw.close)
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.socket.settimeout(30)
        raw.socket.connect((self.admin.url.hostname, self.admin.url.port))
        raw.send(b"GET /api/v1/files/users/admin/large HTTP/1.1\r\nHost: a\r\nCookie: filestore=%s\r\n\r\n" % self.admin.cookie.encode())
        before = self.count("filestore_http_cut_total")
        until(lambda: self.count("filestore_http_cut_total") > before, "cut off", 30)
        self.assertLess(len(raw.read_all()), 8 << 20)

    def count(self, name):
        visitor = self.visitor()
        text = visitor.get("/metrics").body.decode()
        visitor.close()
        return int(re.search(r"^%s (\d+)$" % name, text, re.M).group(1))

    def test_one_who_reads_slowly_but_enough_gets_everything(self):
        large = content(24 << 20)
        self.assertEqual(self.admin.ask("PUT", "/api/v1/files/users/admin/slowly", large).status, 201)
        raw = self.raw()
        raw.send(b"GET /api/v1/files/users/admin/slowly HTTP/1.1\r\nHost: a\r\nCookie: filestore=" + self.admin.cookie.encode()
                 + b"\r\nConnection: close\r\n\r\n")
        got = 0
        for _ in range(20):                 # Pieces of the answer are larger than what it takes within web-slow
            got += len(raw.socket.recv(65536))
            time.sleep(0.25)                # It is slow: that is what is tried here
        got += len(raw.read_all())
        self.assertGreaterEqual(got, len(large))
        raw.close()

    def test_who_leaves_in_the_midst_leaves_nothing_behind(self):
        token = self.admin.cookie.encode()
        pid = self.cluster.process().pid
        asks = [b"GET /api/v1/events HTTP/1.1\r\nHost: a\r\nCookie: filestore=%s\r\n\r\n" % token,
                b"PUT /api/v1/files/users/admin/gone HTTP/1.1\r\nHost: a\r\nX-Filestore: 1\r\nCookie: filestore=%s\r\nContent-Length: 9999999\r\n\r\nabc" % token,
                b"GET /api/v1/status HTTP/1.1\r\nHost: a\r\nCookie: filestore=%s\r\n\r\n" % token, b"GET / HT"]
        counts = []
        for _ in range(3):
            for number in range(60):
                raw = self.raw()
                raw.send(asks[number % len(asks)])
                raw.close()
            until(lambda: self.count("filestore_http_connections") == 1, "all are closed", 30)
            counts.append(len(os.listdir("/proc/%d/fd" % pid)))
        self.assertLess(counts[2], counts[0] + 30, counts)     # The first ones may have made what is kept for later ones
        self.assertEqual(self.admin.get("/api/v1/entry", path="gone").status, 404)


class Crowd(SiteTest):
    SETS = ("web-connections-each=12",)

    def gone(self, raw):
        if raw.socket.fileno() >= 0 and raw.closed():
            raw.close()
        return raw.socket.fileno() < 0

    def answers(self):
        visitor = self.visitor()
        try:
            return visitor.get("/healthz").status == 200
        except OSError:
            return False
        finally:
            visitor.close()

    def test_one_address_has_only_so_many_connections(self):
        many = [self.raw() for _ in range(30)]
        until(lambda: sum(self.gone(raw) for raw in many) >= 18, "those beyond are closed", 30)
        self.assertEqual(self.admin.get("/healthz").status, 200)        # Who was there before is served
        for raw in many:
            raw.close()
        until(self.answers, "it serves others again", 30)


if __name__ == "__main__":
    main()
