"""What strangers try with the bridge: requests from other sites, two requests in one, tricks with paths. Clients that are slow or
greedy are in test_greedy.py."""

import re
import socket

from harness import main
from visitor import SiteTest

HOST = b"Host: a\r\n"


class OtherSites(SiteTest):
    def change(self, visitor, **headers):
        """A change as a browser sends it, with the cookie; the status."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        type(self).names += 1
        return visitor.ask("POST", "/api/v1/folders", {"path": "f%d" % self.names}, mark=False, headers=headers).status

    def test_a_change_with_the_cookie_must_come_from_the_page(self):
        visitor = self.person()
        self.assertEqual(self.change(visitor), 403)
        self.assertEqual(self.change(visitor, Origin="http://evil.example"), 403)
        self.assertEqual(self.change(visitor, Origin="null"), 403)
        self.assertEqual(self.change(visitor, Origin=self.url + ".evil.example"), 403)
        self.assertEqual(self.change(visitor, Origin=self.url.replace("http:", "https:")), 403)
        self.assertEqual(self.change(visitor, Sec_Fetch_Site="cross-site"), 403)
        self.assertEqual(self.change(visitor, Sec_Fetch_Site="same-site"), 403)
        self.assertEqual(self.change(visitor, Sec_Fetch_Site="none"), 403)
        self.assertEqual(self.change(visitor, X_Filestore="0"), 403)
        self.assertEqual(self.change(visitor, Origin=self.url), 200)
        self.assertEqual(self.change(visitor, Sec_Fetch_Site="same-origin"), 200)
        self.assertEqual(self.change(visitor, X_Filestore="1"), 200)

    def test_that_is_so_for_each_method_that_changes_something(self):
        visitor = self.person()
        for method, path in (("DELETE", "/api/v1/session"), ("PUT", "/api/v1/password"), ("DELETE", "/api/v1/entry?path=x"),
                             ("PUT", "/api/v1/files/users/%s/x" % visitor.name), ("POST", "/bus/auth/LOGOUT")):
            answer = visitor.ask(method, path, {}, mark=False, headers={"Origin": "http://evil.example"})
            self.assertEqual((answer.status, answer.code), (403, "denied"), path)
        self.assertTrue(visitor.get("/api/v1/session").json()["signed_in"])

    def test_forms_of_other_sites_do_nothing(self):
        """A form cannot say that it is JSON; so nobody can be logged in as somebody else either."""
        stranger = self.visitor()
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            answer = stranger.ask("POST", "/api/v1/session", b'{"name":"admin","password":"x"}', mark=False,
                                  headers={"Content-Type": kind, "Origin": "http://evil.example"})
            self.assertEqual(answer.status, 415)
        preflight = stranger.ask("OPTIONS", "/api/v1/folders", mark=False, headers={"Origin": "http://evil.example",
                                 "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-filestore"})
        self.assertFalse([name for name in preflight.headers if name.lower().startswith("access-control-")])

    def test_two_cookies_of_that_name_are_none(self):
        visitor = self.person()
        answer = visitor.ask("GET", "/api/v1/session", headers={"Cookie": "filestore=%s; filestore=planted" % visitor.cookie})
        self.assertFalse(answer.json()["signed_in"])

    def test_every_answer_forbids_frames_sniffing_and_foreign_scripts(self):
        for path in ("/", "/index.html", "/nothing", "/healthz", "/metrics", "/api/v1/session", "/api/v1/openapi.json", "/api/v1/nothing",
                     "/api/v1/entries", "/%00"):
            headers = self.visitor().get(path).headers
            policy = headers["Content-Security-Policy"]
            self.assertIn("default-src 'self'", policy, path)
            self.assertIn("frame-ancestors 'none'", policy, path)
            self.assertNotIn("unsafe", policy, path)
            self.assertEqual((headers["X-Content-Type-Options"], headers["X-Frame-Options"]), ("nosniff", "DENY"), path)
            self.assertEqual((headers["Cross-Origin-Opener-Policy"], headers["Referrer-Policy"]), ("same-origin", "same-origin"))

    def test_page_has_no_script_or_style_inside_it(self):
        text = self.admin.get("/").body.decode()
        for tag in re.findall(r"<script\b[^>]*>", text):
            self.assertIn(" src=", tag)
        self.assertNotRegex(text, r"<style\b|\son\w+=|javascript:|\sstyle=|https?://(?!www\.w3\.org)")


class Smuggling(SiteTest):
    """Where two readers of one stream may differ about where a request ends, it is refused and nothing after it is read."""

    INNER = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"

    def answers(self, octets):
        """The statuses of all answers until the bridge closes."""
        raw = self.raw()
        raw.send(octets)
        raw.socket.shutdown(socket.SHUT_WR)
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", raw.read_all())]

    def test_requests_of_two_lengths_are_refused_and_nothing_behind_them_is_read(self):
        chunked, inner = b"0\r\n\r\n" + self.INNER, self.INNER
        for name, head, body in (
                ("CL and TE", b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % len(chunked), chunked),
                ("TE and CL", b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", chunked),
                ("two lengths", b"Content-Length: 0\r\nContent-Length: %d\r\n" % len(inner), inner),
                ("two equal lengths", b"Content-Length: %d\r\nContent-Length: %d\r\n" % (len(inner), len(inner)), inner),
                ("list of lengths", b"Content-Length: 0, %d\r\n" % len(inner), inner),
                ("space before the colon", b"Content-Length : %d\r\n" % len(inner), inner),
                ("space before the colon of TE", b"Transfer-Encoding : chunked\r\n", chunked),
                ("odd TE", b"Transfer-Encoding: xchunked\r\n", chunked),
                ("TE list", b"Transfer-Encoding: chunked, identity\r\n", chunked),
                ("two TE", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", chunked),
                ("TE after a bare LF", b"X: a\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n", chunked),
                ("plus", b"Content-Length: +%d\r\n" % len(inner), inner),
                ("hex", b"Content-Length: 0x10\r\n", inner),
                ("negative", b"Content-Length: -1\r\n", inner),
                ("huge", b"Content-Length: 99999999999999999999999\r\n", inner)):
            statuses = self.answers(b"POST /bus/auth/FIRST HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n" + head + b"\r\n" + body)
            self.assertIn(statuses, ([400], [413], [400, 400], [413, 413]), name)   # libmicrohttpd repeats the head of its own

    def test_heads_that_are_none_are_refused(self):
        for octets in (b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
                       b"GET / HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n", b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX\x01: 1\r\n\r\n",
                       b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n\r\n"):
            statuses = self.answers(octets + self.INNER)
            self.assertIn(statuses, ([400], [505], []), octets)

    def test_requests_one_behind_the_other_are_answered_in_their_order(self):
        asks = [b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n",
                b"POST /bus/auth/FIRST HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
                b"POST /bus/auth/FIRST HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                b"GET /api/v1/entries HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"]
        raw = self.raw()
        raw.send(b"".join(asks))
        self.assertEqual(re.findall(rb"HTTP/1\.1 (\d+) ", raw.read_all()), [b"200", b"404", b"200", b"200", b"401", b"200"])
        raw = self.raw()                    # Octet by octet
        for octet in b"".join(asks[:4]) + asks[-1]:
            raw.send(bytes([octet]))
        self.assertEqual(re.findall(rb"HTTP/1\.1 (\d+) ", raw.read_all()), [b"200", b"404", b"200", b"200", b"200"])


class Paths(SiteTest):
    def test_no_trick_leads_out_of_the_page_or_around_a_route(self):
        for path in ("/../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/.%2e/x", "//etc/passwd", "/a//b", "/%00", "/index.html%00",
                     "/index.html%00.png", "/..\\..\\x", "/%5c..%5cx", "/%c0%ae%c0%ae/x", "/%ff", "/%2f", "/%", "/%zz", "/%0d%0aSet-Cookie:x=y", "/./x",
                     "/api/v1/../../x", "/api/v1/files/users/admin/..%2f..%2fx", "/api/v1/files//users", "/api/v1/sessions/../session"):
            raw = self.raw()
            raw.send(b"GET %s HTTP/1.1\r\nHost: a\r\nCookie: filestore=%s\r\nConnection: close\r\n\r\n" % (path.encode(), self.admin.cookie.encode()))
            answer = raw.read_all()
            self.assertRegex(answer, rb"^HTTP/1\.1 (400|404) ", path)
            self.assertNotIn(b"root:", answer)
            self.assertNotIn(b"\r\nSet-Cookie:x", answer)

    def test_address_of_a_whole_site_is_that_of_its_path(self):
        raw = self.raw()
        raw.send(b"GET http://elsewhere/healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        self.assertTrue(raw.read_all().endswith(b"\r\n\r\nok\n"))


class Proxy(SiteTest):
    SETS = ("web-proxy=1",)

    def test_what_a_trusted_proxy_says_is_believed(self):
        answer = self.visitor().ask("POST", "/api/v1/session", {"name": "admin", "password": "wrong"})
        self.assertEqual(answer.status, 401)
        visitor = self.person()
        answer = visitor.ask("POST", "/api/v1/session", {"name": visitor.name, "password": "correct horse \u00fc 7"},
                             headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "6.6.6.6, 10.0.0.1"})
        self.assertRegex(answer.headers["Set-Cookie"], "; Secure$")
        self.assertEqual(self.visitor().ask("GET", "/metrics", headers={"X-Forwarded-For": "127.0.0.1, 10.0.0.1"}).status, 401)
        self.assertEqual(self.visitor().ask("GET", "/metrics", headers={"X-Forwarded-For": "10.0.0.1, 127.0.0.1"}).status, 200)


class NoProxy(SiteTest):
    def test_what_anybody_could_say_is_not_believed(self):
        answer = self.admin.ask("POST", "/api/v1/session", {"name": "admin", "password": "correct horse \u00fc 7"}, headers={"X-Forwarded-Proto": "https"})
        self.assertNotIn("Secure", answer.headers["Set-Cookie"])
        for name in ("X-Forwarded-For", "Forwarded"):       # It only shows that the question comes from elsewhere
            self.assertEqual(self.visitor().ask("GET", "/metrics", headers={name: "127.0.0.1"}).status, 401)


if __name__ == "__main__":
    main()
