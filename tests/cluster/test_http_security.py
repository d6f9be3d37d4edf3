"""What strangers send to the bridge: requests that two readers would read differently, tricks with paths, other sites' requests
in a person's name, and clients that are slow on purpose. Raw sockets, because a good client cannot send any of it."""

import json
import re
import socket
import time
import urllib.parse

from harness import PASSWORD, ClusterTest, main, until

SECONDS = 30            # Longest wait for an answer


class Bridge:
    """The web side of an embedded cluster, as a stranger on the network sees it."""

    def __init__(self, cluster):
        self.port = int(re.search(r"http://127\.0\.0\.1:(\d+)", cluster.process().ready).group(1))
        self.host = "127.0.0.1:%d" % self.port
        self.cluster = cluster

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), SECONDS)

    def raw(self, octets, end=False):
        """Everything that comes back until the other side closes. With end, we say that no more will come."""
        with self.connect() as link:
            try:
                link.sendall(octets)
                if end:
                    link.shutdown(socket.SHUT_WR)
            except OSError:
                pass            # It closed while we were still sending: what it said is there to be read
            return read_all(link)

    def ask(self, method, target, headers=(), body=b""):
        """(status, {header: value}, body) of one plain request."""
        head = ["%s %s HTTP/1.1" % (method, target), "Host: " + self.host, "Connection: close"]
        head += ["%s: %s" % pair for pair in dict(headers).items()]
        if body or method in ("POST", "PUT", "PATCH"):
            head.append("Content-Length: %d" % len(body))
        return parse(self.raw("\r\n".join(head + ["", ""]).encode("latin-1") + body))

    def json(self, method, target, value=None, **headers):
        headers = {name.replace("_", "-"): text for name, text in headers.items()}
        if value is not None:
            headers["Content-Type"] = headers.get("Content-Type", "application/json")
        status, fields, body = self.ask(method, target, headers, b"" if value is None else json.dumps(value).encode())
        return status, json.loads(body or b"null"), fields

    def account(self, name):
        """A new account's token."""
        status, reply, _ = self.json("POST", "/api/v1/accounts", {"name": name, "password": PASSWORD, "token": True})
        assert status == 200, (status, reply)
        self.cluster.secrets.append(reply["token"])
        return reply["token"]

    def names(self, token, path):
        status, reply, _ = self.json("GET", "/api/v1/entries?path=" + urllib.parse.quote(path), Authorization="Bearer " + token)
        assert status == 200, (status, reply)
        return reply["names"]


def read_all(link):
    octets = b""
    try:
        while True:
            piece = link.recv(65536)
            if not piece:
                return octets
            octets += piece
    except ConnectionResetError:
        return octets           # A refusal may come with a reset, as more was sent than was read


def parse(octets):
    head, _, body = octets.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    match = re.match(r"HTTP/1\.1 (\d{3})", lines[0])
    assert match, octets[:200]
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(": ")
        fields.setdefault(name.lower(), value)
    return int(match.group(1)), fields, body


def statuses(octets):
    return [int(text) for text in re.findall(rb"HTTP/1\.1 (\d{3}) ", octets)]


