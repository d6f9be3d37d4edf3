"""A Docker engine for the tests: the one that runs here, or one of our own that is started as root, with its data in
build/docker (so that layers are kept from run to run), and ended by its process id. The base image comes from a registry
where one can be reached; otherwise debootstrap makes it, from where this machine's apt gets its packages."""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
CACHE = os.path.join(SOURCE, "build", "docker")
BASE = "debian:bookworm-slim"           # What docker/Dockerfile begins with
READY_S = 120
LIBC = ctypes.CDLL(None)


class CannotRun(Exception):
    """No engine can run here; the text says why."""


def run(*command, seconds=600, **options):
    """Run a command; its output. Raises AssertionError with what it said when it fails."""
    result = subprocess.run(command, timeout=seconds, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if result.returncode != 0:
        raise AssertionError("%s: exit %d\n%s\n%s" % (" ".join(command), result.returncode, result.stdout.decode(errors="replace")[-3000:],
                                                      result.stderr.decode(errors="replace")[-3000:]))
    return result.stdout.decode(errors="replace")


def works(*command):
    try:
        return subprocess.run(command, timeout=60, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def compose_command():
    """COMPOSE, or docker-compose (version 1), or the plug-in (version 2)."""
    if os.environ.get("COMPOSE"):
        return os.environ["COMPOSE"].split()
    for command in (["docker-compose"], ["docker", "compose"]):
        if works(*command, "version"):
            return command
    raise CannotRun("there is neither docker-compose nor docker compose: docker/install docker")


def end_with_parent():
    os.nice(5)
    LIBC.prctl(1, signal.SIGTERM)       # PR_SET_PDEATHSIG: the engine ends its containers and itself


class Engine:
    def __init__(self):
        self.popen = None
        self.folder = None
        if works("docker", "version", "--format", "{{.Server.Version}}"):
            return
        for program in ("docker", "dockerd"):
            if not shutil.which(program):
                raise CannotRun("there is no %s: docker/install docker" % program)
        if os.geteuid() != 0:
            raise CannotRun("no engine runs, and only root can start one")
        self.start()

    def start(self):
        self.folder = tempfile.mkdtemp(prefix="fst-docker-")     # Sockets need short names
        os.makedirs(CACHE, exist_ok=True)
        socket = "unix://" + os.path.join(self.folder, "socket")
        self.had_bridge = works("ip", "link", "show", "docker0")
        self.forwards = "-P FORWARD ACCEPT" in run("iptables", "-S", "FORWARD")     # The engine turns it to DROP
        self.log = os.path.join(CACHE, "dockerd.log")
        with open(self.log, "wb") as log:
            self.popen = subprocess.Popen(["dockerd", "--data-root", os.path.join(CACHE, "root"), "--exec-root", os.path.join(self.folder, "exec"),
                                           "--pidfile", os.path.join(self.folder, "pid"), "-H", socket],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_parent)
        os.environ["DOCKER_HOST"] = socket
        deadline = time.monotonic() + READY_S
        while not works("docker", "version", "--format", "{{.Server.Version}}"):
            if self.popen.poll() is not None or time.monotonic() > deadline:
                with open(self.log, errors="replace") as log:
                    problems = [line for line in log.read().splitlines() if "level=fatal" in line or "failed to" in line]
                self.stop()
                raise CannotRun("dockerd does not start on this kernel: %s" % "\n".join(problems[-5:]))
            time.sleep(0.2)
        self.clean()

    def clean(self):
        """What a run that was cut off left in our engine: its containers would start again. Images stay."""
        left = run("docker", "ps", "-a", "-q").split()
        if left:
            run("docker", "rm", "-f", *left)
        left = run("docker", "volume", "ls", "-q").split()
        if left:
            run("docker", "volume", "rm", *left)
        run("docker", "network", "prune", "-f")
        run("docker", "image", "prune", "-f", "--filter", "until=24h")      # Older layers would fill the disk

    def stop(self):
        if not self.popen:
            return
        self.popen.terminate()
        try:
            self.popen.wait(120)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        self.popen = None
        os.environ.pop("DOCKER_HOST", None)
        if not self.had_bridge:
            works("ip", "link", "delete", "docker0")
        if self.forwards:
            works("iptables", "-P", "FORWARD", "ACCEPT")
        shutil.rmtree(self.folder, ignore_errors=True)

    def need_base(self):
        """Have the image that the Dockerfile begins with."""
        if works("docker", "image", "inspect", BASE) or works("docker", "pull", "-q", BASE):
            return
        print("%s cannot be pulled: debootstrap makes one" % BASE, file=sys.stderr)
        if os.geteuid() != 0 or not shutil.which("debootstrap"):
            raise CannotRun("%s can neither be pulled nor made: that needs root and debootstrap" % BASE)
        root = tempfile.mkdtemp(prefix="fst-base-")
        try:
            make_base(root)
            tar = subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE)
            run("docker", "import", "-", BASE, stdin=tar.stdout)
            tar.stdout.close()
            assert tar.wait() == 0
        finally:
            shutil.rmtree(root, ignore_errors=True)


def apt_mirror():
    """Where this machine's apt gets bookworm from."""
    rows = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages")
    for row in rows.splitlines():
        address, codename, component = row.split()
        if codename == "bookworm" and component == "main":
            return address
    raise CannotRun("apt of this machine has no source of Debian bookworm, from which an image could be made")


def make_base(root):
    """What debian:bookworm-slim is, with this machine's ways to reach packages: its mirror, its proxies."""
    mirror = apt_mirror()
    more = ["--include=ca-certificates"] if mirror.startswith("https") else []
    run("nice", "debootstrap", "--variant=minbase", *more, "bookworm", root, mirror)
    ways = [line for line in run("apt-config", "dump").splitlines() if re.match(r"Acquire::(https?::(Proxy|Verify)|Check-)", line)]
    with open(os.path.join(root, "etc/apt/apt.conf.d/99host"), "w") as file:
        file.write("".join(line + "\n" for line in ways))
    for folder in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info"):
        shutil.rmtree(os.path.join(root, folder))
        os.makedirs(os.path.join(root, folder))
