"""The webhook actor, killed and started again while files are uploaded: every event is told, in order, and to nobody but the address
that was set."""

import base64
import hashlib
import hmac
import http.server
import json
import os
import socket
import threading
import time

from examples import Actor, ExamplesTest, Load
from harness import BIN, main, until


class Receiver(http.server.ThreadingHTTPServer):
    """The other side: remembers what it took, in order, and refuses some."""

    daemon_threads = True

    def __init__(self, secret):
        super().__init__(("127.0.0.1", 0), Handler)
        self.secret = base64.b64decode(secret)
        self.taken, self.refused, self.asked, self.lock = [], 0, [], threading.Lock()
        self.answers = iter(())             # What to do with the next ones: a status, or None to say nothing
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return "http://127.0.0.1:%d/hook" % self.server_address[1]


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        text = b"%s.%s.%s" % (self.headers["webhook-id"].encode(), self.headers["webhook-timestamp"].encode(), body)
        expected = "v1," + base64.b64encode(hmac.digest(self.server.secret, text, "sha256")).decode()
        time.sleep(0.01)
        if not self.is_there():             # It was killed before it could have heard of an answer
            return
        good = hmac.compare_digest(expected, self.headers["webhook-signature"]) and abs(int(self.headers["webhook-timestamp"]) - time.time()) < 60
        with self.server.lock:
            status = next(self.server.answers, 200) if good else 400
            self.server.asked.append(self.path)
            if status == 200:
                self.server.taken.append((self.headers["webhook-id"], json.loads(body)))
            else:
                self.server.refused += 1
        if status is None:
            self.close_connection = True
            return
        self.send_response(status)
        if status in (302, 307):
            self.send_header("Location", self.server.elsewhere)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def is_there(self):
        try:
            return self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    do_GET = do_POST


class Webhook(ExamplesTest):
    SECRET = base64.b64encode(hashlib.sha256(b"a secret").digest()).decode()

    def setUp(self):
        super().setUp()
        self.receiver = self.receive()
        secret = os.path.join(self.shared.root, "secret")
        with open(secret, "w") as file:
            file.write("whsec_%s\n" % self.SECRET)
        self.shared.secrets.append(self.SECRET)
        settings = self.join("webhook", "--read", "/users")
        sets = ["--set", "webhook-url=" + self.receiver.url, "--set", "webhook-secret=" + secret]
        self.actor = Actor(self, self.shared, "webhook", [os.path.join(BIN, "filestore-webhook"), "--config", settings] + sets,
                           {"http_proxy": "http://127.0.0.1:1"}).start()

    def receive(self):
        receiver = Receiver(self.SECRET)
        self.addCleanup(receiver.server_close)
        self.addCleanup(receiver.shutdown)
        return receiver

    def committed(self):
        """Names in the order in which they were taken first, and how many came again."""
        seen, names = set(), []
        with self.receiver.lock:
            taken = list(self.receiver.taken)
        for number, body in taken:
            if number not in seen and body["type"] == "file.committed":
                self.assertEqual(str(body["data"]["sequence"]), number)
                names.append((body["data"]["sequence"], body["data"]["path"]))
            seen.add(number)
        return names, len(taken) - len(seen)

    def files(self, batch):
        return {"%d.txt" % at: b"x" for at in range(20)}

    def test_every_event_is_told_in_order_whatever_is_killed(self):
        self.receiver.answers = iter([200, 500, 200, None, 200, 429])
        load = Load(self.alice, 4, self.files)
        kills = load.disturb(self.actor, lambda: len(self.receiver.taken))
        self.alice.put("last.txt", b"last")

        def is_done():
            self.actor.keep_alive()
            return any(path == "/users/alice/last.txt" for _, path in self.committed()[0])
        until(is_done, "the last event", 120)
        names, again = self.committed()
        self.assertEqual(names, sorted(names), "in order")
        self.assertEqual(sorted(path for _, path in names), sorted(["/users/alice/" + name for name in load.files] + ["/users/alice/last.txt"]))
        self.assertLessEqual(again, kills, "only what a kill interrupted comes again")
        self.assertEqual(self.receiver.refused, 3)

    def test_nothing_but_the_address_is_ever_asked_and_a_stuck_event_is_skipped(self):
        elsewhere = self.receive()
        self.receiver.elsewhere = elsewhere.url
        self.receiver.answers = iter([302, 307] + [404] * 1000)
        self.alice.put("a.txt", b"a")

        def is_stuck():
            result = self.admin.run("call", "webhook", "STATUS", "--json")
            state = json.loads(result.stdout) if result.returncode == 0 else {}
            return state.get("failures", 0) >= 3 and state
        state = until(is_stuck, "three failures", 60)
        self.assertEqual(elsewhere.asked, [])
        self.assertIn("404", state["problem"])
        self.alice.fails("denied", "call", "webhook", "STATUS")
        self.admin.fails("not_found", "call", "webhook", "SKIP", json.dumps({"sequence": state["waiting"] + 1}))
        self.receiver.answers = iter(())
        self.call(self.admin, "webhook", "SKIP", sequence=state["waiting"])
        self.alice.put("b.txt", b"b")
        until(lambda: any(path.endswith("/b.txt") for _, path in self.committed()[0]), "the event behind")
        self.assertNotIn(str(state["waiting"]), [number for number, _ in self.receiver.taken])


if __name__ == "__main__":
    main()
