"""What the process tests share: a cluster of real processes in a private folder, and a client that runs the
command line. Everything that is started is ended by its process id, and every wait has a deadline."""

import base64
import ctypes
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
BIN = os.path.abspath(os.environ.get("FST_BIN", os.path.join(SOURCE, "build", "bin")))
FILESTORED = os.path.join(BIN, "filestored")
FILESTORE = os.path.join(BIN, "filestore")
LOAD = os.path.join(BIN, "fst-load")
PASSWORD = "correct horse \u00fc 7"

READY_S = 60            # A machine that is busy with other tests is slow
STOP_S = 30
RUN_S = 120


def exit_codes():
    """{code: exit code}, from the one list of errors."""
    with open(os.path.join(SOURCE, "bus", "fst_error.h")) as file:
        rows = re.findall(r"X \((\w+), +\d+, +(\d+),", file.read())
    return {name.lower(): int(code) for name, code in rows}


EXIT = exit_codes()


def seed():
    """The seed of this run: printed, and taken from FST_SEED if that is set."""
    value = int(os.environ.get("FST_SEED", random.SystemRandom().randrange(1 << 32)))
    print("seed %d (FST_SEED)" % value, file=sys.stderr)
    return value


RANDOM = random.Random(seed())


def content(size):
    """Octets that do not compress, from the seed."""
    return RANDOM.randbytes(size)


