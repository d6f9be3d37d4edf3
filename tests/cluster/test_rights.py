"""What those who join a cluster may do, and what not: actors of one's own and storage nodes over TCP with CURVE, and
applications with a token of a person. Actors here are plain pyzmq, as anyone would write them."""

import base64
import json
import os
import signal
import subprocess
import sys
import unittest
import urllib.error
import urllib.request
import uuid

import zmq
from zmq.utils.monitor import recv_monitor_message

from harness import FILESTORED, RUN_S, Cluster, Process, content, forge_token, main, until


class Actor:
    """What a script makes of a bundle."""

    def __init__(self, bundle):
        self.__dict__.update(json.loads(base64.urlsafe_b64decode(bundle + "==")))
        self.context = zmq.Context()
        self.requests = self.connect(zmq.REQ, self.broker)

    def connect(self, kind, endpoint):
        socket = self.context.socket(kind)
        socket.linger = 0
        socket.rcvtimeo = 60000
        if hasattr(self, "server_key"):
            socket.curve_serverkey = self.server_key.encode()
            socket.curve_publickey = self.public_key.encode()
            socket.curve_secretkey = self.secret_key.encode()
        if kind == zmq.SUB:
            socket.subscribe(b"")
        socket.connect(endpoint)
        return socket

    def send(self, service, command, payload):
        body = {"v": 1, "id": uuid.uuid4().hex, "command": command, "token": self.token, "payload": payload}
        self.requests.send_multipart([b"MDPC02", b"\1", service.encode(), json.dumps(body).encode()])

    def call(self, service, command, **payload):
        """The reply's payload, or the code of the error."""
        self.send(service, command, payload)
        reply = json.loads(self.requests.recv_multipart()[3])
        return reply["payload"] if reply["status"] == "ok" else reply["code"]

    def offer(self, service):
        """A worker that says it is ready, and what the broker says to that first."""
        worker = self.connect(zmq.DEALER, self.broker)
        worker.send_multipart([b"", b"MDPW02", b"\1", service.encode()])
        frames = worker.recv_multipart()
        return worker, {b"\5": "heartbeat", b"\6": "disconnect"}[frames[frames.index(b"MDPW02") + 1]]

    def listen(self):
        """Subscribe to all events, and wait until it is so."""
        self.heard = self.connect(zmq.SUB, self.events_out)
        self.heard.recv_multipart()
        self.monitor = self.heard.get_monitor_socket(zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH)

    def told(self):
        """The next thing that came of that connection."""
        names = {zmq.EVENT_DISCONNECTED: "cut off", zmq.EVENT_HANDSHAKE_SUCCEEDED: "let in", zmq.EVENT_HANDSHAKE_FAILED_AUTH: "refused"}
        return names[recv_monitor_message(self.monitor)["event"]] if self.monitor.poll(60000) else "nothing"

    def close(self):
        self.context.destroy(linger=0)


#  Reads events behind a cursor and writes the paths down; is killed in the middle if it is told so.
READER = """
import os, signal, sys
sys.path.insert(0, %r)
from test_rights import Actor
bundle, log, kill_at = sys.argv[1], sys.argv[2], int(sys.argv[3])
actor, handled = Actor(bundle), 0
while True:
    page = actor.call("metadata", "LIST_EVENTS", cursor="reader", types=["file"], path="/users/alice/thumbs", limit=4)
    for event in page["events"]:
        with open(log, "a") as file:
            file.write(event["path"] + "\\n")
        handled += 1
        if handled == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
    actor.call("metadata", "MOVE_CURSOR", cursor="reader", sequence=page["sequence"])
    if not page["more"]:
        break
actor.close()
"""