class Security(ClusterTest):
    def bridge(self, *sets):
        cluster = self.cluster(start=False, nodes=1, sets=("web=127.0.0.1:0", "replicas=1") + sets)
        cluster.start()
        return Bridge(cluster)

    def test_one_request_cannot_hide_in_another(self):
        """Each head is ambiguous. It must be answered by one refusal, and what follows must not run as a request."""
        bridge = self.bridge()
        token = bridge.account("ann")
        hidden = json.dumps({"path": "smuggled"}).encode()
        inner = (b"POST /api/v1/folders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
                 b"Content-Length: %d\r\n\r\n%s" % (token.encode(), len(hidden), hidden))
        host = b"Host: " + bridge.host.encode()
        heads = {
            "length and chunked": [host, b"Content-Length: 5", b"Transfer-Encoding: chunked"],
            "chunked and length": [host, b"Transfer-Encoding: chunked", b"Content-Length: 5"],
            "two lengths": [host, b"Content-Length: 5", b"Content-Length: 0"],
            "two equal lengths": [host, b"Content-Length: 5", b"Content-Length: 5"],
            "a list of lengths": [host, b"Content-Length: 5, 5"],
            "a space before the colon": [host, b"Content-Length : 5"],
            "a plus": [host, b"Content-Length: +5"],
            "a minus": [host, b"Content-Length: -5"],
            "hexadecimal": [host, b"Content-Length: 0x5"],
            "more than a number holds": [host, b"Content-Length: 18446744073709551621"],
            "no number": [host, b"Content-Length: five"],
            "an empty length": [host, b"Content-Length:"],
            "another coding": [host, b"Transfer-Encoding: xchunked"],
            "chunked, then another": [host, b"Transfer-Encoding: chunked, identity"],
            "another, then chunked": [host, b"Transfer-Encoding: gzip, chunked"],
            "chunked twice": [host, b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
            "chunked with a tab": [host, b"Transfer-Encoding:\x0bchunked"],
            "no host": [b"Content-Length: 5"],
            "two hosts": [host, b"Host: evil.example", b"Content-Length: 5"],
            "a host with a path": [b"Host: a/b", b"Content-Length: 5"],
            "an empty host": [b"Host:", b"Content-Length: 5"],
            "a control character": [host, b"X-A: a\x01b", b"Content-Length: 5"],
            "a bad name": [host, b"X(A): b", b"Content-Length: 5"],
        }
        for what, lines in heads.items():
            with self.subTest(what):
                head = b"\r\n".join([b"POST /api/v1/session HTTP/1.1"] + lines) + b"\r\n\r\n"
                for rest in (b"0\r\n\r\n" + inner, b"5\r\nabcde\r\n0\r\n\r\n" + inner, inner):
                    answer = bridge.raw(head + rest)
                    #  libmicrohttpd writes the head of its own refusals twice, and closes
                    self.assertLessEqual(set(statuses(answer)), {400, 413}, answer[:300])
        self.assertEqual(bridge.names(token, "/users/ann"), [])
        status, _, _ = bridge.json("GET", "/api/v1/session")
        self.assertEqual(status, 200)

    def test_chunks_that_are_not_plain_are_refused(self):
        bridge = self.bridge("web-slow=2 s")
        token = bridge.account("ann")
        head = ("PUT /api/v1/files/users/ann/%s HTTP/1.1\r\nHost: " + bridge.host + "\r\nAuthorization: Bearer " + token
                + "\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        answer = bridge.raw((head % "good").encode() + b"5\r\nhello\r\n0\r\n\r\n")
        self.assertEqual(statuses(answer), [201], answer[:300])
        for name, body in (("minus", b"-5\r\nhello\r\n0\r\n\r\n"), ("words", b"five\r\nhello\r\n0\r\n\r\n"), ("prefix", b"0x5\r\nhello\r\n0\r\n\r\n"),
                           ("long", b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n"), ("less", b"3\r\nhello\r\n0\r\n\r\n"), ("cut", b"5\r\nhel")):
            with self.subTest(name):
                answer = bridge.raw((head % name).encode() + body, end=True)
                self.assertFalse([status for status in statuses(answer) if status < 400], answer[:300])
        until(lambda: bridge.names(token, "/users/ann") == ["good"], "only the whole one is there")

    def test_a_path_leads_nowhere_but_where_it_says(self):
        bridge = self.bridge()
        token = bridge.account("ann")
        bridge.account("bob")
        status, _, _ = bridge.ask("PUT", "/api/v1/files/users/ann/secret", {"Authorization": "Bearer " + token}, b"a secret of ann")
        self.assertEqual(status, 201)
        tricks = ("/../../../../etc/passwd", "/..%2f..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/./index.html", "/app.js/../app.js", "//etc/passwd",
                  "/%2fetc/passwd", "/..\\..\\etc\\passwd", "/%5c..%5cetc", "/%00", "/index.html%00.js", "/%c0%ae%c0%ae/etc/passwd", "/%ff", "/%zz", "/%", "/%4",
                  "/%0d%0aX-Evil:1", "/index.html/", "/api/v1/files/users/bob/../ann/secret", "/api/v1/files/users/bob/%2e%2e/ann/secret",
                  "/api/v1/files/users/bob/..%2fann/secret", "/api/v1/files//users/ann/secret", "/api/v1/files/users/ann%2fsecret",
                  "/api/v1/files/users/ann/secret%00", "/api/v1/files/users/ann/secret/", "*", "users", "http:/x", "/" + 20000 * "a", "/?" + 500 * "a=1&")
        bob = bridge.json("POST", "/api/v1/session", {"name": "bob", "password": PASSWORD, "token": True})[1]["token"]
        for target in tricks:
            for headers in ({}, {"Authorization": "Bearer " + bob}):
                with self.subTest(target[:60], signed_in=bool(headers)):
                    answer = bridge.raw(("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n" % (target, bridge.host, "".join(
                        "%s: %s\r\n" % pair for pair in headers.items()))).encode("latin-1"))
                    status, fields, body = parse(answer)
                    self.assertIn(status, (400, 401, 403, 404, 414, 431), answer[:300])
                    self.assertNotIn("x-evil", fields)
                    self.assertNotIn(b"root:", body)
                    self.assertNotIn(b"a secret of ann", body)

    def test_another_site_cannot_act_in_a_persons_name(self):
        bridge = self.bridge()
        token = bridge.account("ann")
        cookie = "filestore=" + token
        folder = {"path": "made"}
        for what, headers in (("nothing", {}), ("another origin", {"Origin": "http://evil.example"}), ("no origin", {"Origin": "null"}),
                              ("a neighbour", {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"}),
                              ("an origin that begins like ours", {"Origin": "http://%s.evil.example" % bridge.host}),
                              ("another scheme", {"Origin": "https://" + bridge.host}),
                              ("cross-site", {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}),
                              ("a referer only", {"Referer": "http://%s/" % bridge.host})):
            with self.subTest(what):
                for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
                    status, _, _ = bridge.json("POST", "/api/v1/folders", folder, Cookie=cookie, Content_Type=kind, **{
                        name.replace("-", "_"): value for name, value in headers.items()})
                    self.assertIn(status, (403, 415))
                for method, target in (("DELETE", "/api/v1/session"), ("DELETE", "/api/v1/entry?path=/users/ann"), ("PUT", "/api/v1/files/users/ann/x"),
                                       ("POST", "/api/v1/uploads"), ("POST", "/bus/metadata/MAKE_FOLDER"), ("PATCH", "/api/v1/uploads/1")):
                    status, _, _ = bridge.ask(method, target, dict(headers, Cookie=cookie), b"{}" if method != "DELETE" else b"")
                    self.assertIn(status, (403, 405), (method, target))
        self.assertEqual(bridge.names(token, "/users/ann"), [])
        for headers in ({"X_Filestore": "1"}, {"Origin": "http://" + bridge.host}, {"Sec_Fetch_Site": "same-origin"}):
            status, _, _ = bridge.json("POST", "/api/v1/folders", {"path": "made by " + list(headers)[0]}, Cookie=cookie, **headers)
            self.assertEqual(status, 200, headers)
        status, _, fields = bridge.json("OPTIONS", "/api/v1/folders", Origin="http://evil.example", Access_Control_Request_Method="POST",
                                        Access_Control_Request_Headers="x-filestore,content-type")
        self.assertFalse([name for name in fields if name.startswith("access-control-")])
        for planted in ("filestore=%s; filestore=x" % token, "filestore=x; filestore=%s" % token, "filestore=", "filestore", "FILESTORE=" + token):
            status, _, _ = bridge.json("GET", "/api/v1/entries", Cookie=planted)
            self.assertEqual(status, 401, planted.replace(token, "TOKEN"))

    def test_a_strangers_name_that_points_to_this_machine_is_not_answered(self):
        bridge = self.bridge()
        body = json.dumps({"name": "mallory", "password": PASSWORD}).encode()
        for host, wanted in (("evil.example:%d" % bridge.port, 421), ("localhost:%d" % bridge.port, 200)):
            head = "POST /api/v1/accounts HTTP/1.1\r\nHost: %s\r\nOrigin: http://%s\r\nContent-Type: application/json\r\n" \
                   "Content-Length: %d\r\nConnection: close\r\n\r\n" % (host, host, len(body))
            status, _, reply = parse(bridge.raw(head.encode() + body))
            self.assertEqual(status, wanted, reply)
        self.assertEqual(json.loads(reply)["role"], "admin")        # Nobody was first

    def test_every_answer_says_what_browsers_may_do_with_it(self):
        bridge = self.bridge()
        token = bridge.account("ann")
        bearer = {"Authorization": "Bearer " + token}
        html = b"<script>parent.x = 1</script>"
        for name in ("a.html", "a.svg", "a.xml", "a.txt", "a.png", "a"):
            bridge.ask("PUT", "/api/v1/files/users/ann/" + name, bearer, html)
        asked = [("GET", "/", {}), ("GET", "/index.html", {}), ("GET", "/nowhere", {}), ("GET", "/api/v1/session", {}), ("GET", "/api/v1/entries", {}),
                 ("GET", "/api/v1/nowhere", {}), ("POST", "/", {}), ("GET", "/%zz", {}), ("GET", "/healthz", {}), ("GET", "/api/v1/openapi.json", {}),
                 ("GET", "/api/v1/entries", bearer), ("HEAD", "/", {}), ("OPTIONS", "/api/v1/folders", {})]
        for method, target, headers in asked:
            with self.subTest(method + " " + target):
                _, fields, _ = bridge.ask(method, target, headers)
                self.assertIn("frame-ancestors 'none'", fields["content-security-policy"])
                self.assertIn("default-src", fields["content-security-policy"])
                self.assertNotIn("unsafe", fields["content-security-policy"])
                self.assertEqual(fields["x-content-type-options"], "nosniff")
                self.assertIn(fields["referrer-policy"], ("no-referrer", "same-origin"))
                self.assertEqual(fields["cross-origin-opener-policy"], "same-origin")
                self.assertNotIn("access-control-allow-origin", fields)
        for name in ("a.html", "a.svg", "a.xml", "a.txt", "a.png", "a"):
            for query in ("", "?download", "?version=1"):
                with self.subTest(name + query):
                    status, fields, body = bridge.ask("GET", "/api/v1/files/users/ann/%s%s" % (name, query), bearer)
                    self.assertEqual((status, body), (200, html))
                    policy = fields["content-security-policy"]
                    self.assertIn("sandbox", policy)
                    self.assertIn("default-src 'none'", policy)
                    self.assertNotIn("allow-scripts", policy)
                    self.assertNotIn("allow-same-origin", policy)
                    self.assertEqual(fields["x-content-type-options"], "nosniff")
                    if not fields.get("content-disposition", "").startswith("attachment"):
                        self.assertNotRegex(fields["content-type"], r"html|xml|svg|script")
                    if query == "?download":
                        self.assertTrue(fields["content-disposition"].startswith("attachment"))

    def test_a_name_cannot_leave_its_header(self):
        bridge = self.bridge()
        bearer = {"Authorization": "Bearer " + bridge.account("ann")}
        for name in ('a"; filename="b.exe', "a\\\"b", "ü–字\U0001f600.txt", "a;b=c.txt", "%0d%0aX-Evil: 1", " a ", "a'b''c"):
            with self.subTest(name):
                target = "/api/v1/files/users/ann/" + urllib.parse.quote(name, safe="")
                self.assertEqual(bridge.ask("PUT", target, bearer, b"x")[0], 201)
                status, fields, _ = bridge.ask("GET", target + "?download", bearer)
                self.assertEqual(status, 200)
                self.assertNotIn("x-evil", fields)
                given = re.search(r"filename\*=UTF-8''(\S+?)(;|$)", fields["content-disposition"])
                plain = re.fullmatch(r'attachment; filename="((?:[^"\\]|\\.)*)"(; filename\*=.+)?', fields["content-disposition"])
                self.assertTrue(given or plain, fields["content-disposition"])
                if given:
                    self.assertEqual(urllib.parse.unquote(given.group(1)), name)

    def test_a_client_that_is_slow_on_purpose_is_cut_off(self):
        bridge = self.bridge("web-idle=1 s", "web-slow=1 s")
        token = bridge.account("ann")
        starts = {
            "says nothing": b"",
            "stops within the head": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ",
            "stops within a body": b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
            "stops within an upload": ("PUT /api/v1/files/users/ann/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100000\r\n\r\nabc"
                                       % token).encode(),
        }
        links = {what: bridge.connect() for what in starts}
        for what, link in links.items():
            link.sendall(starts[what])
        drip = bridge.connect()
        drip.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        ended = False
        deadline = time.monotonic() + SECONDS
        while not ended and time.monotonic() < deadline:     # A header line now and then is not life either
            try:
                drip.sendall(b"X-A: b\r\n")
                drip.settimeout(0.1)
                ended = not drip.recv(1)
            except socket.timeout:
                pass
            except OSError:
                ended = True
            self.assertEqual(bridge.json("GET", "/api/v1/session")[0], 200)      # Others are served meanwhile
        self.assertTrue(ended, "who sends a line now and then")
        drip.close()
        for what, link in links.items():
            with self.subTest(what):
                read_all(link)          # To its end, or the socket's timeout fails the test
            link.close()

    def test_one_address_cannot_take_all_connections(self):
        bridge = self.bridge("web-connections=16", "web-connections-each=8", "web-idle=1 h")
        links = [bridge.connect() for _ in range(40)]
        closed = 0
        for link in links:
            link.settimeout(0.2)
            try:
                link.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                closed += not link.recv(1)
            except socket.timeout:
                pass
            except OSError:
                closed += 1
        self.assertGreaterEqual(closed, 32)
        for link in links:
            link.close()
        until(lambda: self.served(bridge), "it serves again when they are gone")

    def served(self, bridge):
        try:
            return bridge.ask("GET", "/healthz")[0] == 200
        except (OSError, AssertionError):
            return False

    def test_an_address_is_what_the_proxy_says_and_not_its_client(self):
        bridge = self.bridge("web-proxy=1")
        for lines, wanted in ((("127.0.0.1",), 200), (("203.0.113.5",), 401), (("127.0.0.1, 203.0.113.5",), 401),
                              (("127.0.0.1", "203.0.113.5"), 401)):
            head = ["GET /metrics HTTP/1.1", "Host: " + bridge.host, "Connection: close"] + ["X-Forwarded-For: " + line for line in lines]
            self.assertEqual(statuses(bridge.raw("\r\n".join(head + ["", ""]).encode())), [wanted], lines)

    def test_one_person_cannot_take_all_streams_of_events(self):
        bridge = self.bridge()
        token = bridge.account("ann")
        bob = bridge.account("bob")
        links = []

        def listen(who):
            links.append(bridge.connect())
            self.addCleanup(links[-1].close)
            links[-1].sendall(("GET /api/v1/events?since=0 HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n"
                               % (bridge.host, who)).encode())
            return links[-1].recv(12).decode()[9:]

        self.assertEqual([listen(token) for _ in range(64)], ["200"] * 64)
        self.assertEqual(listen(token), "429")
        self.assertEqual(listen(bob), "200")
        links[0].close()
        until(lambda: listen(token) == "200", "there is room again")

    def test_everything_has_a_bound(self):
        bridge = self.bridge()
        token = bridge.account("ann")
        host = "Host: %s\r\nConnection: close\r\n" % bridge.host
        for what, octets, wanted in (
                ("a long address", "GET /%s HTTP/1.1\r\n%s\r\n" % ("a" * 30000, host), (414, 431)),
                ("an endless address", "GET /%s HTTP/1.1\r\n%s\r\n" % ("a" * 300000, host), (414, 431)),
                ("a long header", "GET / HTTP/1.1\r\n%sX-A: %s\r\n\r\n" % (host, "a" * 100000), (431,)),
                ("an endless header", "GET / HTTP/1.1\r\n%sX-A: %s\r\n\r\n" % (host, "a" * 300000), (431,)),
                ("many headers", "GET / HTTP/1.1\r\n%s%s\r\n" % (host, "X-A: b\r\n" * 500), (431,)),
                ("a long method", "%s / HTTP/1.1\r\n%s\r\n" % ("A" * 300, host), (400, 405, 501)),
                ("another version", "GET / HTTP/3.0\r\n%s\r\n" % host, (400, 505)),
                ("an odd method", "TRACE / HTTP/1.1\r\n%s\r\n" % host, (405,)),
                ("a tunnel", "CONNECT x:443 HTTP/1.1\r\n%s\r\n" % host, (400, 405)),
                ("nonsense", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (400,))):
            with self.subTest(what):
                answer = bridge.raw(octets.encode("latin-1"))
                self.assertTrue(not answer or statuses(answer)[0] in wanted, answer[:200])
        body = b'{"name": "' + b"a" * (8 << 20) + b'"}'
        status, _, _ = bridge.ask("POST", "/api/v1/session", {"Content-Type": "application/json"}, body)
        self.assertEqual(status, 413)
        chunks = b"10000\r\n" + b"a" * 65536 + b"\r\n"           # Without an announced length, where no body is wanted
        answer = bridge.raw(b"GET /api/v1/session HTTP/1.1\r\n" + host.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunks * 40 + b"0\r\n\r\n")
        self.assertEqual(statuses(answer)[:1], [413], answer[:200])
        for text in (b"[" * 100000, b'{"name": "a", "name": "b", "password": "c"}', b"[]", b"nul", b"{}x", b'{"name": "\xff"}', b""):
            status, _, _ = bridge.ask("POST", "/api/v1/session", {"Content-Type": "application/json"}, text)
            self.assertIn(status, (400, 413), text[:40])
        status, reply, _ = bridge.json("POST", "/bus/metadata/NO_SUCH_COMMAND", {}, Authorization="Bearer " + token)
        self.assertEqual((status, reply["code"]), (501, "unknown_command"))
        self.assertEqual(bridge.names(token, "/users/ann"), [])

    def test_guessing_passwords_over_the_web_is_slowed_down(self):
        bridge = self.bridge("login-attempts=3")
        bridge.account("ann")
        answers = [bridge.json("POST", "/api/v1/session", {"name": "ann", "password": "guess %d" % turn})[:2] for turn in range(6)]
        self.assertEqual([reply["code"] for _, reply in answers[:3]], ["wrong_password"] * 3 if answers[0][1]["code"] == "wrong_password"
                         else [answers[0][1]["code"]] * 3)
        self.assertNotEqual(answers[5][1]["code"], answers[0][1]["code"])
        status, _, _ = bridge.json("POST", "/api/v1/session", {"name": "ann", "password": PASSWORD})
        self.assertNotEqual(status, 200)


if __name__ == "__main__":
    main()
