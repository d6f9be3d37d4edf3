"""What the tests of actors/examples share: programs that are killed and started again, somebody who uploads meanwhile, and
a socket on the bus as scripts have it."""

import json
import os
import signal
import subprocess
import threading
import time
import uuid

import zmq

from harness import FILESTORED, RANDOM, RUN_S, SOURCE, ClusterTest, end_with_parent

EXAMPLES = os.path.join(SOURCE, "actors", "examples")
PYTHON = "/usr/bin/python3"
KILLS = 4
QUIET_S = 4             # Without any progress it has done all of its work


class Actor:
    """A program that is killed and started again, with a log of its own."""

    def __init__(self, test, cluster, name, command, environment=None):
        self.log = os.path.join(cluster.root, name + ".log")
        self.command = command
        self.environment = dict(os.environ, **(environment or {}))
        self.popen = None
        test.addCleanup(self.kill)

    def start(self):
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment,
                                          preexec_fn=end_with_parent)
        return self

    def kill(self):
        if self.popen and self.popen.poll() is None:
            self.popen.kill()
        if self.popen:
            self.popen.wait()

    def keep_alive(self):
        """As systemd does with Restart=always."""
        if self.popen.poll() is not None:
            self.start()

    def stop(self):
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(30)

    def text(self):
        with open(self.log, errors="replace") as file:
            return file.read()


class Bus:
    """One REQ socket, as a script has it."""

    def __init__(self, test, cluster, token):
        self.token = token
        self.socket = zmq.Context.instance().socket(zmq.REQ)
        self.socket.rcvtimeo, self.socket.linger = 60000, 0
        self.socket.connect("ipc://%s/run/clients" % cluster.folder)
        test.addCleanup(self.socket.close)

    def ask(self, service, command, *frames, **payload):
        """(payload, octets), or (code, b"")."""
        head = {"v": 1, "id": uuid.uuid4().hex, "command": command, "token": self.token, "payload": payload}
        self.socket.send_multipart([b"MDPC02", b"\1", service.encode(), json.dumps(head).encode(), *frames])
        reply = self.socket.recv_multipart()[3:]
        head = json.loads(reply[0])
        if any(len(frame) > 1 << 20 for frame in reply[1:]):
            raise AssertionError("a frame is too long")
        return head["payload"] if head["status"] == "ok" else head["code"], b"".join(reply[1:])


class Load(threading.Thread):
    """Somebody uploads a folder after the other; files tells what there must be."""

    def __init__(self, client, batches, files):
        super().__init__()
        self.client, self.batches, self.files, self.problem = client, batches, {}, None
        self.make = files

    def run(self):
        try:
            for batch in range(self.batches):
                local = os.path.join(self.client.home, "batch%d" % batch)
                os.mkdir(local)
                for name, octets in self.make(batch).items():
                    with open(os.path.join(local, name), "wb") as file:
                        file.write(octets)
                    self.files["batch%d/%s" % (batch, name)] = octets
                self.client.ok("put", "-r", local, "/users/alice")
        except Exception as error:          # The test tells it
            self.problem = error

    def disturb(self, actor, progress):
        """While the load runs, kill the actor again and again in the midst of its work: soon after progress, a number, grew.
        How often."""
        self.start()
        kills = 0
        while kills < KILLS and self.wait_progress(actor, progress):
            time.sleep(RANDOM.uniform(0, 0.03))
            actor.kill()
            actor.start()
            kills += 1
        self.join()
        if self.problem:
            raise self.problem
        if kills < 2:
            raise AssertionError("it was hardly ever at work")
        return kills

    def wait_progress(self, actor, progress):
        """False if there is none any more."""
        before, deadline = progress(), time.monotonic() + QUIET_S
        while progress() <= before:
            actor.keep_alive()
            if self.is_alive():
                deadline = time.monotonic() + QUIET_S
            if time.monotonic() > deadline:
                return False
        return True


class ExamplesTest(ClusterTest):
    def setUp(self):
        self.shared = self.cluster(web=True, nodes=2)
        self.admin = self.shared.client("admin")
        self.alice = self.shared.client("alice")
        self.bus = Bus(self, self.shared, self.alice.token())       # Quicker than the command line

    def enrol(self, name, *options):
        command = [FILESTORED, "enrol", name, "--role", "actor:" + name, "--data", self.shared.folder] + list(options)
        bundle = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=RUN_S).stdout.decode().strip()
        self.assertNotIn("\n", bundle)
        self.shared.secrets.append(bundle)
        return bundle

    def join(self, name, *options):
        """Enrol an actor in C; its settings file."""
        folder = os.path.join(self.shared.root, name)
        subprocess.run([FILESTORED, "join", self.enrol(name, *options), folder], check=True, stdout=subprocess.DEVNULL, timeout=RUN_S)
        return os.path.join(folder, name + ".zpl")

    def ask(self, service, command, **payload):
        """What alice is answered; {} if there is no such thing."""
        reply, octets = self.bus.ask(service, command, **payload)
        if isinstance(reply, str) and reply != "not_found":
            raise AssertionError("%s %s: %s" % (service, command, reply))
        return ({} if isinstance(reply, str) else reply), octets

    def names(self, folder):
        return set(self.ask("metadata", "LIST_FILES", path=folder)[0].get("names", ()))

    def stat(self, path):
        return self.ask("metadata", "STAT", path=path)[0]

    def read(self, path):
        """A small file."""
        return self.ask("content", "READ", path=path)[1]

    def call(self, client, service, command, **payload):
        return json.loads(client.ok("call", service, command, json.dumps(payload), "--json"))
