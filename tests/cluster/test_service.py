"""filestored as a service: what systemd is told, settings that are read again while it runs, logs for machines, and
settings that are checked before anything starts."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess

from examples import Actor
from harness import BIN, FILESTORED, ClusterTest, Process, main, until


def check(path, *role):
    return subprocess.run([FILESTORED, "check", path, *role], capture_output=True, text=True, timeout=60)


def certificate_in(folder):
    names = [os.path.join(folder, name) for name in ("certificate.pem", "key.pem")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-out", names[0], "-keyout", names[1]], check=True, capture_output=True)
    return names


class Systemd:
    """The socket of NOTIFY_SOCKET, and what came there."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.heard = []

    def hears(self, text):
        try:
            while True:
                self.heard.append(self.socket.recv(4096).decode())
        except BlockingIOError:
            return text in self.heard

    def forget(self):
        self.hears("")
        self.heard = []


class Service(ClusterTest):
    def served(self, cluster, name, **environment):
        systemd = Systemd(cluster.root)
        self.addCleanup(systemd.socket.close)
        process = Process(cluster.root, name, cluster.arguments(name), dict(os.environ, NOTIFY_SOCKET=systemd.path, **environment))
        cluster.processes[name] = process
        process.wait_ready()
        return systemd, process

    def test_systemd_hears_of_start_reload_and_end(self):
        cluster = self.cluster(start=False)
        systemd, process = self.served(cluster, "filestored")
        until(lambda: systemd.hears("READY=1"), "it says that it serves")
        self.assertFalse(systemd.hears("WATCHDOG=1"), "nobody asked for that")
        systemd.forget()
        process.popen.send_signal(signal.SIGHUP)
        until(lambda: systemd.hears("RELOADING=1") and systemd.hears("READY=1"), "it says that it read its settings")
        self.assertEqual(cluster.processes.pop("filestored").stop(), 0)
        self.assertTrue(systemd.hears("STOPPING=1"))

    def test_watchdog_is_fed_while_every_loop_turns_and_only_then(self):
        cluster = self.cluster(start=False, processes=True)
        cluster.start("broker", "auth")
        with open(cluster.rules("metadata"), "w"):
            pass
        systemd, process = self.served(cluster, "metadata", WATCHDOG_USEC="4000000", FST_FAIL_IO=cluster.rules("metadata"),
                                       LD_PRELOAD=os.path.join(os.path.dirname(FILESTORED), "fail_io.so"))
        until(lambda: systemd.hears("WATCHDOG=1"), "it is alive")
        cluster.fail("metadata", "sync metadata.db 1 1000000 0")        # The disk hangs, and with it the loop
        cluster.start("node-1")
        until(lambda: "does not answer any more" in process.log_text(), "the loop that hangs is noticed")
        systemd.forget()
        cluster.fail("metadata")
        until(lambda: systemd.hears("WATCHDOG=1"), "it is alive again")

    def test_an_actor_made_with_fst_actor_main_is_a_service_too(self):
        cluster = self.cluster(nodes=1)
        cluster.client("alice")
        bundle = subprocess.run([FILESTORED, "enrol", "webhook", "--read", "/users", "--data", cluster.folder], check=True,
                                capture_output=True, text=True, timeout=60).stdout.strip()
        cluster.secrets.append(bundle)
        folder = os.path.join(cluster.root, "webhook")
        subprocess.run([FILESTORED, "join", bundle, folder], check=True, capture_output=True, timeout=60)
        settings, secret = os.path.join(folder, "webhook.zpl"), os.path.join(folder, "secret")
        with open(secret, "w") as file:
            file.write("whsec_%s\n" % ("c2Vj" * 8))
        with open(settings, "a") as file:
            file.write('webhook-url = "http://127.0.0.1:1/"\nwebhook-secret = "secret"\n')
        systemd = Systemd(cluster.root)
        self.addCleanup(systemd.socket.close)
        actor = Actor(self, cluster, "webhook", [os.path.join(BIN, "filestore-webhook"), "--config", settings],
                      {"NOTIFY_SOCKET": systemd.path, "WATCHDOG_USEC": "4000000"}).start()
        until(lambda: systemd.hears("READY=1") and systemd.hears("WATCHDOG=1"), "it serves and is alive")
        systemd.forget()
        with open(settings, "a") as file:
            file.write('log-format = "json"\nlanes = 3\n')
        actor.popen.send_signal(signal.SIGHUP)
        until(lambda: systemd.hears("RELOADING=1") and systemd.hears("READY=1"), "it says that it read its settings")
        self.assertIn('"option":"lanes"', actor.text())
        with open(settings, "a") as file:
            file.write("lanes = many\n")
        actor.popen.send_signal(signal.SIGHUP)
        until(lambda: "the settings stay as they were" in actor.text(), "bad settings are refused")
        self.assertEqual(actor.stop(), 0)
        self.assertTrue(systemd.hears("STOPPING=1"))

    def test_sighup_takes_what_it_can_and_names_the_rest(self):
        cluster = self.cluster(start=False)
        settings = os.path.join(cluster.root, "filestored.zpl")
        cluster.sets += ["--config", settings]

        def write(text):
            with open(settings, "w") as file:
                file.write(text)
        write('log-level = "info"\n')
        process = cluster.start().process("filestored")
        write('log-level = "debug"\nlog-format = "json"\nversions = 5\n')
        process.popen.send_signal(signal.SIGHUP)
        until(lambda: '"option":"versions"' in process.log_text(), "the one that needs a restart is named")
        lines = process.log_text().splitlines()
        first = next(at for at, line in enumerate(lines) if line.startswith("{"))
        cluster.client("alice").put("a", b"hello")
        until(lambda: '"level":"debug"' in process.log_text(), "the new level counts")
        for line in process.log_text().splitlines()[first:]:
            row = json.loads(line)
            self.assertLessEqual({"time", "level", "subject", "event"}, set(row))
        self.assertEqual(process.log_text().count('log-level is \\"debug\\" now'), 1)
        write('log-level = "warning"\nlog-format = "json"\n')
        process.popen.send_signal(signal.SIGHUP)
        until(lambda: 'log-level is \\"warning\\" now' in process.log_text(), "it is seen in a log of warnings")
        self.assertNotIn("no setting has changed", process.log_text())
        process.popen.send_signal(signal.SIGHUP)
        until(lambda: "no setting has changed" in process.log_text(), "that nothing has changed is told")
        write("versions = many\n")
        process.popen.send_signal(signal.SIGHUP)
        until(lambda: "the settings stay as they were" in process.log_text(), "bad settings are refused")
        self.assertIn("filestored.zpl:1", process.log_text())
        self.assertEqual(cluster.client("bob").run("ls").returncode, 0)

    def test_why_it_ends_is_told_in_the_form_of_the_log(self):
        cluster = self.cluster()
        second = [FILESTORED, "--data", cluster.folder]
        text = subprocess.run(second, capture_output=True, text=True, timeout=60)
        self.assertRegex(text.stderr, r"(?m)^filestored: another process .*\(exists\)$")
        machine = subprocess.run(second + ["--set", "log-format=json"], capture_output=True, text=True, timeout=60)
        self.assertEqual(machine.returncode, text.returncode)
        rows = [json.loads(line) for line in machine.stderr.splitlines()]
        self.assertEqual((rows[-1]["level"], rows[-1]["code"]), ("error", "exists"))
        self.assertIn("another process", rows[-1]["event"])

    def test_sighup_tells_what_the_command_line_holds(self):
        cluster = self.cluster(start=False, processes=True, sets=("reply-timeout=50 s",))
        process = cluster.start("broker").process("broker")
        with open(os.path.join(cluster.folder, "broker.zpl"), "a") as file:
            file.write('reply-timeout = "20 s"\n')
        process.popen.send_signal(signal.SIGHUP)
        until(lambda: "holds reply-timeout: what the file says has no effect" in process.log_text(), "it is told")
        until(lambda: "no setting has changed" in process.log_text(), "and nothing else")

    def test_sighup_takes_a_new_certificate(self):
        cluster = self.cluster(start=False, web=True)
        certificate, key = certificate_in(cluster.root)
        cluster.sets += ["--set", "web-certificate=" + certificate, "--set", "web-key=" + key]
        process = cluster.start().process("filestored")
        host, port = cluster.url().split("//")[1].split(":")

        def shown():
            return ssl.get_server_certificate((host, int(port)))
        before = shown()
        certificate_in(cluster.root)                # Renewed
        process.popen.send_signal(signal.SIGHUP)
        until(lambda: shown() != before, "the new one is shown")
        with open(certificate) as file:
            self.assertEqual(shown().split(), file.read().split())
        after = shown()
        os.truncate(key, 0)                                         # A renewal that failed half-way
        process.popen.send_signal(signal.SIGHUP)
        until(lambda: "the old one is used further" in process.log_text(), "it is refused")
        self.assertEqual(shown(), after)