def until(condition, what, seconds=60):
    """Poll a condition; its value, or an AssertionError at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("not within %d s: %s" % (seconds, what))
        time.sleep(0.02)


def free_ports(count):
    """First of some neighbouring TCP ports below 32768 that nobody uses."""
    for _ in range(200):
        first = RANDOM.randrange(15000, 32000)
        sockets = []
        try:
            for port in range(first, first + count):
                one = socket.socket()
                sockets.append(one)
                one.bind(("127.0.0.1", port))
            return first
        except OSError:
            pass
        finally:
            for one in sockets:
                one.close()
    raise AssertionError("no free ports")


LIBC = ctypes.CDLL(None)


def end_with_parent():
    """In a child: be killed when the test is, so that a test that was cut off leaves nothing behind."""
    LIBC.prctl(1, signal.SIGKILL)       # PR_SET_PDEATHSIG


class Process:
    """One filestored, up to its ready line and to its end."""

    def __init__(self, folder, name, arguments, environment=None, prefix=(), cwd=None):
        self.name = name
        self.log = os.path.join(folder, name + ".log")
        self.began = time.monotonic()
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen([*prefix, FILESTORED] + arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                          stderr=log, env=environment, cwd=cwd, preexec_fn=end_with_parent)
        self.pid = self.popen.pid
        self.ready = None
        self.ready_s = None

    def wait_ready(self):
        line = b""
        deadline = time.monotonic() + READY_S
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left < 0 or not select.select([self.popen.stdout], [], [], left)[0]:
                raise AssertionError("%s is not ready: %s" % (self.name, self.log_text()))
            octets = os.read(self.popen.stdout.fileno(), 1)
            if not octets:
                raise AssertionError("%s ended with %s: %s" % (self.name, self.popen.wait(), self.log_text()))
            line += octets
        self.ready_s = time.monotonic() - self.began
        self.ready = line.decode()
        if not self.ready.startswith("ready"):
            raise AssertionError("no ready line but " + repr(self.ready))

    def log_text(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    def stop(self, number=signal.SIGTERM):
        """Ask it to end; its exit code. One that has ended already was not asked to, and that is a failure."""
        if self.popen.poll() is not None:
            self.popen.stdout.close()
            raise AssertionError("%s ended by itself with %d: %s" % (self.name, self.popen.returncode, self.log_text()))
        self.popen.send_signal(number)
        try:
            code = self.popen.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("%s did not end: %s" % (self.name, self.log_text()))
        self.popen.stdout.close()
        return code

    def kill(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        self.popen.stdout.close()

    def alive(self):
        return self.popen.poll() is None

    def status(self, key):
        """A number of /proc/PID/status, as "VmRSS" in KiB."""
        with open("/proc/%d/status" % self.pid) as file:
            return int(re.search(key + r":\s+(\d+)", file.read()).group(1))

    def cpu_s(self):
        with open("/proc/%d/stat" % self.pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Cluster:
    """All parts in one process, or each in its own (processes=True) over ipc:// or, with tcp=True, over CURVE."""

    def __init__(self, processes=False, tcp=False, nodes=3, sets=(), name="data", quick=True, web=False):
        self.root = tempfile.mkdtemp(prefix="fst-")
        self.folder = os.path.join(self.root, name)
        self.separate = processes
        self.nodes = nodes
        self.web = web
        if quick:       # Passwords are not what is tested here
            sets = ("hash-memory=1 MiB", "hash-passes=1") + tuple(sets)
        self.sets = [argument for value in sets for argument in ("--set", value)]
        self.own = {}               # Settings of single processes: {name: [NAME=VALUE]}
        self.processes = {}
        self.faults = set()     # Names of processes whose disk can fail
        self.secrets = [PASSWORD]
        if processes:
            self.init(tcp)

    def init(self, tcp):
        command = [FILESTORED, "init", self.folder, "--nodes", str(self.nodes)]
        if tcp:
            command += ["--tcp", "127.0.0.1", "--first-port", str(free_ports(4 + self.nodes))]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=RUN_S)

    @property
    def names(self):
        if not self.separate:
            return ["filestored"]
        return ["broker", "auth", "metadata"] + ["node-%d" % (at + 1) for at in range(self.nodes)]

    def arguments(self, name):
        if name == "filestored":
            web = ["--web", "127.0.0.1:0"] if self.web else []
            return ["--data", self.folder, "--set", "nodes=%d" % self.nodes] + web + self.sets
        role = "storage" if name.startswith("node-") else name
        if name.startswith("bridge"):       # There may be several: bridge-1, bridge-2
            own = [argument for value in self.own.get(name, ()) for argument in ("--set", value)]
            return ["bridge", "--config", os.path.join(self.folder, "bridge.zpl"), "--set", "web=127.0.0.1:0"] + self.sets + own
        own = [argument for value in self.own.get(name, ()) for argument in ("--set", value)]
        return [role, "--config", os.path.join(self.folder, name + ".zpl")] + self.sets + own

    def setting(self, name, option):
        """What the configuration file of a process says."""
        with open(os.path.join(self.folder, name + ".zpl")) as file:
            return re.search(r'^%s = ["\'](.+)["\']$' % option, file.read(), re.M).group(1)

    def launch(self, name):
        """Start a process without waiting for it."""
        environment = None
        if name in self.faults:
            environment = dict(os.environ, LD_PRELOAD=os.path.join(BIN, "fail_io.so"), FST_FAIL_IO=self.rules(name))
        self.processes[name] = Process(self.root, name, self.arguments(name), environment)

    def rules(self, name):
        return os.path.join(self.root, name + ".rules")

    def fail(self, name, *rules):
        """From now on calls of a process in faults fail by these rules (tests/fault/fail_io.c); no rule, no failure."""
        with open(self.rules(name) + ".new", "w") as file:
            file.write("".join(rule + "\n" for rule in rules))
        os.replace(self.rules(name) + ".new", self.rules(name))

    def failed(self, name):
        """The calls that failed so far."""
        try:
            with open(self.rules(name) + ".log") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def wait_end(self, name, seconds=60):
        """Wait until a process has ended by itself; its exit code."""
        process = self.processes.pop(name)
        try:
            return process.popen.wait(seconds)
        finally:
            process.kill()

    def start(self, *names):
        for name in names or self.names:
            self.launch(name)
        for name in names or self.names:
            self.processes[name].wait_ready()
        return self

    def kill(self, name):
        self.processes.pop(name).kill()

    def restart(self, name):
        self.kill(name)
        self.start(name)

    def url(self, name="filestored"):
        """Where the web page of a process is."""
        return re.search(r"https?://[^\s,]+", self.processes[name].ready).group(0)

    def process(self, name="filestored"):
        return self.processes[name]

    def client(self, user=None, **options):
        client = Client(self, **options)
        if user:
            client.register(user)
        return client

    def wait_nodes(self, client, count, state="alive"):
        """Until so many nodes are in that state for metadata."""
        def enough():
            result = client.run("nodes", "--json")
            rows = json.loads(result.stdout) if result.returncode == 0 else []
            return sum(row["state"] == state for row in rows) == count
        until(enough, "%d nodes %s" % (count, state), 60)

    def stop(self):
        """End everything in the reverse order. A process that does not end cleanly in 8 s says so, and fails."""
        problems = []
        for name in reversed(list(self.processes)):
            process = self.processes.pop(name)
            try:
                code = process.stop()
                if code != 0:
                    problems.append("%s ended with %d: %s" % (name, code, process.log_text()[-2000:]))
            except AssertionError as error:
                problems.append(str(error))
        if problems:
            raise AssertionError("\n".join(problems))

    def logs(self):
        texts = []
        for name in os.listdir(self.root):
            if name.endswith(".log"):
                with open(os.path.join(self.root, name), "rb") as file:
                    texts.append(file.read())
        return b"".join(texts)

    def check_logs(self):
        """No secret in any log, and no assertion that failed."""
        logs = self.logs()
        for secret in self.secrets:
            if secret.encode() in logs:
                raise AssertionError("a log holds a secret")
        for word in (b"Assertion", b"dangling", b"Sanitizer"):
            if word in logs:
                raise AssertionError("a log holds %s:\n%s" % (word, logs[-4000:].decode(errors="replace")))

    def destroy(self):
        try:
            self.stop()
            self.check_logs()
        finally:
            for process in self.processes.values():
                process.kill()
            shutil.rmtree(self.root, ignore_errors=True)


