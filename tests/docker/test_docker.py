#!/usr/bin/python3
"""A cluster of containers on a real engine: `make test-docker`.

Each test leaves the cluster whole; after each, every file that was ever stored is read and compared. The tests run in the
order of their names, because a cluster takes long to build."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "cluster"))
sys.path.insert(0, HERE)
import engine as docker
from engine import SOURCE, run
from harness import FILESTORE, PASSWORD, RANDOM, Client, content, free_ports, until
from web import Web

HEALTHY_S = 180
FILES_MAX = 300                 # Then the load only reads
ROLES = ["broker", "auth", "metadata", "storage", "bridge"]


class Containers:
    """The cluster of docker-compose.yml as a project of its own, on ports of its own."""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="fst-containers-")
        self.folder = os.path.join(self.root, "client")      # What harness.Client looks for
        self.secrets = []
        self.project = "fsttest%d" % os.getpid()
        self.image = "filestore"
        self.compose = docker.compose_command()
        port = free_ports(2)
        self.web, self.broker = "127.0.0.1:%d" % port, "127.0.0.1:%d" % (port + 1)
        os.environ.update(COMPOSE_PROJECT_NAME=self.project, FILESTORE_WEB=self.web, FILESTORE_BROKER=self.broker)
        os.environ.setdefault("DOCKER_BUILDKIT", "0")           # Debian's engine has no buildx

    def run(self, *arguments, **options):
        return run(*self.compose, *arguments, cwd=SOURCE, **options)

    def up(self, *arguments):
        self.run("up", "-d", *arguments, seconds=1800)
        self.wait_healthy()

    def ids(self, service):
        return self.run("ps", "-q", service).split()

    def inspect(self, container, template):
        return run("docker", "inspect", "-f", template, container).strip()

    def wait_healthy(self):
        """Until all containers run and serve, by their own health check."""
        def healthy():
            ids = [one for service in ROLES for one in self.ids(service)]
            return ids and all(docker.works("docker", "exec", one, "health") for one in ids)
        until(healthy, "all containers healthy: " + self.run("ps"), HEALTHY_S)

    def states(self):
        """What the engine thinks of them."""
        ids = [one for service in ROLES for one in self.ids(service)]
        return set(run("docker", "inspect", "-f", "{{.State.Health.Status}}", *ids).split())

    def node_of(self, container):
        """The name of the node that a container of storage runs."""
        return re.search(r"ready: (node-\d+)", run("docker", "logs", container)).group(1)

    def export_client(self):
        os.makedirs(self.folder, exist_ok=True)
        tar = subprocess.run(self.compose + ["run", "--rm", "-T", "init", "client"], cwd=SOURCE, check=True,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        subprocess.run(["tar", "-x", "-C", self.folder], input=tar, check=True)

    def logs(self):
        return self.run("logs", "--no-color")

    def destroy(self):
        self.run("down", "-v", "--remove-orphans", "-t", "2")
        shutil.rmtree(self.root, ignore_errors=True)


class Load(threading.Thread):
    """Somebody who stores files and reads older ones all the time. What was acknowledged is in store.files at once."""

    def __init__(self, test, seconds=120):
        super().__init__(daemon=True)
        self.test, self.seconds = test, seconds
        self.ended = threading.Event()
        self.done, self.failed = 0, []

    def run(self):
        deadline = time.monotonic() + self.seconds
        while not self.ended.is_set() and time.monotonic() < deadline:
            try:
                if self.done % 3 == 2 or len(self.test.files) > FILES_MAX:
                    self.test.compare(RANDOM.choice(list(self.test.files)))
                else:
                    self.test.store(RANDOM.choice([0, 1, 4096, 70000, 3 << 20]))
                self.done += 1
            except AssertionError as error:
                self.failed.append(str(error))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join(180)


class Docker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = {}
        cls.cluster = Containers()
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.up("--build")
        cls.cluster.export_client()
        cls.alice = Client(cls.cluster, sets=("connect-timeout=30 s",))
        cls.alice.register("alice")

    def tearDown(self):
        if self.failed():
            print(self.cluster.run("ps"), self.cluster.logs()[-8000:], file=sys.stderr)
        self.compare_all()

    def compare_all(self):
        """Read all that was ever stored, and nothing else."""
        folder = tempfile.mkdtemp(dir=self.alice.home)
        self.alice.ok("get", "-r", "/users/alice", folder, timeout=600)
        there = os.path.join(folder, "alice")
        self.assertEqual(sorted(os.listdir(there)), sorted(self.files))
        for name, octets in self.files.items():
            with open(os.path.join(there, name), "rb") as file:
                self.assertTrue(file.read() == octets, "%s is not what was stored" % name)
        shutil.rmtree(folder)

    def failed(self):
        return any(test is self for test, _ in self._outcome.result.errors + self._outcome.result.failures)

    #  Files

    def store(self, size):
        """Put a file from outside; it counts when that was acknowledged."""
        octets = content(size)
        name = "%d-%s" % (size, RANDOM.randbytes(8).hex())
        local = os.path.join(self.alice.home, name)
        with open(local, "wb") as file:
            file.write(octets)
        self.alice.ok("put", local, name)
        os.unlink(local)
        self.files[name] = octets

    def compare(self, name):
        local = os.path.join(self.alice.home, "got-" + name)
        self.alice.ok("get", name, local)
        with open(local, "rb") as file:
            got = file.read()
        os.unlink(local)
        self.assertTrue(got == self.files[name], "%s is not what was stored" % name)

    def inside(self, *arguments, **options):
        """The command line in a container."""
        return subprocess.run(self.cluster.compose + ["run", "--rm", "-T", "cli"] + list(arguments), cwd=SOURCE, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, **options).stdout

    #  The cluster

    def nodes(self):
        return {row["id"]: row for row in self.alice.json("nodes")}

    def wait_nodes(self, names):
        """Until just these nodes are alive, and nothing is at one copy."""
        def good():
            alive = sorted(name for name, row in self.nodes().items() if row["state"] == "alive")
            return alive == sorted(names) and self.alice.json("status")["bytes_at_one_copy"] == 0
        until(good, "the nodes %s alive and all content in two copies" % names, HEALTHY_S)

    NODES = ["node-1", "node-2", "node-3"]

    def test_01_files_go_in_and_out_on_all_ways(self):
        for size in (0, 1, 65536, 65537, 9 << 20):
            self.store(size)
        first = next(name for name in self.files if name.startswith("65537"))
        web = Web("http://%s/" % self.cluster.web, self.alice.token())
        self.assertEqual(web.get("/users/alice/" + first).octets, self.files[first])
        octets = content(5 << 20)
        self.assertEqual(web.put("/users/alice/by-http", octets).status, 201)
        self.files["by-http"] = octets
        self.inside("login", "alice", "--password-stdin", input=(PASSWORD + "\n").encode())
        self.assertEqual(self.inside("cat", "by-http"), octets)
        octets = content(2 << 20)
        self.inside("put", "-", "from-inside", input=octets)
        self.files["from-inside"] = octets
        with urllib.request.urlopen("http://%s/" % self.cluster.web) as page:
            self.assertIn(b"<title>", page.read())

    def test_02_each_role_sees_its_own_keys_only(self):
        own = {"broker": {"broker.key"}, "auth": {"auth.key"}, "metadata": {"metadata.key"}, "bridge": {"bridge.key"}, "storage": {"node.key"}}
        for role, keys in own.items():
            container = self.cluster.ids(role)[0]
            found = run("docker", "exec", container, "find", "/var/lib/filestore", "/keys", "-name", "*.key").split()
            self.assertEqual({os.path.basename(name) for name in found}, keys, role)
            modes = run("docker", "exec", container, "stat", "-c", "%a %U", "/var/lib/filestore", *found).split("\n")
            self.assertLessEqual(set(filter(None, modes)), {"700 filestore", "600 filestore"}, role)
            self.assertEqual(run("docker", "exec", container, "id", "-un").strip(), "filestore")
            self.assertFalse(docker.works("docker", "exec", container, "touch", "/usr/local/bin/x"), role)
        recovery = self.cluster.run("run", "--rm", "-T", "init", "recovery-key").strip()
        self.assertGreater(len(recovery), 40)
        self.assertNotIn(recovery.split()[0], self.cluster.logs())

    def test_03_the_image_has_no_tools_and_a_health_check(self):
        for program in ("gcc", "cc", "cmake", "ninja", "ld"):
            self.assertFalse(docker.works("docker", "run", "--rm", "--entrypoint", "which", self.cluster.image, program), program)
        base, image = (int(run("docker", "image", "inspect", "-f", "{{.Size}}", name)) for name in (docker.BASE, self.cluster.image))
        print("image %d MB, of which %s %d MB" % (image // 1000000, docker.BASE, base // 1000000), file=sys.stderr)
        self.assertLess(image - base, 80 * 1000 * 1000)
        until(lambda: self.cluster.states() == {"healthy"}, "the engine finds all healthy", HEALTHY_S)

    def test_04_a_killed_process_comes_back_by_itself(self):
        with Load(self) as load:
            for role in RANDOM.sample(ROLES, len(ROLES)):
                container = RANDOM.choice(self.cluster.ids(role))
                before = self.cluster.inspect(container, "{{.State.StartedAt}}")
                os.kill(int(self.cluster.inspect(container, "{{.State.Pid}}")), signal.SIGKILL)
                until(lambda: self.cluster.inspect(container, "{{.State.Running}} {{.State.StartedAt}}") not in
                      ("true " + before, "false " + before), role + " restarted", HEALTHY_S)
                done = load.done
                until(lambda: load.done > done + 2 or not load.is_alive(), "work goes on", HEALTHY_S)
        self.assertGreater(load.done, 10)
        self.cluster.wait_healthy()
        self.wait_nodes(self.NODES)
        print("%d done, %d failed while processes were killed" % (load.done, len(load.failed)), file=sys.stderr)

    def test_05_a_removed_container_comes_back_as_the_same_node(self):
        for role in ("storage", "metadata"):
            container = RANDOM.choice(self.cluster.ids(role))
            run("docker", "rm", "-f", container)
            if role == "storage":
                self.store(1 << 20)             # The others take it
            self.cluster.up()
            self.wait_nodes(self.NODES)         # No fourth one

    def test_06_a_container_without_network_is_done_without_and_taken_back(self):
        network = self.cluster.project + "_default"
        container = RANDOM.choice(self.cluster.ids("storage"))
        node = self.cluster.node_of(container)
        before = self.nodes()[node]["endpoint"]
        run("docker", "network", "disconnect", network, container)
        #  Somebody else takes its address meanwhile
        other = run("docker", "run", "-d", "--network", network, "--entrypoint", "sleep", self.cluster.image, "600").strip()
        try:
            self.compare_all()
            self.store(3 << 20)
            run("docker", "network", "connect", network, container)
            address = self.cluster.inspect(container, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
            until(lambda: address + ":" in self.nodes()[node]["endpoint"], "%s at %s known at its new address %s" % (node, before, address), HEALTHY_S)
            self.assertNotIn(address + ":", before)
            self.cluster.wait_healthy()
            self.wait_nodes(self.NODES)
        finally:
            run("docker", "rm", "-f", other)

    def test_07_all_are_replaced_by_a_new_image_under_load(self):
        override = os.path.join(self.cluster.root, "label.yml")
        with open(override, "w") as file:
            json.dump({"services": {"init": {"build": {"labels": {"round": "two"}}}}}, file)
        before = {one for role in ROLES for one in self.cluster.ids(role)}
        image = run("docker", "image", "inspect", "-f", "{{.Id}}", self.cluster.image)
        self.cluster.run("-f", "docker-compose.yml", "-f", override, "build", seconds=1800)
        self.assertNotEqual(run("docker", "image", "inspect", "-f", "{{.Id}}", self.cluster.image), image)
        with Load(self, 600) as load:
            until(lambda: load.done > 3, "load", HEALTHY_S)
            run(os.path.join(SOURCE, "docker", "roll"), cwd=SOURCE, env=dict(os.environ, COMPOSE=" ".join(self.cluster.compose)))
            done = load.done
            until(lambda: load.done > done + 3, "load", HEALTHY_S)
        after = {one for role in ROLES for one in self.cluster.ids(role)}
        self.assertFalse(before & after, "a container was not replaced")
        print("%d done, %d failed while all were replaced" % (load.done, len(load.failed)), file=sys.stderr)
        self.assertEqual(load.failed, [])
        self.cluster.wait_healthy()
        self.wait_nodes(self.NODES)

    def test_08_storage_scales_up_and_down(self):
        more = ["node-4", "node-5"]
        self.cluster.up("--scale", "storage=5")
        self.wait_nodes(self.NODES + more)
        for _ in range(8):
            self.store(2 << 20)
        for node in more:
            self.alice.ok("admin", "drain", node, timeout=300)
        self.cluster.up("--scale", "storage=3")
        self.cluster.run("restart", "storage")      # Whichever containers went, the first nodes stay
        self.cluster.wait_healthy()
        self.wait_nodes(self.NODES)

    def test_09_all_of_it_goes_down_and_up(self):
        self.cluster.run("down")
        self.cluster.up()
        self.wait_nodes(self.NODES)

    def test_10_lost_keys_come_back_from_the_roles_and_never_the_other_way_round(self):
        self.cluster.run("down")
        run("docker", "volume", "rm", self.cluster.project + "_keys", self.cluster.project + "_bridge")
        self.cluster.up()
        self.wait_nodes(self.NODES)
        master = run("docker", "volume", "inspect", "-f", "{{.Mountpoint}}", self.cluster.project + "_keys").strip()
        if os.geteuid() == 0 and os.path.isdir(master):
            key = os.path.join(master, "keys", "metadata.key")
            with open(key) as file:
                right = file.read()
            with open(key, "w") as file:
                file.write(right + "\n")
            self.assertRaisesRegex(AssertionError, "keys of different clusters", self.cluster.run, "run", "--rm", "init", "keys")
            with open(key, "w") as file:
                file.write(right)
            self.cluster.run("run", "--rm", "init", "keys")


class Page(unittest.TestCase):
    def test_the_page_works_as_shown(self):
        self.cluster = Containers()             # Its own, as the first account is the admin
        self.addCleanup(self.cluster.destroy)
        with open(os.path.join(SOURCE, "docs", "DOCKER.md")) as file:
            blocks = re.findall(r"^```sh\n(.*?)^```", file.read(), re.S | re.M)
        self.assertGreater(len(blocks), 5)
        home = tempfile.mkdtemp(dir=self.cluster.root)
        tools = os.path.join(home, "bin")               # What the page calls docker-compose may be version 2
        os.mkdir(tools)
        with open(os.open(os.path.join(tools, "docker-compose"), os.O_CREAT | os.O_WRONLY, 0o755), "w") as file:
            file.write('#!/bin/sh\nexec %s "$@"\n' % " ".join(shutil.which(self.cluster.compose[0]) if at == 0 else word
                                                              for at, word in enumerate(self.cluster.compose)))
        environment = dict(os.environ, HOME=home, PASSWORD=PASSWORD, PATH=":".join([tools, os.path.dirname(FILESTORE), os.environ["PATH"]]))
        for block in blocks:
            #  Without a terminal a password comes from elsewhere
            block = re.sub(r"^(.*run --rm) (cli register grace)$", r"\1 -T \2", block, flags=re.M)
            block = re.sub(r"^(.* (?:register|login) grace)$", r'echo "$PASSWORD" | \1 --password-stdin', block, flags=re.M)
            result = subprocess.run(["sh", "-eu", "-c", block], cwd=SOURCE, env=environment, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600)
            self.assertEqual(result.returncode, 0, "%s\n%s\n%s" % (block, result.stdout.decode(errors="replace"), result.stderr.decode(errors="replace")[-3000:]))
        self.cluster.wait_healthy()


def main():
    if not os.access(FILESTORE, os.X_OK):
        sys.exit("build first: there is no " + FILESTORE)
    os.makedirs(docker.CACHE, exist_ok=True)
    cannot = os.path.join(docker.CACHE, "cannot")           # For CI, to which "cannot" is no failure
    if os.path.exists(cannot):
        os.unlink(cannot)
    engine = None
    try:
        engine = docker.Engine()
        engine.need_base()
        docker.compose_command()
        unittest.main(verbosity=2, failfast=True)
    except docker.CannotRun as error:
        with open(cannot, "w") as file:
            file.write("%s\n" % error)
        sys.exit("The tests of containers cannot run here: %s" % error)
    finally:
        if engine:
            engine.stop()


if __name__ == "__main__":
    main()
