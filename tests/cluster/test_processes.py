"""Every role in its own process: each may be killed at any instant and started again."""

import os
import shutil
import signal
import subprocess
import threading
import time

from harness import FILESTORED, ClusterTest, content, main, until

#  A node counts as gone soon, so that the tests need not wait for half a minute
SOON = ("heartbeat-interval=200 ms", "prune-after=3 s")


class Kill(ClusterTest):
    def check_role(self, role, **options):
        cluster = self.cluster(processes=True, **options)
        client = cluster.client("alice")
        cluster.wait_nodes(client, 3)
        files = {"small": content(5000), "empty": b"", "large": content(5 << 20)}
        for name, octets in files.items():
            client.put(name, octets)
        cluster.restart(role)
        for name, octets in files.items():
            self.assertEqual(client.get(name), octets, name)
        cluster.wait_nodes(client, 3)
        for name, octets in files.items():
            client.put(name + "-2", octets[::-1])
            self.assertEqual(client.get(name + "-2"), octets[::-1], name)
        self.assertEqual(client.json("status")["files"], 6)

    def test_broker(self):
        self.check_role("broker")

    def test_auth(self):
        self.check_role("auth")

    def test_metadata(self):
        self.check_role("metadata")

    def test_storage_node(self):
        self.check_role("node-2")

    def test_any_order_of_start(self):
        cluster = self.cluster(processes=True, start=False)
        for name in reversed(cluster.names):
            cluster.launch(name)
        for process in cluster.processes.values():
            process.wait_ready()
        client = cluster.client("alice")
        cluster.wait_nodes(client, 3)
        client.put("a", b"hello")
        self.assertEqual(client.get("a"), b"hello")

    def test_all_at_once(self):
        cluster = self.cluster(processes=True)
        client = cluster.client("alice")
        cluster.wait_nodes(client, 3)
        octets = content(3 << 20)
        client.put("a", octets)
        for name in cluster.names:
            cluster.kill(name)
        cluster.start()
        until(lambda: client.run("stat", "a").returncode == 0, "metadata serves again")
        self.assertEqual(client.get("a"), octets)

    def test_several_roles_in_one_process(self):
        cluster = self.cluster(processes=True, start=False)
        cluster.sets = []
        roles = ["broker", "auth", "metadata"]
        configs = [part for role in roles for part in ("--config", os.path.join(cluster.folder, role + ".zpl"))]
        arguments = cluster.arguments
        cluster.arguments = lambda name: roles + configs if name == "broker" else arguments(name)
        cluster.start("broker", "node-1", "node-2")
        client = cluster.client("alice")
        cluster.wait_nodes(client, 2)
        client.put("a", b"hello")
        self.assertEqual(client.get("a"), b"hello")


class KillDuringTransfer(ClusterTest):
    def during(self, cluster, client, role, *command):
        """Run a command, and restart a role while it runs."""
        result = []
        patient = ("--set", "connect-timeout=60 s")     # However long the restart takes here
        thread = threading.Thread(target=lambda: result.append(client.run(*command, *patient)))
        thread.start()
        time.sleep(0.15)
        cluster.restart(role)
        thread.join()
        return result[0]

    def test_put_goes_on_when_a_role_is_killed(self):
        cluster = self.cluster(processes=True)
        client = cluster.client("alice")
        cluster.wait_nodes(client, 3)
        octets = content(60 << 20)
        local = os.path.join(client.home, "big")
        with open(local, "wb") as file:
            file.write(octets)
        for role in ("broker", "metadata", "node-1", "node-3"):
            result = self.during(cluster, client, role, "put", local, "big-" + role)
            self.assertEqual(result.returncode, 0, (role, result.stderr))
            self.assertEqual(client.get("big-" + role), octets, role)
            cluster.wait_nodes(client, 3)

    def test_get_goes_on_when_a_role_is_killed(self):
        cluster = self.cluster(processes=True)
        client = cluster.client("alice")
        cluster.wait_nodes(client, 3)
        octets = content(60 << 20)
        client.put("big", octets)
        for role in ("broker", "metadata", "node-1", "node-2", "node-3"):
            result = self.during(cluster, client, role, "get", "big", "copy")
            self.assertEqual(result.returncode, 0, (role, result.stderr))
            with open(os.path.join(client.home, "copy"), "rb") as file:
                self.assertEqual(file.read(), octets, role)
            cluster.wait_nodes(client, 3)


