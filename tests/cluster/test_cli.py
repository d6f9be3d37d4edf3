"""Every command of the command line, done right and done wrong."""

import json
import os
import pty
import random
import re
import select
import signal
import stat
import subprocess
import threading
import time

import zmq

from harness import EXIT, FILESTORE, PASSWORD, Client, Cluster, ClusterTest, content, forge_token, main, until


class Shared(ClusterTest):
    """Tests that share one cluster; each has users of its own."""

    @classmethod
    def setUpClass(cls):
        cls.shared = Cluster().start()
        cls.shared.client("admin")

    @classmethod
    def tearDownClass(cls):
        cls.shared.destroy()

    def setUp(self):
        self.addCleanup(self.show_logs, self.shared)

    users = 0

    def client(self):
        Shared.users += 1
        self.name = "user%d" % Shared.users
        client = self.shared.client(self.name)
        return client


class Account(Shared):
    def test_register_logs_in(self):
        client = self.client()
        self.assertEqual(client.ok("whoami"), self.name.encode() + b"\n")
        self.assertEqual(client.json("whoami")["user"], self.name)
        self.assertEqual(stat.S_IMODE(os.stat(client.session).st_mode), 0o600)

    def test_first_account_is_the_admin_and_the_next_is_not(self):
        cluster = self.cluster()
        first, second = cluster.client("first"), cluster.client("second")
        self.assertEqual(first.json("whoami")["role"], "admin")
        self.assertEqual(second.json("whoami")["role"], "user")

    def test_names_and_passwords_are_checked(self):
        client = self.client()
        other = Client(self.shared)
        for name in ("Alice", "a b", "", "x" * 65, "../x", "-x", "\u00fc"):
            other.fails("bad_name", "register", "--password-stdin", "--", name, input="good password\n")
        for password in ("\n", "", "abc\n", "a\0bcdef\n", b"\xff\xfe\xfd\xfc\xfb\n", "x" * 5000 + "\n"):
            other.fails("malformed", "register", "someone", "--password-stdin", input=password)
        other.fails("exists", "register", self.name, "--password-stdin", input="another one\n")
        self.assertFalse(os.path.exists(other.session))
        self.assertEqual(client.run("register").returncode, EXIT["malformed"])

    def test_login_and_logout(self):
        client = self.client()
        old = client.token()
        client.ok("logout")
        self.assertFalse(os.path.exists(client.session))
        for command in (["ls"], ["whoami"], ["logout"], ["nodes"], ["status"], ["put", client.home, "x"]):
            client.fails("unauthenticated", *command)
        with open(client.session, "w") as file:     #  Logged out for everyone who has the token
            file.write(old + "\n")
        client.fails("expired", "ls")
        client.login(self.name)
        client.ok("ls")

    def test_wrong_password_and_unknown_user_look_the_same(self):
        client = self.client()
        wrong = client.fails("wrong_password", "login", self.name, "--password-stdin", input="not that one\n")
        unknown = client.fails("wrong_password", "login", "nobody-of-that-name", "--password-stdin", input="not that\n")
        self.assertEqual(wrong, unknown)
        client.ok("whoami")                         #  The session is still there

    def test_no_terminal_to_ask(self):
        client = self.client()
        client.fails("malformed", "login", self.name, start_new_session=True)

    def test_password_is_asked_on_a_terminal_without_echo(self):
        name, password = "terminal-user", "typed by hand"
        client = Client(self.shared)
        master, slave = pty.openpty()
        process = subprocess.Popen([FILESTORE, "register", name], stdin=slave, stdout=slave, stderr=slave, cwd=client.home,
                                   env=client.environment, start_new_session=True,
                                   preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)))
        os.close(slave)
        seen = b""
        answers = [password, password]
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    octets = os.read(master, 1000)
                except OSError:
                    break
                if not octets:
                    break
                seen += octets
                if octets.rstrip().endswith(b":") and answers:
                    os.write(master, answers.pop(0).encode() + b"\n")
        os.close(master)
        self.assertEqual(process.wait(60), 0, seen)
        self.assertEqual(answers, [])
        self.assertNotIn(password.encode(), seen)
        client.keep_secret()
        self.assertEqual(client.ok("whoami"), name.encode() + b"\n")

    def test_change_of_password_ends_other_sessions(self):
        client = self.client()
        other = Client(self.shared)
        other.login(self.name)
        client.fails("wrong_password", "passwd", "--password-stdin", input="not the old one\nnew password\n")
        client.fails("malformed", "passwd", "--password-stdin", input=PASSWORD + "\n")
        self.shared.secrets.append("new password 1")
        client.ok("passwd", "--password-stdin", input=PASSWORD + "\nnew password 1\n")
        client.ok("ls")
        other.fails("expired", "ls")
        client.fails("wrong_password", "login", self.name, "--password-stdin", input=PASSWORD + "\n")
        other.login(self.name, "new password 1")

    def test_expired_and_forged_tokens(self):
        client = self.client()
        good = client.token()
        now_ms = int(time.time() * 1000)
        other = "A" if good[40] != "A" else "B"
        for code, token in (("unauthenticated", "rubbish"), ("unauthenticated", ""), ("unauthenticated", "A" * 2000),
                            ("unauthenticated", good[:40] + other + good[41:]), ("unauthenticated", good[:-3]),
                            ("expired", forge_token(self.shared, self.name, now_ms - 1000))):
            with open(client.session, "w") as file:
                file.write(token + "\n")
            for command in (["ls"], ["stat", "/users/" + self.name], ["mkdir", "x"], ["rm", "x"]):
                client.fails(code, *command)
        with open(client.session, "w") as file:     #  And the forger knows his trade
            file.write(forge_token(self.shared, self.name, now_ms + 3600000) + "\n")
        client.ok("ls")

    def test_too_many_attempts_for_one_account(self):
        client = self.client()
        for _ in range(40):
            result = client.run("login", self.name, "--password-stdin", input="wrong again\n")
            if result.returncode != EXIT["wrong_password"]:
                break
        self.assertEqual(result.returncode, EXIT["too_many"], result.stderr)
        client.ok("ls")                             #  Who is in stays in