class Client:
    """A person at a terminal: an own home, and the command line."""

    def __init__(self, cluster, config=None, sets=(), prefix=()):
        self.cluster = cluster
        self.prefix = list(prefix)      # Where it runs: "ip netns exec NAME"
        self.home = tempfile.mkdtemp(prefix="home-", dir=cluster.root)
        self.session = os.path.join(self.home, "session")
        self.sets = [argument for value in sets for argument in ("--set", value)]
        self.environment = dict(os.environ, HOME=self.home, FILESTORE_SESSION=self.session, LC_ALL="C.UTF-8",
                                FILESTORE_CONFIG=config or os.path.join(cluster.folder, "client.zpl"))

    def run(self, *arguments, input=b"", timeout=RUN_S, **options):
        if isinstance(input, str):
            input = input.encode()
        if "stdin" in options:
            input = None
        return subprocess.run(self.prefix + [FILESTORE] + list(arguments) + self.sets, input=input, timeout=timeout, env=self.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.home, **options)

    def ok(self, *arguments, **options):
        """Run a command that must work; its output."""
        result = self.run(*arguments, **options)
        if result.returncode != 0:
            raise AssertionError("filestore %s: exit %d, %s" % (arguments, result.returncode, result.stderr.decode()))
        return result.stdout

    def json(self, *arguments):
        return json.loads(self.ok(*arguments, "--json"))

    def fails(self, code, *arguments, **options):
        """Run a command that must fail with this code, in exactly one line; the line."""
        result = self.run(*arguments, **options)
        text = result.stderr.decode()
        if (result.returncode != EXIT[code] or text.count("\n") != 1
                or not re.fullmatch(r"filestore: .+ \(%s\)\n" % code, text)):
            raise AssertionError("filestore %s: exit %d instead of %s (%d): %s" %
                                 (arguments, result.returncode, code, EXIT[code], text))
        return text

    def register(self, name, password=PASSWORD):
        self.ok("register", name, "--password-stdin", input=password + "\n")
        self.keep_secret()

    def login(self, name, password=PASSWORD):
        self.ok("login", name, "--password-stdin", input=password + "\n")
        self.keep_secret()

    def keep_secret(self):
        self.cluster.secrets.append(self.token())

    def token(self):
        with open(self.session) as file:
            return file.read().strip()

    def put(self, name, octets, *options):
        local = os.path.join(self.home, "put.bin")
        with open(local, "wb") as file:
            file.write(octets)
        self.ok("put", local, name, *options)

    def get(self, name):
        local = os.path.join(self.home, "get.bin")
        self.ok("get", name, local)
        with open(local, "rb") as file:
            return file.read()


class ClusterTest(unittest.TestCase):
    """A test with clusters that go when it is over, whatever happened."""

    def cluster(self, start=True, **options):
        cluster = Cluster(**options)
        self.addCleanup(cluster.destroy)
        self.addCleanup(self.show_logs, cluster)    # Runs first
        if start:
            cluster.start()
        return cluster

    def show_logs(self, cluster):
        """If the test failed: the end of each process's log."""
        result = self._outcome.result
        if any(test is self for test, _ in result.errors + result.failures):
            for name in sorted(os.listdir(cluster.root)):
                if name.endswith(".log"):
                    with open(os.path.join(cluster.root, name), errors="replace") as file:
                        print("-- " + name, "".join(file.readlines()[-15:]), sep="\n", file=sys.stderr)


def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def forge_token(cluster, name, expires_ms, role=1):
    """A token as auth would sign it, with the cluster's own key (layout in bus/fst_token.h)."""
    with open(os.path.join(cluster.folder, "keys", "auth.key")) as file:
        secret = re.search(r'sign-secret = "([^"]+)"', file.read()).group(1)
    secret = bytes.fromhex(secret) if re.fullmatch("[0-9a-f]{128}", secret) else unbase64(secret)
    head = struct.pack(">BB16sQB", 1, role, content(16), expires_ms, len(name)) + name.encode()
    sodium = ctypes.CDLL("libsodium.so.23")
    signature = ctypes.create_string_buffer(64)
    sodium.crypto_sign_detached(signature, None, head, ctypes.c_ulonglong(len(head)), secret)
    return base64.urlsafe_b64encode(head + signature.raw).rstrip(b"=").decode()


def main():
    for program in (FILESTORED, FILESTORE):
        if not os.access(program, os.X_OK):
            sys.exit("build first: there is no " + program)
    unittest.main(verbosity=2)