class Check(ClusterTest):
    def test_every_mistake_is_told_with_its_line(self):
        cluster = self.cluster(start=False, processes=True)
        for name in ("broker", "auth", "metadata", "node-1", "bridge", "client"):
            result = check(os.path.join(cluster.folder, name + ".zpl"))
            self.assertEqual(result.returncode, 0, result.stdout)
        path = os.path.join(cluster.folder, "node-1.zpl")
        with open(path) as file:
            good = file.read()
        lines = good.count("\n")
        for added, word in (("replicas = 9", "1 to 7"), ("colour = red", 'no option "colour"'), ("  node = a", "name = value"),
                            ("window = 1 TiB", "GiB"), ('node = "node-1"', "twice"),
                            ('data-advertise = "tcp://here"', "tcp://HOST:PORT"), ("prune-after = 1 s", "given up"),
                            ("heartbeat-interval = 1 min", "given up"), ('web = "here"', "HOST:PORT"),
                            ('web-key = "/dev/null"', "web-certificate is missing")):
            with open(path, "w") as file:
                file.write(good + added + "\n")
            result = check(path)
            self.assertEqual(result.returncode, 2, added)
            self.assertTrue(result.stdout.startswith("%s:%d: " % (path, lines + 1)), result.stdout)
            self.assertIn(word, result.stdout)
        with open(path, "w") as file:
            file.write(good.replace("node-1.key", "node-2.key").replace('node = "node-1"', ""))
        result = check(path)
        self.assertIn("the setting node is missing", result.stdout)
        self.assertRegex(result.stdout, r"(?m)^%s:\d+: keys: .* has the keys of storage:node-2" % re.escape(path))
        self.assertIn("2 mistakes", result.stderr)
        path = os.path.join(cluster.folder, "whole.zpl")
        with open(path, "w") as file:
            file.write('\nlog-level = "info"\nnode = "node-1"\n')
        self.assertIn("whole.zpl:3: node is not for a whole cluster", check(path).stdout)

    def test_what_is_no_settings_file_is_told_and_not_read_for_ever(self):
        for path in ("/dev/zero", "/"):
            result = check(path)
            self.assertEqual(result.returncode, 2, path)
            self.assertIn("1 mistake in " + path, result.stderr)

    def test_samples_are_good_and_name_every_option(self):
        options = subprocess.run([FILESTORED, "options"], capture_output=True, text=True, timeout=60).stdout.splitlines()[1:]
        named = set()
        for role in ([], ["broker"], ["auth"], ["metadata"], ["storage"], ["bridge"], ["client"]):
            sample = subprocess.run([FILESTORED, "sample", *role], capture_output=True, text=True, timeout=60).stdout
            named.update(line.lstrip("#").split(" = ")[0] for line in sample.splitlines() if " = " in line and not line.startswith("# "))
            if role:
                needed = set(line.split(" = ")[0] for line in sample.splitlines() if line[:1] not in ("", "#"))
                with open(os.path.join(self.cluster(start=False).root, "empty.zpl"), "w") as file:
                    pass
                missing = re.findall(r"the setting (\S+) is missing", check(file.name, *role).stdout)
                self.assertEqual(needed, set(missing), role)
                self.assertEqual(sample.count("#  NEEDED. "), len(missing))
            if not role:
                folder = self.cluster(start=False).root
                path = os.path.join(folder, "filestored.zpl")
                for text in (sample, "".join(line[1:] if line.startswith("#") and not line.startswith("# ") and len(line) > 2 else line
                                             for line in sample.splitlines(True))):
                    with open(path, "w") as file:
                        file.write(text)
                    result = check(path)
                    self.assertEqual(result.returncode, 0, result.stdout)
        self.assertEqual(set(line.split()[0] for line in options) - named, set())


if __name__ == "__main__":
    main()