class Files(Shared):
    def test_put_and_get_of_many_sizes(self):
        client = self.client()
        for size in (0, 1, 65535, 65536, 65537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (5 << 20) + 7):
            octets = content(size)
            client.put("f%d" % size, octets)
            self.assertEqual(client.get("f%d" % size), octets, size)
            self.assertEqual(client.json("stat", "f%d" % size)["size"], size)

    def test_where_put_puts(self):
        client = self.client()
        for name in ("one", "two"):
            with open(os.path.join(client.home, name), "w") as file:
                file.write(name)
        client.ok("put", "one", "name")
        client.ok("mkdir", "folder")
        client.ok("put", "one", "folder")
        client.ok("put", "one", "two", "several")
        client.ok("put", "one", "slash/")
        client.ok("put", "one", "/users/%s/absolute" % self.name)
        for path in ("name", "folder/one", "several/one", "several/two", "slash/one", "absolute"):
            self.assertEqual(client.ok("cat", path), path[-3:].encode() if path.endswith("two") else b"one")
        client.fails("not_a_folder", "put", "one", "name/")
        client.fails("not_a_folder", "put", "one", "two", "name")
        client.fails("not_found", "put", "one", "no/such/folder/one")
        client.ok("mkdir", "folder/two")
        client.fails("is_a_folder", "put", "two", "folder")
        client.fails("not_found", "put", "missing", "x")
        client.fails("exists", "put", "-n", "two", "name")
        self.assertEqual(client.ok("cat", "name"), b"one")
        client.ok("put", "two", "name")
        self.assertEqual(client.ok("cat", "name"), b"two")

    def test_where_get_gets(self):
        client = self.client()
        client.put("one", b"1")
        client.put("two", b"2")
        os.mkdir(os.path.join(client.home, "folder"))
        client.ok("get", "one", "name")
        client.ok("get", "one", "folder")
        client.ok("get", "one", "two", "several")
        client.ok("get", "one", "slash/")
        for name, octets in (("name", b"1"), ("folder/one", b"1"), ("several/two", b"2"), ("slash/one", b"1")):
            with open(os.path.join(client.home, name), "rb") as file:
                self.assertEqual(file.read(), octets)
        client.fails("not_a_folder", "get", "one", "two", "name")
        client.fails("not_found", "get", "three", "x")
        client.fails("is_a_folder", "get", "/users/" + self.name, "x")
        os.mkdir(os.path.join(client.home, "folder", "two"))
        client.run("get", "two", "folder")          #  Refused: see below
        self.assertTrue(os.path.isdir(os.path.join(client.home, "folder", "two")))
        self.assertNotEqual(client.run("get", "two", "folder").returncode, 0)
        self.assertNotEqual(client.run("get", "one", "no/such/folder/x").returncode, 0)
        self.assertEqual([name for name in os.listdir(client.home) if name not in
                          ("name", "folder", "several", "slash", "put.bin", "session")], [])

    def test_streams(self):
        client = self.client()
        octets = content(3 << 20)
        client.ok("put", "-", "stream", input=octets)
        self.assertEqual(client.ok("cat", "stream"), octets)
        self.assertEqual(client.ok("get", "stream", "-"), octets)
        client.ok("put", "-", "nothing", input=b"")
        self.assertEqual(client.ok("cat", "nothing", "stream"), octets)
        client.ok("mkdir", "folder")
        client.fails("is_a_folder", "put", "-", "folder", input=b"x")
        client.fails("malformed", "put", "-", client.session, "both")
        pipe = os.path.join(client.home, "pipe")
        os.mkfifo(pipe)

        def write():
            with open(pipe, "wb") as file:
                file.write(octets)

        writer = threading.Thread(target=write)
        writer.start()
        client.ok("put", pipe, "from-pipe")
        writer.join()
        self.assertEqual(client.ok("cat", "from-pipe"), octets)
        with open("/dev/full", "wb") as full:
            result = subprocess.run([FILESTORE, "cat", "stream"], stdout=full, stderr=subprocess.PIPE,
                                    env=client.environment, timeout=120)
        self.assertNotEqual(result.returncode, 0)

    def test_time_of_a_file_goes_along(self):
        client = self.client()
        local = os.path.join(client.home, "old")
        with open(local, "w") as file:
            file.write("old")
        os.utime(local, (1e9, 1e9))
        client.ok("put", local, "old")
        self.assertEqual(client.json("stat", "old")["modified_ms"], 10 ** 12)
        client.ok("get", "old", "again")
        self.assertEqual(os.stat(os.path.join(client.home, "again")).st_mtime, 1e9)

    def test_bad_paths(self):
        client = self.client()
        bad = ["..", "a/../b", "/users/../x", ".", "a/./b", "x" * 256, "/".join(["x"] * 70), "y/" * 2100 + "z", "", b"\xff\xfe"]
        for path in bad:
            for command in (["stat"], ["ls"], ["cat"], ["rm"], ["mkdir"]):
                client.fails("bad_name", *command, path)
            client.fails("bad_name", "put", client.session, path)
            client.fails("bad_name", "get", path, "x")
            client.fails("bad_name", "mv", "a", path)

    def test_stat_tells_where_the_extents_are(self):
        client = self.client()
        client.put("a", content(70 << 20), "--replicas", "3")
        entry = client.json("stat", "a")
        for key in ("path", "name", "kind", "owner", "size", "version", "blob", "extents"):
            self.assertIn(key, entry)
        self.assertEqual((entry["path"], entry["name"], entry["kind"], entry["owner"]),
                         ("/users/%s/a" % self.name, "a", "file", self.name))
        self.assertEqual([extent["extent"] for extent in entry["extents"]], [0, 1])
        self.assertEqual(sum(extent["bytes"] for extent in entry["extents"]), 70 << 20)
        self.assertEqual(sum(extent["chunks"] for extent in entry["extents"]), 70)
        for extent in entry["extents"]:
            self.assertEqual(sorted(extent["nodes"]), ["node-1", "node-2", "node-3"])
        text = client.ok("stat", "a").decode()
        self.assertIn("node-1", text)
        client.put("empty", b"")
        self.assertEqual(client.json("stat", "empty").get("extents", []), [])
        self.assertEqual(client.json("stat", "/users/" + self.name)["kind"], "folder")
        client.ok("stat", "/users/" + self.name)
        client.fails("not_found", "stat", "nothing")

    def test_copies(self):
        client = self.client()
        for copies in (1, 2, 3):
            client.put("a", content(1000), "--replicas", str(copies))
            self.assertEqual(len(client.json("stat", "a")["extents"][0]["nodes"]), copies)
        client.fails("too_few_nodes", "put", "--replicas", "5", client.session, "b")
        client.fails("not_found", "stat", "b")
        for number in ("0", "8", "x", "-1"):
            client.fails("malformed", "put", "--replicas", number, client.session, "b")

    def test_ls(self):
        client = self.client()
        self.assertEqual(client.ok("ls"), b"")
        self.assertEqual(client.json("ls"), [])
        client.put("b", b"12345")
        client.ok("mkdir", "a")
        client.put("a/\u00fcml\u00e4ut", b"")
        self.assertEqual(client.ok("ls"), b"a\nb\n")
        self.assertEqual(client.ok("ls", "a").decode(), "\u00fcml\u00e4ut\n")
        self.assertEqual(client.ok("ls", "b"), b"b\n")
        rows = client.json("ls")
        self.assertEqual([(row["name"], row["kind"], row["size"]) for row in rows], [("a", "folder", 0), ("b", "file", 5)])
        self.assertRegex(client.ok("ls", "-l").decode(), r"d %s .*a\n- %s +5 .*b\n" % (self.name, self.name))
        client.fails("not_found", "ls", "c")

    def test_mkdir_mv_rm(self):
        client = self.client()
        client.ok("mkdir", "a")
        client.fails("exists", "mkdir", "a")
        client.fails("not_found", "mkdir", "x/y/z")
        client.ok("mkdir", "-p", "x/y/z", "a")
        client.put("f", b"f")
        client.put("g", b"g")
        client.ok("mv", "f", "renamed")
        client.ok("mv", "renamed", "g", "a")
        self.assertEqual(client.ok("ls", "a"), b"g\nrenamed\n")
        client.fails("not_found", "mv", "f", "x")
        client.fails("exists", "mv", "-n", "a/g", "a/renamed")
        client.ok("mv", "a/g", "a/renamed")
        self.assertEqual(client.ok("cat", "a/renamed"), b"g")
        client.ok("mv", "a", "x")
        self.assertEqual(client.ok("cat", "x/a/renamed"), b"g")
        self.assertNotEqual(client.run("mv", "x", "x/y/inside").returncode, 0)
        client.fails("not_empty", "rm", "x")
        client.fails("not_found", "rm", "nothing")
        client.ok("rm", "x/a/renamed")
        client.fails("not_found", "cat", "x/a/renamed")
        client.ok("rm", "-r", "x")
        self.assertEqual(client.ok("ls"), b"")
        client.put("h", b"h")
        client.ok("rm", "--forever", "h")
        client.fails("not_found", "stat", "h")

    def test_others_see_nothing(self):
        client = self.client()
        client.put("secret", b"mine")
        path = "/users/%s/secret" % self.name
        other = self.client()
        for command in (["stat", path], ["cat", path], ["rm", path], ["mv", path, "x"], ["put", other.session, path],
                        ["mkdir", path + "2"], ["get", path, "x"]):
            self.assertIn(other.run(*command).returncode, (EXIT["not_found"], EXIT["denied"]), command)
        self.assertEqual(client.ok("cat", "secret"), b"mine")

    def test_several_failures_are_told_one_by_one(self):
        client = self.client()
        client.put("good", b"good")
        result = client.run("get", "missing1", "good", "missing2", "into")
        self.assertEqual(result.returncode, EXIT["not_found"])
        self.assertEqual(len(result.stderr.splitlines()), 2)
        with open(os.path.join(client.home, "into", "good"), "rb") as file:
            self.assertEqual(file.read(), b"good")

    def test_names_are_escaped_on_a_terminal_only(self):
        client = self.client()
        client.put("line\nbreak\x1b[31m", b"x")
        self.assertEqual(client.ok("ls"), b"line\nbreak\x1b[31m\n")
        self.assertEqual(client.json("ls")[0]["name"], "line\nbreak\x1b[31m")
        master, slave = pty.openpty()
        process = subprocess.Popen([FILESTORE, "ls"], stdout=slave, env=client.environment)
        os.close(slave)
        self.assertEqual(process.wait(60), 0)
        seen = os.read(master, 1000)
        os.close(master)
        self.assertEqual(seen, b"line\\nbreak\\x1b[31m\r\n")
        self.assertIn("\\n", client.fails("not_found", "stat", "no\nsuch\nfile"))

    def test_progress_is_drawn_on_a_terminal_only(self):
        client = self.client()
        master, slave = pty.openpty()
        feeder, sink = os.pipe()
        process = subprocess.Popen([FILESTORE, "put", "-", "slow"], stdin=feeder, stderr=slave, env=client.environment)
        os.close(slave)
        os.close(feeder)
        for _ in range(16):
            os.write(sink, content(1 << 16) * 16)
            time.sleep(0.1)
        os.close(sink)
        self.assertEqual(process.wait(60), 0)
        seen = b""
        while select.select([master], [], [], 0.2)[0]:
            try:
                seen += os.read(master, 10000)
            except OSError:
                break
        os.close(master)
        self.assertRegex(seen.decode(), r"MiB.*/s")
        self.assertEqual(client.run("cat", "slow").stderr, b"")