class Rights(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(processes=True, tcp=True, nodes=2)
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.start("broker", "auth", "metadata", "node-1", "node-2", "bridge")
        cls.alice = cls.cluster.client("alice")
        cls.cluster.wait_nodes(cls.alice, 2)
        cls.alice.ok("mkdir", "pictures", "thumbs", "secret")
        for name in ("pictures/a", "secret/s"):
            cls.alice.put(name, content(1000))
        cls.bob = cls.cluster.client("bob")

    def filestored(self, *arguments, code=0, input=None):
        result = subprocess.run([FILESTORED] + list(arguments), input=input, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                timeout=RUN_S)
        self.assertEqual(result.returncode == 0, code == 0, result.stderr)
        return result.stdout.decode()

    def enrol(self, name, *arguments):
        bundle = self.filestored("enrol", name, "--config", os.path.join(self.cluster.folder, "broker.zpl"), *arguments).strip()
        self.cluster.secrets.append(json.loads(base64.urlsafe_b64decode(bundle + "=="))["token"])
        return bundle

    def actor(self, name, *arguments):
        actor = Actor(self.enrol(name, *arguments))
        self.addCleanup(actor.close)
        return actor

    def test_an_actor_offers_and_publishes_what_is_its_own_only(self):
        actor = self.actor("maker", "--publish", "made", "--publish", "maker")
        for service in ("metadata", "auth", "storage.node-1", "bridge", "other", "makers", "mmi.service", "broker"):
            worker, said = actor.offer(service)
            self.assertEqual(said, "disconnect", service)
            worker.close()
        for service in ("maker", "maker.small"):
            worker, said = actor.offer(service)
            self.assertEqual(said, "heartbeat", service)
            worker.close()
        heard, publisher = actor.connect(zmq.SUB, actor.events_out), actor.connect(zmq.PUB, actor.events_in)
        topics = set()
        heard.rcvtimeo = 50

        def said_often():
            for topic in (b"revoked", b"file.committed", b"node.lost", b"metadata.sequence", b"heartbeat.node-1", b"madeup", b"metrics.auth",
                          b"made.now", b"maker"):
                publisher.send_multipart([topic, b'{"by":"maker"}'])
            publisher.send_multipart([b"made.alone"])           # Nor what is no topic and body
            publisher.send_multipart([b"made.more", b'{"by":"maker"}', b"more"])
            publisher.send_multipart([b"made.large", b'{"by":"maker"}' + bytes(256 << 10)])
            publisher.send_multipart([b"made.last", b'{"by":"maker"}'])
            try:
                while True:
                    topic, *frames = heard.recv_multipart()
                    if topic.startswith(b"made") or frames == [b'{"by":"maker"}']:
                        topics.add(topic)
            except zmq.Again:
                return topics >= {b"made.now", b"maker", b"made.last"}
        until(said_often, "the actor's own events come back")
        self.assertEqual(topics, {b"made.now", b"maker", b"made.last"})
        heard.close()
        publisher.close()

    def test_an_actor_without_read_rights_learns_no_name_from_the_bus(self):
        actor = self.actor("deaf")
        heard = actor.connect(zmq.SUB, actor.events_out)
        heard.rcvtimeo, messages, said = 50, [], []

        def said_and_heard():
            said.append("folder-%d" % len(said))
            self.alice.ok("mkdir", "secret/" + said[-1])
            try:
                while True:
                    messages.append(heard.recv_multipart())
            except zmq.Again:
                return any(topic == b"file.folder" for topic, body in messages)
        until(said_and_heard, "a live event of a file")
        for name in (b"alice", b"secret", b"folder-"):
            self.assertEqual([body for topic, body in messages if name in body], [])
        told = actor.call("metadata", "LIST_EVENTS", since=0, types=["file"])
        self.assertEqual([event for event in told["events"] if "alice" in event["path"]], [])
        heard.close()

    def test_an_actor_reads_and_writes_in_its_paths_only(self):
        actor = self.actor("thumbs", "--read", "/users/alice/pictures", "--write", "/users/alice/thumbs")
        metadata = lambda command, **payload: actor.call("metadata", command, **payload)
        self.assertEqual(metadata("STAT", path="/users/alice/pictures/a")["rights"], "read")
        self.assertEqual(metadata("GET_FILE_INFO", paths=["/users/alice/pictures/a"])["files"][0]["code"], "ok")
        self.assertEqual(metadata("GET_FILE_INFO", paths=["/users/alice/secret/s"])["files"][0]["code"], "not_found")
        self.assertEqual(sorted(metadata("LIST_FILES", path="/users/alice")["names"]), ["pictures", "thumbs"])
        self.assertEqual(metadata("LIST_FILES", path="/users")["names"], ["alice"])
        for path in ("/users/alice/secret", "/users/alice/secret/s", "/users/bob", "/nothing"):
            self.assertEqual(metadata("STAT", path=path), "not_found", path)
            self.assertEqual(metadata("MAKE_FOLDER", path=path + "/x"), "not_found", path)
        self.assertEqual(metadata("MAKE_FOLDER", path="/users/alice/pictures/x"), "denied")
        self.assertEqual(metadata("DELETE_FILE", path="/users/alice/pictures/a"), "denied")
        self.assertEqual(metadata("MOVE", **{"from": "/users/alice/pictures/a", "to": "/users/alice/thumbs/a"}), "denied")
        self.assertEqual(metadata("GET_WRITE_NODES", path="/users/alice/pictures/b", **{"from": 0, "count": 1}), "denied")
        self.assertEqual(metadata("SHARE", path="/users/alice/thumbs", user="bob", rights="read"), "denied")
        self.assertIn("id", metadata("MAKE_FOLDER", path="/users/alice/thumbs/small"))
        self.assertIn("entries", metadata("COPY", **{"from": "/users/alice/pictures/a", "to": "/users/alice/thumbs/small/a"}))
        self.assertEqual(metadata("STAT", path="/users/alice/thumbs/small/a")["owner"], "alice")
        self.assertEqual(sorted(metadata("FIND", path="/", text="a")["paths"]),
                         ["/users/alice", "/users/alice/pictures/a", "/users/alice/thumbs/small", "/users/alice/thumbs/small/a"])
        events = metadata("LIST_EVENTS", since=0, types=["file"])["events"]
        self.assertTrue(all(event["path"].startswith(("/users/alice/pictures", "/users/alice/thumbs")) for event in events))
        self.assertLessEqual({"alice", "actor:thumbs"}, {event["user"] for event in events})
        #  Nor what is an admin's, a person's or a node's to do
        for service, command in (("metadata", "DRAIN"), ("metadata", "EXPORT"), ("metadata", "READ_SNAPSHOT"), ("auth", "EXPORT"),
                                 ("auth", "CREATE_TOKEN"), ("auth", "RENEW"), ("storage.node-1", "INVENTORY")):
            self.assertIn(actor.call(service, command), ("denied", "malformed"), command)
        self.assertEqual(self.actor("nothing").call("metadata", "STAT", path="/users/alice"), "not_found")

    def test_who_is_unenrolled_is_refused_at_once_and_gets_in_no_more(self):
        first = self.actor("leaver", "--read", "/users/alice")
        self.assertIn("path", first.call("metadata", "STAT", path="/users/alice"))
        second = self.actor("leaver", "--read", "/users/alice/thumbs")      # Other rights: the old ones are over
        until(lambda: first.call("metadata", "STAT", path="/users/alice") == "expired", "the old token is refused")
        self.assertEqual(second.call("metadata", "STAT", path="/users/alice/secret"), "not_found")
        worker, said = second.offer("leaver")
        self.assertEqual(said, "heartbeat")
        stayer = self.actor("stayer")
        second.listen()
        stayer.listen()
        self.filestored("unenrol", "leaver", "--config", os.path.join(self.cluster.folder, "broker.zpl"))
        until(lambda: second.call("metadata", "STAT", path="/users/alice/thumbs") == "expired", "the token is refused")
        again = second.connect(zmq.REQ, second.broker)
        again.send(b"")
        until(lambda: "not_enrolled" in self.cluster.process("broker").log_text(), "the key is refused")
        again.close()

        def gone():
            worker.send_multipart([b"", b"MDPW02", b"\5"])
            return "service gone service=leaver" in self.cluster.process("broker").log_text()
        until(gone, "what it offered is gone, though it beats on")
        worker.close()
        self.assertEqual([second.told(), second.told()], ["cut off", "refused"])    # It hears no more events
        self.assertFalse(stayer.monitor.poll(0), "who is enrolled was cut off, too")
        self.cluster.restart("auth")                                        # Nor does anybody forget
        until(lambda: second.call("metadata", "STAT", path="/users/alice/thumbs") == "expired", "auth is there again")
        self.filestored("unenrol", "leaver", "--config", os.path.join(self.cluster.folder, "broker.zpl"), code=1)

    def test_who_has_the_keys_of_before_offers_nothing_any_more(self):
        thief = self.actor("replaced")
        worker, said = thief.offer("replaced")
        self.assertEqual(said, "heartbeat")
        owner = self.actor("replaced")                                      # The same rights, fresh keys

        def gone():
            worker.send_multipart([b"", b"MDPW02", b"\5"])
            return "service gone service=replaced" in self.cluster.process("broker").log_text()
        until(gone, "the old worker is gone, though it beats on")
        worker.close()
        worker, said = owner.offer("replaced")
        self.assertEqual(said, "heartbeat")
        worker.close()

    def test_a_reader_with_a_cursor_misses_nothing_when_it_is_killed(self):
        bundle = self.enrol("reader", "--write", "/users/alice/thumbs")
        actor = Actor(bundle)
        self.addCleanup(actor.close)
        wanted = ["/users/alice/thumbs/n%d" % at for at in range(10)]
        for path in wanted:
            actor.call("metadata", "MAKE_FOLDER", path=path)
        log, code = os.path.join(self.cluster.root, "handled"), READER % os.path.dirname(os.path.abspath(__file__))
        for kill_at, ends in ((4, -signal.SIGKILL), (6, -signal.SIGKILL), (0, 0)):  # After a page, in one, not at all
            result = subprocess.run([sys.executable, "-c", code, bundle, log, str(kill_at)], timeout=RUN_S)
            self.assertEqual(result.returncode, ends)
        with open(log) as file:
            handled = file.read().split()
        self.assertEqual(set(wanted) - set(handled), set())
        self.assertGreater(len(handled), len(set(handled)))     # At least once, and some twice
        after = actor.call("metadata", "LIST_EVENTS", cursor="reader", types=["file"], path="/users/alice/thumbs")
        self.assertEqual(after["events"], [])

    def test_a_storage_node_joins_with_a_bundle(self):
        folder = os.path.join(self.cluster.root, "joined")
        bundle = self.enrol("node-9", "--role", "storage")
        self.filestored("join", "-", folder, input=bundle.encode() + b"\n")
        node = Process(self.cluster.root, "node-9", ["storage", "--config", os.path.join(folder, "node-9.zpl"),
                                                     "--set", "data-endpoint=tcp://127.0.0.1:*", "--set", "data-advertise="])
        try:
            node.wait_ready()
            self.cluster.wait_nodes(self.alice, 3)
            self.alice.ok("admin", "drain", "node-1", "--no-wait")          # So that it is needed
            self.alice.put("on-three", content(100000))
            self.assertIn(b"node-9", self.alice.ok("stat", "on-three"))
            self.alice.ok("admin", "drain", "node-1", "--undo")
            self.assertEqual(self.alice.get("on-three"), self.alice.get("on-three"))
            self.alice.ok("rm", "--forever", "on-three")
        finally:
            node.stop()

    def test_a_bundle_that_is_cut_or_changed_is_refused(self):
        bundle = self.enrol("cut")
        for bad in (bundle[:-40], bundle[:100], "x" + bundle, "", "AAAA"):
            self.filestored("join", bad, os.path.join(self.cluster.root, "bad"), code=1)
        self.assertFalse(os.path.exists(os.path.join(self.cluster.root, "bad", "keys")))

    def test_a_bundle_writes_nothing_but_its_own_files(self):
        fields = json.loads(base64.urlsafe_b64decode(self.enrol("tame") + "=="))
        folder = os.path.join(self.cluster.root, "victim", "joined")
        os.makedirs(folder)
        pack = lambda **other: base64.urlsafe_b64encode(json.dumps({**fields, **other}).encode()).decode().rstrip("=")
        for role in ("actor:../evil", "actor:", "actor:.evil", "actor:a/b"):
            self.filestored("join", pack(role=role, token=forge_token(self.cluster, role, 0, 3)), folder, code=1)
        for name in ("broker", "events_in", "events_out"):
            self.filestored("join", pack(**{name: fields[name] + '"\nweb-certificate = "/etc/passwd'}), folder, code=1)
        self.assertEqual((os.listdir(folder), os.listdir(os.path.dirname(folder))), ([], ["joined"]))
        self.filestored("join", pack(), folder)

    def test_a_bundle_writes_over_no_keys_but_its_own(self):
        other, bundles = os.path.join(self.cluster.root, "other"), [self.enrol("metadata", "--role", "metadata"), self.enrol("node-1")]
        self.filestored("init", other, "--nodes", "1")
        names = ("metadata.key", "node-1.key")
        read = lambda: [open(os.path.join(other, "keys", name)).read() for name in names]
        before = read()
        for bundle in bundles:                                              # A namespace without its key is lost
            self.filestored("join", bundle, other, code=1)
        self.assertEqual(read(), before)
        folder = os.path.join(self.cluster.root, "again")
        for bundle in (bundles[1], self.enrol("node-1")):                   # The same, with fresh keys
            self.filestored("join", bundle, folder)

    def test_names_that_are_the_stores_own_are_refused(self):
        config = ("--config", os.path.join(self.cluster.folder, "broker.zpl"))
        for arguments in (("metadata",), ("auth.x",), ("Upper",), ("a b",), ("a", "--offer", "metadata"), ("a", "--publish", "file.x"),
                          ("a", "--read", "relative"), ("a", "--role", "broker"), ("a", "--role", "storage:b"), ("n", "--role", "storage", "--read", "/")):
            self.assertEqual(self.filestored("enrol", *arguments, *config, code=1), "", arguments)


class Applications(unittest.TestCase):
    """Tokens that a person makes."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(nodes=2, web=True)
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.start()
        cls.alice = cls.cluster.client("alice")
        cls.alice.ok("mkdir", "in", "out")
        cls.alice.put("in/a", content(1000))
        cls.alice.put("out/b", content(1000))

    def application(self, *arguments):
        """A terminal that has the token and nothing else."""
        token = self.alice.ok("token", "create", *arguments).decode().strip()
        self.cluster.secrets.append(token)
        client = self.cluster.client()
        client.environment["FILESTORE_TOKEN"] = token
        return client, token

    def ask(self, token, method, path, body=None, **headers):
        """The answer, or the error."""
        headers = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
        request = urllib.request.Request(self.cluster.url() + path, method=method, data=body,
                                         headers={"Authorization": "Bearer " + token, **headers})
        try:
            with urllib.request.urlopen(request, timeout=RUN_S) as answer:
                answer.text = answer.read()
                return answer
        except urllib.error.HTTPError as error:
            error.close()
            return error

    def http(self, token, method, path, body=None):
        """The status."""
        return self.ask(token, method, path, body if body is None else json.dumps(body).encode()).status

    def test_a_token_is_good_for_its_path_and_nothing_else(self):
        reader, token = self.application("reader", "in")
        self.assertEqual(len(reader.get("/users/alice/in/a")), 1000)
        self.assertEqual(reader.ok("ls", "/users/alice").split()[-1], b"in")
        reader.fails("not_found", "stat", "/users/alice/out/b")
        reader.fails("denied", "rm", "/users/alice/in/a")
        reader.fails("denied", "mkdir", "/users/alice/in/x")
        self.assertEqual(self.http(token, "GET", "/api/v1/files/users/alice/in/a"), 200)
        self.assertEqual(self.http(token, "GET", "/api/v1/files/users/alice/out/b"), 404)
        self.assertEqual(self.http(token, "DELETE", "/api/v1/entry?path=/users/alice/in/a"), 403)
        writer, _ = self.application("writer", "in", "--write")
        writer.put("/users/alice/in/new", content(70000))
        writer.fails("not_found", "mv", "/users/alice/in/new", "/users/alice/out/new")
        writer.fails("denied", "share", "/users/alice/in", "alice")
        writer.ok("rm", "--forever", "/users/alice/in/new")
        everything, _ = self.application("everything")
        self.assertEqual(len(everything.get("out/b")), 1000)

    def test_a_token_makes_no_more_of_itself(self):
        client, token = self.application("ambitious", "--write")            # alice is the admin
        for command in (["token", "create", "more"], ["token", "list"], ["token", "end", "ambitious"], ["sessions"],
                        ["admin", "backup"], ["admin", "scrub"], ["share", "in", "alice"]):
            client.fails("denied", *command)
        for path, body in (("/bus/auth/RENEW", {}), ("/bus/auth/CREATE_TOKEN", {"name": "more", "rights": "read"}), ("/bus/metadata/EXPORT", {}),
                           ("/bus/auth/CHANGE_PASSWORD", {"old": "x" * 9, "new": "y" * 9}), ("/bus/auth/END_SESSION", {"session": "0" * 32})):
            self.assertEqual(self.http(token, "POST", path, body), 403, path)

    def test_a_token_does_not_go_on_with_uploads_that_are_not_its_own(self):
        session, (_, token) = self.alice.token(), self.application("uploader", "in", "--write")
        tus = {"Tus_Resumable": "1.0.0"}
        place = lambda path: {"Upload_Length": "4", "Upload_Metadata": "path " + base64.b64encode(path.encode()).decode(), **tus}
        hers = self.ask(session, "POST", "/api/v1/uploads", **place("/users/alice/out/hers")).headers["Location"]
        its = self.ask(token, "POST", "/api/v1/uploads", **place("/users/alice/in/its")).headers["Location"]
        self.assertEqual([row["path"] for row in json.loads(self.ask(token, "GET", "/api/v1/uploads").text)["uploads"]], ["/users/alice/in/its"])
        self.assertEqual(len(json.loads(self.ask(session, "GET", "/api/v1/uploads").text)["uploads"]), 2)
        patch = {"Content_Type": "application/offset+octet-stream", "Upload_Offset": "0", **tus}
        self.assertEqual(self.ask(token, "PATCH", hers, b"evil", **patch).status, 404)
        self.assertEqual(self.ask(token, "DELETE", hers, **tus).status, 404)
        self.assertEqual(self.ask(token, "POST", "/api/v1/uploads", **place("/users/alice/out/its")).status, 404)
        self.assertEqual(self.ask(token, "PATCH", its, b"good", **patch).status, 204)
        self.assertEqual(self.alice.get("in/its"), b"good")
        self.assertEqual(self.ask(session, "DELETE", hers, **tus).status, 204)
        bus = lambda token, body: self.ask(token, "POST", "/bus/content/WRITE", json.dumps(body).encode(), Content_Type="application/json")
        hers = json.loads(bus(session, {"path": "/users/alice/out/hers"}).text)["upload"]
        self.assertEqual(bus(token, {"upload": hers, "offset": 0, "last": True}).status, 404)
        self.assertEqual(bus(session, {"upload": hers, "offset": 0, "last": True}).status, 200)

    def test_a_token_that_is_ended_is_refused_at_once(self):
        client, token = self.application("short", "in")
        client.ok("ls", "/users/alice/in")
        rows = {row["name"]: row for row in self.alice.json("token", "list")}
        self.assertEqual((rows["short"]["path"], rows["short"]["rights"]), ("/users/alice/in", "read"))
        self.assertNotIn(token, str(rows))
        self.alice.fails("exists", "token", "create", "short")
        self.alice.ok("token", "end", "short")
        client.fails("expired", "ls", "/users/alice/in")
        self.assertEqual(self.http(token, "GET", "/api/v1/files/users/alice/in/a"), 401)
        self.alice.fails("not_found", "token", "end", "short")
        other, _ = self.application("short", "in", "--expires", "1 h")
        other.ok("ls", "/users/alice/in")
        self.assertFalse(os.path.exists(other.session))

    def test_events_are_read_with_a_cursor(self):
        client, _ = self.application("follower", "in")
        first = client.ok("events", "--cursor", "mine", "--json").splitlines()
        self.assertTrue(first)
        self.assertFalse([line for line in first if b"/out" in line])
        self.assertEqual(client.ok("events", "--cursor", "mine", "--json"), b"")
        self.alice.ok("mkdir", "in/later")
        self.assertEqual([json.loads(line)["path"] for line in client.ok("events", "--cursor", "mine", "--json").splitlines()],
                         ["/users/alice/in/later"])


if __name__ == "__main__":
    main()
