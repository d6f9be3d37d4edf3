#!/usr/bin/python3
"""Who is on the bus and what it can do: by the command line, over HTTP, and told by each actor itself."""

import json
import os
import pty
import signal
import subprocess
import threading
import urllib.error
import urllib.request

import zmq

import harness

OURS = ["auth", "bridge", "broker", "content", "metadata", "storage.node-1", "storage.node-2", "storage.node-3"]


class Services(harness.ClusterTest):
    @classmethod
    def setUpClass(cls):
        cls.one = harness.Cluster(web=True)
        cls.addClassCleanup(cls.one.destroy)
        cls.one.start()
        cls.admin = cls.one.client("anna")

    def get(self, address):
        request = urllib.request.Request(self.one.url() + address, headers={"Authorization": "Bearer " + self.admin.token()})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def test_the_broker_lists_every_service_with_its_workers(self):
        rows = self.admin.json("services")
        self.assertEqual([row["name"] for row in rows], OURS)
        status = self.admin.json("call", "broker", "STATUS")
        for row in rows:
            self.assertGreaterEqual(row["workers"], 1, row)
            self.assertLessEqual(row["idle"], row["workers"], row)
            self.assertGreaterEqual(row["since_ms"], status["started_ms"] - 1000, row)
        self.assertEqual(sum(row["workers"] for row in rows), status["workers"])
        self.assertEqual([row["name"] for row in self.get("/api/v1/services")["services"]], OURS)

    def test_every_actor_describes_what_it_answers(self):
        folder = os.path.join(harness.SOURCE, "schemas")
        for name in OURS:
            told = self.admin.json("services", name)
            over_http = self.get("/api/v1/services/" + name)
            self.assertLessEqual(told.pop("now_ms"), over_http.pop("now_ms"))
            self.assertEqual(told, over_http)
            known = os.listdir(os.path.join(folder, name.split(".")[0]))
            self.assertTrue(told["commands"], name)
            for row in told["commands"]:
                self.assertIn(row["command"] + ".json", known)
                with open(os.path.join(folder, name.split(".")[0], row["command"] + ".json")) as file:
                    schema = json.load(file)
                self.assertEqual(row["description"], schema["description"])
                self.assertEqual(row["needs"], schema["x-needs"], (name, row["command"]))
                self.assertEqual(sorted(row["request"]["properties"]), sorted(schema["request"]["properties"]))
                self.assertNotIn("$ref", json.dumps(row))
            self.assertIn(told["commands"][0]["command"], self.admin.ok("services", name).decode())

    def test_what_a_strange_actor_says_of_itself_does_nothing_to_a_terminal(self):
        evil = "\x1b]0;evil\x07\u009b"
        schema = {"required": [1, None, "ok"], "properties": {"ok": {"type": evil, "description": evil}, "odd": 7, evil: {"enum": [1, evil, None]},
                  "list": {"type": "array", "items": {"x-format": evil}}}}
        told = {"title": evil, "version": evil, "topics": [evil], "commands": [
            {"command": evil, "description": evil, "needs": evil, "request": schema, "reply": {"properties": [1], "required": evil}}]}
        worker = zmq.Context.instance().socket(zmq.DEALER)
        worker.linger = 0
        self.addCleanup(worker.close)
        worker.connect("ipc://%s/run/actors" % self.one.folder)
        worker.send_multipart([b"MDPW02", b"\1", b"strange"])

        def answer():
            left = 2
            while left and worker.poll(60000):
                frames = worker.recv_multipart()
                if frames[1] == b"\2":
                    reply = {"v": 1, "id": json.loads(frames[4])["id"], "status": "ok", "payload": told}
                    worker.send_multipart([b"MDPW02", b"\4", frames[2], b"", json.dumps(reply).encode()])
                    left -= 1
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        self.assertIn(b"takes", self.admin.ok("services", "strange"))
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        shown = subprocess.run([harness.FILESTORE, "services", "strange"], env=self.admin.environment, stdin=subprocess.DEVNULL, stdout=slave,
                               stderr=subprocess.PIPE, timeout=harness.RUN_S)
        os.close(slave)
        text = os.read(master, 65536)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn(b"\\x1b]0;evil", text)
        for control in (b"\x1b", b"\x07", b"\xc2\x9b"):
            self.assertNotIn(control, text)
        thread.join()

    def test_any_command_can_be_called_from_the_command_line(self):
        by_operand = self.admin.json("call", "metadata", "STAT", '{"path": "/"}')
        self.assertEqual(by_operand["kind"], "folder")
        by_input = json.loads(self.admin.ok("call", "metadata", "STAT", "-", input='{"path": "/"}'))
        self.assertEqual(by_input, by_operand)
        self.assertGreaterEqual(json.loads(self.admin.ok("call", "auth", "STATUS"))["users"], 1)
        line = self.admin.fails("malformed", "call", "metadata", "STAT", '{"path": 7}')
        self.assertIn("payload.path", line)
        self.admin.fails("malformed", "call", "metadata", "STAT", "[1]")
        self.admin.fails("malformed", "call", "metadata", "STAT", "{")
        self.admin.fails("unknown_command", "call", "metadata", "SING")

    def tapped(self, do, *options):
        """What `filestore tap` prints while do runs, up to a STAT of the name "the-end"."""
        tap = subprocess.Popen([harness.FILESTORE, "tap", *options], env=self.admin.environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=harness.end_with_parent)
        try:
            self.assertIn(b"showing", tap.stderr.readline())
            do()
            self.admin.fails("not_found", "stat", "the-end")
            lines = []
            while not lines or "the-end" not in lines[-1]:
                lines.append(tap.stdout.readline().decode())
        finally:
            tap.send_signal(signal.SIGINT)
            tap.communicate(timeout=60)
        self.assertEqual(tap.returncode, 0)
        return lines

    def test_tap_shows_requests_to_an_admin(self):
        guest = self.one.client("carl")
        guest.fails("denied", "call", "broker", "TAP")

        def do():
            guest.ok("login", "carl", "--password-stdin", input=harness.PASSWORD + "\n")
            guest.fails("not_found", "stat", "a-file-that-is-not-there")
        rows = [json.loads(line) for line in self.tapped(do, "--json")]
        login = [row for row in rows if row["command"] == "LOGIN"][-1]
        self.assertEqual((login["service"], login["code"]), ("auth", "ok"))
        self.assertEqual(json.loads(login["payload"]), {"name": "carl", "password": "***"})
        self.assertGreater(login["worked_us"], 0)
        stat = [row for row in rows if "a-file-that-is-not-there" in row["payload"]][-1]
        self.assertEqual((login["user"], stat["user"]), ("", "carl"))
        self.assertEqual((stat["command"], stat["code"]), ("STAT", "not_found"))

    def test_a_tap_for_people_is_in_columns_and_has_no_secret(self):
        self.admin.ok("ls")                 # She has a home now, and can be given something
        guest, application = self.one.client("dora"), self.one.client()
        secrets = [harness.PASSWORD, "another one, and long"]

        def do():
            guest.ok("login", "dora", "--password-stdin", input=secrets[0] + "\n")
            guest.ok("passwd", "--password-stdin", input="\n".join(secrets) + "\n")
            guest.ok("mkdir", "d")
            guest.ok("share", "d", "anna")
            secrets.append(guest.ok("token", "create", "app", "/users/dora/d").decode().strip())
            with open(application.session, "w") as file:
                file.write(secrets[-1] + "\n")
            application.ok("ls", "/users/dora/d")
            secrets.append(guest.token())
        head, *lines = self.tapped(do)
        text = "".join(lines)
        for secret in secrets:
            self.assertNotIn(secret, text)
        for command in ("LOGIN", "CHANGE_PASSWORD", "MAKE_FOLDER", "SHARE", "CREATE_TOKEN", "LIST_FILES"):
            self.assertRegex(text, r"(?m)^\S+ +(-|dora) +(auth|metadata) +%s +.* ms +.* ms +\d+ +\d+  ok +[0-9a-f]{32}  " % command)
        for name in ("WHO", "SERVICE", "COMMAND", "RESULT", "ID", "PAYLOAD"):
            column = head.index(" " + name)
            for line in lines:
                self.assertRegex(line[column:column + 2], r"^ \S" if name != "PAYLOAD" else r"^ ", (name, line))

    def test_strangers_learn_nothing_of_the_bus(self):
        stranger = self.one.client()
        stranger.fails("unauthenticated", "services")
        for service in ("broker", "auth"):
            stranger.fails("unauthenticated", "call", service, "DESCRIBE")
        self.assertEqual(json.loads(stranger.ok("call", "auth", "FIRST")), {"first": False})
        for address in ("/api/v1/services", "/api/v1/services/auth"):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(self.one.url() + address, timeout=60)
            self.assertEqual(refused.exception.code, 401)
            refused.exception.close()

    def test_a_session_that_ended_is_refused_by_the_broker_too(self):
        guest = self.one.client("bert")
        token = guest.token()
        guest.ok("services")
        guest.ok("logout")
        with open(guest.session, "w") as file:
            file.write(token + "\n")
        harness.until(lambda: guest.run("call", "broker", "STATUS").returncode == harness.EXIT["expired"],
                      "the broker knows that the session ended")


if __name__ == "__main__":
    harness.main()