class Interrupted(Shared):
    def test_interrupted_put_and_get_leave_nothing(self):
        client = self.client()
        process = subprocess.Popen([FILESTORE, "put", "-", "half"], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=client.environment)
        process.stdin.write(content(4 << 20))
        process.stdin.flush()
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=120)[1]
        self.assertEqual(process.returncode, EXIT["interrupted"], error)
        client.fails("not_found", "stat", "half")
        client.put("big", content(150 << 20))
        os.unlink(os.path.join(client.home, "put.bin"))
        process = subprocess.Popen([FILESTORE, "get", "big", "copy"], stderr=subprocess.PIPE, env=client.environment,
                                   cwd=client.home)
        until(lambda: len(os.listdir(client.home)) > 1 or process.poll() is not None, "it begins to write")
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=120)[1]
        if process.returncode != 0:                 #  A fast machine may have been done
            self.assertEqual(process.returncode, EXIT["interrupted"], error)
            self.assertEqual(sorted(os.listdir(client.home)), ["session"])

    def test_a_file_that_changes_while_it_is_read(self):
        client = self.client()
        local = os.path.join(client.home, "changing")
        old = b"a" * (40 << 20)
        with open(local, "wb") as file:
            file.write(old)
        stop = threading.Event()

        def change():
            number = 0
            while not stop.is_set():
                number += 1
                with open(local, "r+b") as changing:
                    changing.seek(random.randrange(len(old)))
                    changing.write(b"b")
                time.sleep(0.005)

        thread = threading.Thread(target=change)
        thread.start()
        try:
            client.fails("changed", "put", local, "changing")
        finally:
            stop.set()
            thread.join()
        client.fails("not_found", "stat", "changing")
        client.ok("put", local, "changing")
        with open(local, "rb") as file:
            self.assertEqual(client.get("changing"), file.read())


