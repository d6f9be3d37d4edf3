"""Machines for the tests: network namespaces with addresses, names and links of their own, on a switch in another one. A
link can be cut and made slow. Only root can make them; nothing of the machine's own network is touched."""

import contextlib
import os
import shutil
import subprocess
import tempfile

from harness import BIN, Client, Process


def sh(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=30)


def why_not():
    """None if hosts can be made here, or the reason."""
    if os.geteuid() != 0:
        return "hosts are network namespaces, which only root can make"
    if not shutil.which("ip"):
        return "there is no ip (Debian: iproute2)"
    name = "fst%d-try" % os.getpid()
    try:
        sh("ip", "netns", "add", name)
        sh("ip", "-n", name, "link", "add", "name", "here", "type", "veth", "peer", "name", "there")
        return None
    except subprocess.CalledProcessError as error:
        return "hosts cannot be made here: " + error.stderr.decode().strip()
    finally:
        subprocess.run(["ip", "netns", "delete", name], stderr=subprocess.DEVNULL)


class Host:
    def __init__(self, network, name, address):
        self.network, self.name, self.address = network, name, address
        self.space = network.space + name
        self.folder = os.path.join(network.root, name)      # The machine's disk, where commands are run
        self.prefix = ["ip", "netns", "exec", self.space]
        self.processes = []
        os.mkdir(self.folder)
        self.environment = {**os.environ, "HOME": self.folder, "LC_ALL": "C.UTF-8", "PATH": BIN + ":" + os.environ["PATH"]}

    def connect(self):
        outside, network = "to-" + self.name, self.network.space + "net"
        sh("ip", "netns", "add", self.space)
        sh("ip", "-n", network, "link", "add", "name", outside, "type", "veth", "peer", "name", "eth0", "netns", self.space)
        sh("ip", "-n", network, "link", "set", outside, "master", "switch", "up")
        sh("ip", "-n", self.space, "address", "add", self.address + "/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            sh("ip", "-n", self.space, "link", "set", link, "up")
        os.makedirs("/etc/netns/" + self.space)             # What `ip netns exec` shows as /etc/hosts there
        shutil.copy(self.network.names, "/etc/netns/%s/hosts" % self.space)

    def cut(self):
        """Pull the cable: nobody is told, packets are lost."""
        sh("ip", "-n", self.network.space + "net", "link", "set", "to-" + self.name, "nomaster")

    def restore(self):
        sh("ip", "-n", self.network.space + "net", "link", "set", "to-" + self.name, "master", "switch")

    def slow(self, delay_ms, mbit):
        """Make the link slow both ways: netem where the kernel has it, at least less throughput where not. What was done."""
        here, there = ["ip", "netns", "exec", self.space], ["ip", "netns", "exec", self.network.space + "net"]
        netem = ["netem", "delay", "%dms" % delay_ms, "rate", "%dmbit" % mbit]
        bucket = ["tbf", "rate", "%dmbit" % mbit, "burst", "16kb", "latency", "400ms"]
        for kind in (netem, bucket):
            try:
                sh(*here, "tc", "qdisc", "replace", "dev", "eth0", "root", *kind)
                sh(*there, "tc", "qdisc", "replace", "dev", "to-" + self.name, "root", *kind)
                return " ".join(kind)
            except (OSError, subprocess.CalledProcessError):
                pass
        return None

    def run(self, script, typed=""):
        """Run lines of a shell there; their output."""
        result = subprocess.run(self.prefix + ["sh", "-eu", "-c", script], cwd=self.folder, env=self.environment,
                                input=typed.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        if result.returncode != 0:
            raise AssertionError("on %s: %s\nexit %d: %s" % (self.name, script, result.returncode, result.stderr.decode()))
        return result.stdout.decode()

    def start(self, *arguments):
        """Start a filestored there and wait until it is ready."""
        name = "%s-%d" % (self.name, len(self.processes))
        process = Process(self.network.root, name, list(arguments), self.environment, self.prefix, self.folder)
        self.processes.append(process)
        process.wait_ready()
        return process

    def client(self, config, **options):
        return Client(self.network, config=config, prefix=self.prefix, **options)


class Network:
    def __init__(self, names):
        self.root = self.folder = tempfile.mkdtemp(prefix="fst-hosts-")
        self.space = "fst%d-" % os.getpid()
        self.names = os.path.join(self.root, "names")
        self.secrets = []
        self.hosts = [Host(self, name, "10.77.0.%d" % (at + 11)) for at, name in enumerate(names)]
        with open(self.names, "w") as file:
            file.write("127.0.0.1 localhost\n" + "".join("%s %s\n" % (host.address, host.name) for host in self.hosts))
        sh("ip", "netns", "add", self.space + "net")
        sh("ip", "-n", self.space + "net", "link", "add", "name", "switch", "type", "bridge")
        sh("ip", "-n", self.space + "net", "link", "set", "switch", "up")
        for host in self.hosts:
            host.connect()

    def logs(self):
        texts = []
        for host in self.hosts:
            for process in host.processes:
                texts.append("-- %s\n%s" % (process.name, process.log_text()[-3000:]))
        return "\n".join(texts)

    def destroy(self):
        for host in self.hosts:
            for process in host.processes:
                process.kill()
            subprocess.run(["ip", "netns", "delete", host.space], stderr=subprocess.DEVNULL)
            shutil.rmtree("/etc/netns/" + host.space, ignore_errors=True)
        subprocess.run(["ip", "netns", "delete", self.space + "net"], stderr=subprocess.DEVNULL)
        with contextlib.suppress(OSError):      # Not there, or not only ours
            os.rmdir("/etc/netns")
        shutil.rmtree(self.root, ignore_errors=True)