class NodeDown(ClusterTest):
    def test_one_of_three_nodes_gone_changes_nothing(self):
        cluster = self.cluster(processes=True, sets=SOON)
        client = cluster.client("alice")
        cluster.wait_nodes(client, 3)
        files = {"f%d" % at: content(size) for at, size in enumerate((10, 60000, 200000, 3 << 20, 0, 70 << 20))}
        for name, octets in files.items():
            client.put(name, octets)
        cluster.kill("node-2")
        for name, octets in files.items():          #  At once: metadata still takes it for alive
            began = time.monotonic()
            self.assertEqual(client.get(name), octets, name)
            print("get %s after the kill: %.2f s" % (name, time.monotonic() - began))
        for name, octets in files.items():
            client.put("new-" + name, octets)
            self.assertEqual(client.get("new-" + name), octets, name)
        cluster.wait_nodes(client, 1, "pruned")
        for name, octets in files.items():          #  And when it knows
            self.assertEqual(client.get(name), octets, name)
            client.put("later-" + name, octets)
            for extent in client.json("stat", "later-" + name).get("extents", []):
                self.assertEqual(sorted(extent["nodes"]), ["node-1", "node-3"])
        status = client.json("status")
        self.assertEqual((status["nodes"]["alive"], status["nodes"]["pruned"]), (2, 1))
        until(lambda: client.json("status")["bytes_at_one_copy"] == 0, "what it held is copied anew")
        client.fails("too_few_nodes", "put", "--replicas", "3", client.session, "three")
        cluster.start("node-2")
        cluster.wait_nodes(client, 3)
        until(lambda: client.json("status")["repair"]["surplus"] == 0, "what it held is not kept a third time")
        client.ok("put", "--replicas", "3", client.session, "three")

    def test_a_node_that_hangs_is_passed_by(self):
        cluster = self.cluster(processes=True)
        client = cluster.client("alice")
        cluster.wait_nodes(client, 3)
        octets = content(2 << 20)
        client.put("a", octets)
        pid = cluster.process("node-1").pid
        os.kill(pid, signal.SIGSTOP)
        try:
            self.assertEqual(client.get("a"), octets)
            client.put("b", octets)
            self.assertEqual(client.get("b"), octets)
        finally:
            os.kill(pid, signal.SIGCONT)

    def test_two_of_three_nodes_gone(self):
        cluster = self.cluster(processes=True, sets=SOON)
        client = cluster.client("alice")
        cluster.wait_nodes(client, 3)
        client.put("three", b"safe", "--replicas", "3")
        cluster.kill("node-1")
        cluster.kill("node-2")
        cluster.wait_nodes(client, 2, "pruned")
        self.assertEqual(client.get("three"), b"safe")
        client.fails("too_few_nodes", "put", client.session, "x")
        client.put("one", b"copy", "--replicas", "1")
        self.assertEqual(client.get("one"), b"copy")


class End(ClusterTest):
    def test_every_role_ends_cleanly(self):
        cluster = self.cluster(processes=True)
        client = cluster.client("alice")
        cluster.wait_nodes(client, 3)
        client.put("a", b"hello")
        cluster.stop()
        self.assertNotIn(b"not waiting", cluster.logs())     #  That is what one says after eight seconds


class Init(ClusterTest):
    def read(self, cluster):
        contents = {}
        for folder, _, names in os.walk(cluster.folder):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    contents[os.path.relpath(os.path.join(folder, name), cluster.folder)] = file.read()
        return contents

    def test_running_it_again_keeps_what_is_there_and_adds_nodes(self):
        cluster = self.cluster(processes=True, nodes=2, start=False)
        before = self.read(cluster)
        self.assertEqual(set(name for name in before if name.endswith(".zpl")),
                         {"broker.zpl", "auth.zpl", "metadata.zpl", "node-1.zpl", "node-2.zpl", "bridge.zpl", "client.zpl",
                          "keys/enrolled.zpl"})
        cluster.nodes = 3
        cluster.init(False)
        after = self.read(cluster)
        self.assertEqual(set(after) - set(before), {"node-3.zpl", "keys/node-3.key"})
        for name in set(before) - {"keys/enrolled.zpl"}:
            self.assertEqual(after[name], before[name], name)
        cluster.start()
        cluster.wait_nodes(cluster.client("alice"), 3)

    def test_keys_are_for_their_owner_and_for_one_role(self):
        cluster = self.cluster(processes=True, start=False)
        keys = os.path.join(cluster.folder, "keys")
        for name in os.listdir(keys):
            self.assertEqual(os.stat(os.path.join(keys, name)).st_mode & 0o777, 0o600)
        cluster.start("broker")
        for setting in ("keys=%s/node-2.key" % keys, "keys=%s/no.key" % keys, "keys=", "broker=", "data-endpoint="):
            result = subprocess.run([FILESTORED] + cluster.arguments("node-1") + ["--set", setting], capture_output=True,
                                    timeout=120)
            self.assertNotEqual(result.returncode, 0, setting)
            self.assertRegex(result.stderr.decode().splitlines()[-1], r"^filestored: .+ \(\w+\)$")

    def test_sockets_of_a_folder_with_a_long_name(self):
        cluster = self.cluster(processes=True, name="long" * 40)
        client = cluster.client("alice")
        cluster.wait_nodes(client, 3)
        client.put("a", b"hello")
        cluster.stop()
        shutil.rmtree(os.path.realpath(os.path.join(cluster.folder, "run")))   #  As a restart of the machine does
        cluster.start()
        cluster.wait_nodes(client, 3)
        self.assertEqual(client.get("a"), b"hello")
        self.addCleanup(shutil.rmtree, os.path.realpath(os.path.join(cluster.folder, "run")))

    def test_hosts_and_ports_are_checked(self):
        cluster = self.cluster(processes=True, start=False)
        for arguments in (["--tcp", "no.such.host.invalid"], ["--tcp", "::1"], ["--tcp", "127.0.0.1", "--first-port", "32765"],
                          ["--tcp", "127.0.0.1", "--first-port", "0"], ["--nodes", "0"], ["--nodes", "65"]):
            result = subprocess.run([FILESTORED, "init", os.path.join(cluster.root, "other")] + arguments,
                                    capture_output=True, timeout=120)
            self.assertEqual(result.returncode, 2, (arguments, result.stderr))


if __name__ == "__main__":
    main()