class Settings(Shared):
    def test_settings_are_looked_for_in_order(self):
        client = self.client()
        config = client.environment.pop("FILESTORE_CONFIG")
        client.fails("not_found", "ls")
        folder = os.path.join(client.home, ".config", "filestore")
        os.makedirs(folder)
        with open(config) as file:
            text = file.read().replace('"keys/', '"%s/keys/' % self.shared.folder)
        with open(os.path.join(folder, "client.zpl"), "w") as file:
            file.write(text)
        client.ok("ls")
        os.mkdir(os.path.join(client.home, "data"))
        with open(os.path.join(client.home, "data", "client.zpl"), "w") as file:
            file.write("no-such-option = 1\n")
        client.fails("malformed", "ls")
        client.ok("ls", "--config", config)
        client.environment["FILESTORE_CONFIG"] = config
        client.ok("ls")
        client.fails("malformed", "ls", "--set", "no-such-option=1")
        client.fails("not_found", "ls", "--config", "/nowhere")
        client.ok("ls", "--set", "reply-timeout=5 s")

    def test_settings_that_change_nothing_are_refused(self):
        client = self.client()
        client.fails("malformed", "--set", "replicas=3", "put", client.session, "a")
        client.fails("not_found", "stat", "a")
        client.ok("--set", "reply-timeout=120 s", "ls")

    def test_a_broken_settings_file_is_one_line(self):
        client = self.client()
        broken = os.path.join(client.home, "broken.zpl")
        for text in ("{{{ = \n", "broker = \"ipc\n", "    indented = 1\n"):
            with open(broken, "w") as file:
                file.write(text)
            client.fails("malformed", "--config", broken, "ls")

    def test_help_is_there_for_every_command(self):
        client = Client(self.shared)
        text = client.ok("help").decode()
        commands = re.findall(r"^  (\w+) ", text, re.M)
        self.assertEqual(set(commands), set("register login logout whoami passwd sessions put get cat ls tree find du stat mkdir "
                                            "mv cp rm trash restore versions share unshare events nodes status services call tap rescue doctor admin "
                                            "help version completion man token".split()))
        group = re.findall(r"^  (admin \w+) ", client.ok("help", "admin").decode(), re.M)
        for command in [name.split() for name in group]:
            self.assertEqual(client.ok(*command, "-h"), client.ok("help", *command))
            self.assertEqual(client.run(*command, "--bogus").returncode, EXIT["malformed"])
        client.fails("malformed", "admin", "no-such-command")
        client.fails("malformed", "help", "admin", "no-such-command")
        for command in commands:
            self.assertEqual(client.ok(command, "-h"), client.ok("help", command))
            self.assertIn(command.encode(), client.ok(command, "--help"))
            self.assertEqual(client.run(command, "--bogus").returncode, EXIT["malformed"])
            self.assertEqual(client.run(command, "-Z").returncode, EXIT["malformed"])
        client.fails("malformed", "no-such-command")
        client.fails("malformed", "help", "no-such-command")
        self.assertEqual(client.run().returncode, EXIT["malformed"])
        self.assertRegex(client.ok("version"), rb"^filestore \d+\.\d+\.\d+\n$")
        self.assertEqual(client.ok("version"), client.ok("--version"))

    def test_completion_is_a_script_that_works(self):
        client = Client(self.shared)
        script = client.ok("completion", "bash").decode()
        ask = "COMP_WORDS=(filestore %s); COMP_CWORD=%d; _filestore; echo ${COMPREPLY[@]}"
        for words, number, answer in (("wh", 1, "whoami"), ("put --rep", 2, "--replicas"), ("ls --js", 2, "--json")):
            result = subprocess.run(["bash", "-c", script + ask % (words, number)], capture_output=True, text=True)
            self.assertEqual((result.stdout.strip(), result.stderr), (answer, ""))
        client.fails("malformed", "completion", "tcsh")

    def test_errors_as_json(self):
        client = self.client()
        result = client.run("stat", "nothing", "--json")
        self.assertEqual(result.returncode, EXIT["not_found"])
        self.assertEqual(result.stderr.count(b"\n"), 1)
        error = json.loads(result.stderr)["error"]
        self.assertEqual(error["code"], "not_found")
        self.assertTrue(error["message"])

    def test_nodes_and_status(self):
        client = self.client()
        nodes = client.json("nodes")
        self.assertEqual([node["id"] for node in nodes], ["node-1", "node-2", "node-3"])
        for node in nodes:
            self.assertEqual(node["state"], "alive")
            self.assertGreater(node["free"], 0)
            self.assertGreaterEqual(node["extents"], 0)
        before = client.json("status")
        client.put("a", content(100000))
        after = client.json("status")
        self.assertEqual(after["files"], before["files"] + 1)
        self.assertEqual(after["nodes"]["alive"], 3)
        self.assertEqual(after["bytes_at_one_copy"], 0)
        self.assertGreaterEqual(after["users"], 2)
        copies = before["extents"]["by_live_copies"][2]
        until(lambda: client.json("status")["extents"]["by_live_copies"][2] == copies + 1, "the new extent counts")
        self.assertIn(b"node-1", client.ok("nodes"))
        self.assertIn(b"3 alive", client.ok("status"))


