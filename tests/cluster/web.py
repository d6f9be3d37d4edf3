"""Requests over HTTP for the tests of content: a browser or a script with a session, and clusters with a bridge."""

import base64
import http.client
import json
import re
import urllib.parse

from harness import Cluster, ClusterTest

CHUNK = 1 << 20
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
            try:
                connection.request(method, path, body, self.headers(named))
            except BrokenPipeError:
                pass                # Refused before all of it was sent: the answer is there
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
        cls.running = Cluster(sets=("web=127.0.0.1:0", "heartbeat-interval=200 ms", "user-transfers=20",
                                   "history-interval=300 ms"))
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
