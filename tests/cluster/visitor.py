"""What tests of the bridge share: a visitor who speaks HTTP, sockets for what no client would send, a listener to
events, and a cluster with a bridge. Every wait has a deadline."""

import http.client
import json
import select
import socket
import time
import unittest
import urllib.parse

from harness import PASSWORD, Cluster

WAIT_S = 30


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json()["code"]


class Visitor:
    """Somebody with a browser's memory: a connection that is kept, and a cookie."""

    def __init__(self, url, context=None, cookie=None):
        self.url = urllib.parse.urlsplit(url)
        self.context = context
        self.cookie = cookie
        self.connection = None

    def connect(self):
        if self.url.scheme == "https":
            return http.client.HTTPSConnection(self.url.netloc, timeout=WAIT_S, context=self.context)
        return http.client.HTTPConnection(self.url.netloc, timeout=WAIT_S)

    def ask(self, method, path, body=None, mark=True, headers=None):
        """One request. body: JSON, or octets as they are. mark: say that it is the page that asks."""
        headers = dict(headers or {})
        if self.cookie is not None and "Cookie" not in headers:
            headers["Cookie"] = "filestore=" + self.cookie
        if mark:
            headers["X-Filestore"] = "1"
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        for last in (False, True):
            if not self.connection:
                self.connection = self.connect()
            try:
                self.connection.request(method, path, body, headers)
                answer = self.connection.getresponse()
                result = Answer(answer.status, answer.headers, answer.read())
                break
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self.connection.close()     # It was kept for too long
                self.connection = None
                if last:
                    raise
        self.remember(result)
        return result

    def remember(self, answer):
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            value = cookie.split(";")[0].partition("=")[2]
            self.cookie = value or None

    def get(self, address, **query):
        if query:
            address += "?" + urllib.parse.urlencode(query, doseq=True)
        return self.ask("GET", address)

    def post(self, path, body):
        return self.ask("POST", path, body)

    def register(self, name, password=PASSWORD):
        answer = self.post("/api/v1/accounts", {"name": name, "password": password})
        if answer.status != 200:
            raise AssertionError("register: %d %s" % (answer.status, answer.body))
        return self

    def login(self, name, password=PASSWORD):
        answer = self.post("/api/v1/session", {"name": name, "password": password})
        if answer.status != 200:
            raise AssertionError("login: %d %s" % (answer.status, answer.body))
        return self

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None


class Raw:
    """A socket to the bridge, for octets that no client would send."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=WAIT_S)

    def send(self, octets):
        self.socket.sendall(octets)

    def read_until(self, mark):
        octets = b""
        while mark not in octets:
            some = self.socket.recv(65536)
            if not some:
                raise AssertionError("closed after %r" % octets)
            octets += some
        return octets

    def read_all(self):
        """Until the bridge closes."""
        octets = b""
        while True:
            try:
                some = self.socket.recv(65536)
            except ConnectionResetError:
                return octets
            if not some:
                return octets
            octets += some

    def closed(self):
        """Whether the bridge has closed by now."""
        if not select.select([self.socket], [], [], 0)[0]:
            return False
        try:
            return self.socket.recv(65536) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.socket.close()


class Listener:
    """Somebody who reads the events."""

    def __init__(self, visitor, since=None):
        self.raw = Raw(visitor.url.geturl())
        last = "Last-Event-ID: %d\r\n" % since if since is not None else ""
        self.raw.send(("GET /api/v1/events HTTP/1.1\r\nHost: a\r\nCookie: filestore=%s\r\n%s\r\n" % (visitor.cookie, last)).encode())
        head, _, self.rest = self.raw.read_until(b"\r\n\r\n").partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 ") or b"text/event-stream" not in head:
            raise AssertionError(head)
        self.text = b""
        self.id = since
        self.ended = False

    def unchunk(self):
        """Move what has come from rest to text."""
        while not self.ended:
            size, line, after = self.rest.partition(b"\r\n")
            if not line or len(after) < int(size, 16) + 2:
                return
            length = int(size, 16)
            self.ended = length == 0
            self.text += after[:length]
            self.rest = after[length + 2:]

    def next(self, seconds=WAIT_S):
        """The next event: (topic, data), or None if the stream has ended."""
        deadline = time.monotonic() + seconds
        while True:
            self.unchunk()
            block, mark, after = self.text.partition(b"\n\n")
            if mark:
                self.text = after
                fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if b": " in line)
                self.id = int(fields[b"id"]) if b"id" in fields else self.id
                if b"event" in fields:
                    return fields[b"event"].decode(), json.loads(fields[b"data"])
                continue
            if self.ended:
                return None
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.raw.socket], [], [], left)[0]:
                raise AssertionError("no event within %d s" % seconds)
            octets = self.raw.socket.recv(65536)
            if not octets:
                return None
            self.rest += octets

    def until(self, wanted):
        """Events up to the first whose topic and data are wanted; all of them."""
        events = []
        deadline = time.monotonic() + WAIT_S
        while not events or not wanted(*events[-1]):
            if time.monotonic() > deadline:
                raise AssertionError("not among %s" % [(topic, data if topic != "status" else data["sequence"]) for topic, data in events])
            event = self.next()
            if event is None:
                raise AssertionError("the stream ended after %s" % events)
            events.append(event)
        return events

    def close(self):
        self.raw.close()


class SiteTest(unittest.TestCase):
    """Tests that share one embedded cluster with a bridge."""

    SETS = ()

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(web=True, sets=cls.SETS)
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.start()
        cls.url = cls.cluster.url()
        cls.admin = Visitor(cls.url)
        cls.first = cls.admin.get("/api/v1/session").json()
        cls.admin.register("admin")
        cls.addClassCleanup(cls.admin.close)
        cls.names = 0

    def visitor(self, name=None, cookie=None):
        """A new person with an account, or with nothing."""
        visitor = Visitor(self.url, cookie=cookie)
        self.addCleanup(visitor.close)
        return visitor.register(name) if name else visitor

    def person(self):
        type(self).names += 1
        name = "user-%d" % self.names
        visitor = self.visitor(name)
        visitor.name = name
        return visitor

    def raw(self):
        raw = Raw(self.url)
        self.addCleanup(raw.close)
        return raw

    def listen(self, visitor, since=None):
        listener = Listener(visitor, since)
        self.addCleanup(listener.close)
        return listener