class Unreachable(ClusterTest):
    def test_no_broker_is_told_sooner_by_who_is_less_patient(self):
        cluster = self.cluster()
        client = cluster.client("alice")
        cluster.stop()
        for command in (["ls"], ["put", client.session, "x"], ["put", "-r", client.home, "x"], ["get", "x", "y"], ["nodes"],
                        ["login", "alice", "--password-stdin"]):
            began = time.monotonic()
            client.fails("unreachable", *command, input=PASSWORD + "\n")
            patient_s = time.monotonic() - began
        began = time.monotonic()
        client.fails("unreachable", "ls", "--set", "connect-timeout=300 ms")
        self.assertLess(time.monotonic() - began, patient_s)

    def test_no_service_is_told(self):
        cluster = self.cluster(processes=True, start=False)
        cluster.start("broker", "auth")
        client = cluster.client("alice")
        client.fails("unavailable", "ls")


class FullDisk(ClusterTest):
    def small_disk(self, cluster, size):
        """Mount a disk of this size where the nodes keep their data; its folder. The test unmounts it."""
        if os.geteuid() != 0:
            self.skipTest("only root may mount a small disk")
        storage = os.path.join(cluster.folder, "storage")
        os.makedirs(storage, mode=0o700)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", storage],
                                 capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("no small disk can be mounted here: " + mounted.stderr.decode().strip())
        return storage

    def test_full_disks_are_told_and_leave_nothing(self):
        cluster = self.cluster(start=False, sets=("reserve=0",))
        storage = self.small_disk(cluster, "48m")
        try:
            cluster.start()
            client = cluster.client("alice")
            client.put("small", b"small")
            local = os.path.join(client.home, "large")
            with open(local, "wb") as file:
                file.write(content(60 << 20))
            client.fails("no_space", "put", local, "large")
            client.fails("not_found", "stat", "large")
            self.assertEqual(client.get("small"), b"small")
            until(lambda: client.run("put", client.session, "again").returncode == 0, "there is space again")
            self.assertTrue(cluster.process().alive())
        finally:
            cluster.stop()
            subprocess.run(["umount", storage], check=True)

    def test_the_reserve_stays_free_while_data_is_written(self):
        cluster = self.cluster(start=False, sets=("reserve=20",))
        storage = self.small_disk(cluster, "200m")
        try:
            cluster.start()
            client = cluster.client("alice")
            local = os.path.join(client.home, "large")
            with open(local, "wb") as file:
                file.write(content(200 << 20))
            least = os.statvfs(storage).f_bavail
            upload = subprocess.Popen([FILESTORE, "put", local, "large"], stderr=subprocess.PIPE, env=client.environment)
            while upload.poll() is None:
                least = min(least, os.statvfs(storage).f_bavail)
            self.assertIn(b"(no_space)", upload.stderr.read())
            upload.stderr.close()
            #  What is on its way to three nodes when the reserve is reached may still come
            self.assertGreater(least * os.statvfs(storage).f_frsize, 10 << 20)
        finally:
            cluster.stop()
            subprocess.run(["umount", storage], check=True)


class Strangers(ClusterTest):
    """Whatever comes in on the sockets, everybody else is served."""

    def frames(self):
        pick = random.Random(7)
        request = {"v": 1, "id": "x", "command": "LOGIN", "payload": {}}
        bodies = [b"", b"{", b"null", b"[]", b'{"v":1}', b'{"v":1,"v":1}', b"\xff" * 100, b"{" * 100000, b"[" * 100000,
                  json.dumps(dict(request, v=2)).encode(), json.dumps(dict(request, extra=1)).encode(),
                  json.dumps(dict(request, id="x" * 100)).encode(), json.dumps(dict(request, command="")).encode(),
                  json.dumps(dict(request, command="NO_SUCH")).encode(), json.dumps(dict(request, token="\u00fc")).encode(),
                  json.dumps(dict(request, payload=[])).encode(), b" " * 900000, b'"' + b"x" * 900000 + b'"',
                  json.dumps(dict(request, payload={"name": "x", "password": "y" * 2000})).encode()]
        for service in (b"auth", b"metadata", b"storage.node-1", b"mmi.service", b"nobody", b"", b"x" * 300, b"\0"):
            for body in bodies:
                yield [b"", b"MDPC02", b"\x01", service, body]
        for head in (b"MDPC01", b"MDPC02", b"MDPW01", b"MDPW02", b"MDPX99", b""):
            for command in (b"\x00", b"\x01", b"\x02", b"\x03", b"\x04", b"\x05", b"\x06", b"\x07", b"", b"\x01\x01"):
                for tail in ([], [b"auth"], [b"auth", b""], [b"metadata", b"", b"{}"], [b"x"] * 50):
                    yield [b"", head, command] + tail
                    yield [head, command] + tail
        for _ in range(300):
            yield [pick.randbytes(pick.choice((0, 1, 6, 40, 1000))) for _ in range(pick.randrange(1, 9))]

    def test_rubbish_on_the_broker(self):
        cluster = self.cluster()
        client = cluster.client("alice")
        client.put("a", b"before")
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        for name in ("clients", "actors"):
            endpoint = "ipc://%s/run/%s" % (cluster.folder, name)
            socket = context.socket(zmq.DEALER)
            socket.linger = 0
            socket.sndtimeo = 1000
            socket.connect(endpoint)
            for number, frames in enumerate(self.frames()):
                if name == "actors" and len(frames) > 2 and frames[2:3] == [b"\x01"] and frames[1][:4] == b"MDPW":
                    continue                        #  On ipc the folder's mode decides who may offer a service
                try:
                    socket.send_multipart(frames)
                except zmq.Again:                   #  We were cut off, which is fine
                    socket.close()
                    socket = context.socket(zmq.DEALER)
                    socket.linger = 0
                    socket.sndtimeo = 1000
                    socket.connect(endpoint)
                if number % 100 == 0:
                    while socket.poll(0):
                        socket.recv_multipart()
            socket.close()
        self.assertEqual(client.get("a"), b"before")
        self.assertTrue(cluster.process().alive())

    def test_worker_on_the_clients_side_is_refused(self):
        cluster = self.cluster()
        client = cluster.client("alice")
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        thief = context.socket(zmq.DEALER)
        thief.linger = 0
        thief.connect("ipc://%s/run/clients" % cluster.folder)
        self.addCleanup(thief.close)
        for _ in range(20):
            thief.send_multipart([b"", b"MDPW02", b"\x01", b"auth"])
        other = Client(cluster)
        for _ in range(5):
            other.login("alice")
        got = []
        while thief.poll(100):
            got.append(thief.recv_multipart())
        self.assertFalse([frames for frames in got if any(b"LOGIN" in frame for frame in frames)])
        client.ok("ls")

    def test_malformed_requests_get_an_answer(self):
        cluster = self.cluster()
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        for kind in (zmq.REQ, zmq.DEALER):
            for service, body, code in ((b"auth", b"{", "malformed"), (b"auth", b'{"v":1,"id":"i","command":"X"}', "unknown_command"),
                                        (b"auth", b'{"v":1,"id":"i","command":"LOGIN","payload":{}}', "malformed"),
                                        (b"metadata", b'{"v":1,"id":"i","command":"STATUS"}', "unauthenticated")):
                socket = context.socket(kind)
                socket.linger = 0
                socket.connect("ipc://%s/run/clients" % cluster.folder)
                # Majordomo has an empty frame in front, which REQ adds itself
                socket.send_multipart(([b""] if kind == zmq.DEALER else []) + [b"MDPC02", b"\x01", service, body])
                self.assertTrue(socket.poll(5000), (kind, service, body))
                reply = json.loads(socket.recv_multipart()[-1])
                self.assertEqual((reply["status"], reply["code"]), ("error", code))
                socket.close()

    def test_oversize_frames_cost_their_sender_the_connection(self):
        cluster = self.cluster()
        client = cluster.client("alice")
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        before = cluster.process().status("VmHWM")
        for name in ("clients", "actors", "events-in", "events-out", "node-1"):
            socket = context.socket(zmq.DEALER)
            socket.linger = 0
            socket.sndtimeo = 2000
            socket.connect("ipc://%s/run/%s" % (cluster.folder, name))
            try:
                socket.send_multipart([b"", b"MDPC02", b"\x01", b"auth", bytes(200 << 20)], copy=False)
            except zmq.Again:
                pass
            time.sleep(0.2)
            socket.close()
        client.put("a", b"still")
        self.assertEqual(client.get("a"), b"still")
        self.assertLess(cluster.process().status("VmHWM") - before, 100 * 1024)

    def test_data_port_needs_a_ticket(self):
        cluster = self.cluster()
        client = cluster.client("alice")
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        request = b'{"v":1,"id":"i","command":"RETRIEVE","payload":{}}'
        for user, ticket in ((None, None), (b"alice", b"wrong"), (b"alice", b"A" * 63), (b"x" * 255, b"y" * 255)):
            socket = context.socket(zmq.DEALER)
            socket.linger = 0
            if user is not None:
                socket.plain_username, socket.plain_password = user, ticket
            socket.connect("ipc://%s/run/node-1" % cluster.folder)
            socket.send(request)
            self.assertFalse(socket.poll(300))
            socket.close()
        client.put("a", b"still")


class Curve(ClusterTest):
    def test_tcp_ports_let_no_stranger_in(self):
        cluster = self.cluster(processes=True, tcp=True)
        client = cluster.client("alice")
        cluster.wait_nodes(client, 3)
        with open(os.path.join(cluster.folder, "broker.zpl")) as file:
            endpoints = re.findall(r"tcp://[^\"]+", file.read())
        self.assertEqual(len(endpoints), 4)
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        for endpoint in endpoints:
            for server_key in (None, zmq.curve_keypair()[0]):
                socket = context.socket(zmq.DEALER)
                socket.linger = 0
                if server_key:
                    socket.curve_serverkey = server_key
                    socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
                socket.connect(endpoint)
                socket.send_multipart([b"", b"MDPC02", b"\x01", b"mmi.service", b"auth"])
                self.assertFalse(socket.poll(300), endpoint)
                socket.close()
        # The right key of the server opens the clients' port, and no other
        with open(os.path.join(cluster.folder, "keys", "client.key")) as file:
            server_key = re.search(r"server-key = ['\"](.{40})['\"]", file.read()).group(1).encode()
        for endpoint, opens in zip(endpoints, (True, False, False, False)):
            socket = context.socket(zmq.DEALER)
            socket.linger = 0
            socket.curve_serverkey = server_key
            socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
            socket.connect(endpoint)
            socket.send_multipart([b"", b"MDPC02", b"\x01", b"mmi.service", b"auth"])
            self.assertEqual(bool(socket.poll(60000 if opens else 300)), opens, endpoint)
            socket.close()
        client.put("a", b"still")
        self.assertEqual(client.get("a"), b"still")

    def test_wrong_server_key_is_told(self):
        cluster = self.cluster(processes=True, tcp=True)
        client = cluster.client("alice")
        with open(os.path.join(cluster.folder, "client.zpl")) as file:
            text = file.read()
        key = os.path.join(client.home, "client.key")
        with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write('name = "client"\nserver-key = "%s"\n' % zmq.curve_keypair()[0].decode())
        config = os.path.join(client.home, "client.zpl")
        with open(config, "w") as file:
            file.write(re.sub(r"keys = .*", 'keys = "%s"' % key, text))
        client.fails("unreachable", "ls", "--config", config)


if __name__ == "__main__":
    main()
