"""The embedded cluster: one process, one folder, nothing to set up."""

import glob
import os
import re
import signal
import stat
import subprocess
import time
import urllib.request

from harness import FILESTORED, ClusterTest, Process, content, main, until

RSS_KIB_MAX = 40 * 1024


def mode(name):
    return stat.S_IMODE(os.stat(name).st_mode)


class Start(ClusterTest):
    def test_first_start_makes_the_folder_and_says_what_is_next(self):
        cluster = self.cluster()
        ready = cluster.process().ready
        self.assertRegex(ready, r"^ready in .+: now register with +\S*filestore --config \S+/client.zpl register NAME\n$")
        self.assertIn(cluster.folder, ready)
        for name in ("metadata.db", "auth.db", "client.zpl", "storage/node-1", "storage/node-2", "storage/node-3", "run"):
            self.assertTrue(os.path.exists(os.path.join(cluster.folder, name)), name)
        for name in ("keys", "run"):
            self.assertEqual(mode(os.path.join(cluster.folder, name)), 0o700)
        for folder, _, files in os.walk(cluster.folder):
            for name in files:
                self.assertEqual(mode(os.path.join(folder, name)) & 0o077, 0, name)
        # As the line says, so it works
        command = ready.split("with", 1)[1].split("register")[0].split()
        result = subprocess.run(command + ["register", "alice", "--password-stdin"], input=b"first password\n",
                                env=dict(os.environ, HOME=cluster.root), capture_output=True, timeout=120)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_default_folder_is_data_where_one_is(self):
        cluster = self.cluster(start=False)
        where = os.getcwd()
        os.chdir(cluster.root)
        try:
            process = Process(cluster.root, "filestored", [])
            cluster.processes["filestored"] = process
            process.wait_ready()
            client = cluster.client(config="")
            for name in ("FILESTORE_CONFIG", "FILESTORE_SESSION"):
                del client.environment[name]
            result = subprocess.run([FILESTORED.replace("filestored", "filestore"), "register", "alice",
                                     "--password-stdin"], input=b"first password\n", env=client.environment,
                                    capture_output=True, timeout=120)
            elsewhere = subprocess.run([FILESTORED.replace("filestored", "filestore"), "ls", "--set", "broker=ipc:///none"],
                                       env=client.environment, capture_output=True, timeout=120)
        finally:
            os.chdir(where)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"nobody is logged in at this cluster", elsewhere.stderr)     # Each has a session of its own
        self.assertRegex(process.ready, r"^ready in \./data: now register with +\S*filestore register NAME\n$")
        [session] = glob.glob(os.path.join(client.home, ".config", "filestore", "session-*"))
        self.assertEqual(mode(session), 0o600)
        self.assertEqual(mode(os.path.dirname(session)), 0o700)

    def test_folder_with_a_name_too_long_for_sockets(self):
        cluster = self.cluster(name="long" * 40 + "/d \u00fc ' x")
        run = os.readlink(os.path.join(cluster.folder, "run"))
        self.assertEqual(mode(run), 0o700)
        client = cluster.client("alice")
        client.put("a", b"hello")
        cluster.restart("filestored")
        self.assertEqual(client.get("a"), b"hello")
        cluster.stop()
        for name in os.listdir(run):
            os.unlink(os.path.join(run, name))
        os.rmdir(run)

    def test_a_second_process_on_the_same_folder_is_refused(self):
        cluster = self.cluster()
        result = subprocess.run([FILESTORED, "--data", cluster.folder], capture_output=True, timeout=120)
        self.assertEqual(result.returncode, 21)
        self.assertRegex(result.stderr.decode(), r"^filestored: another process \(%d\) is already running on .+\(exists\)\n$"
                         % cluster.process().pid)
        for role in ("auth", "metadata"):
            subprocess.run([FILESTORED, "init", cluster.folder], check=True, stdout=subprocess.DEVNULL)
            result = subprocess.run([FILESTORED, role, "--config", "%s/%s.zpl" % (cluster.folder, role)],
                                    capture_output=True, timeout=120)
            self.assertEqual(result.returncode, 21, result.stderr)
        cluster.client("alice").put("still", b"works")

    def test_number_of_nodes_is_an_option_and_nodes_with_data_are_never_left_out(self):
        cluster = self.cluster(nodes=5)
        client = cluster.client("alice")
        client.put("a", content(100000), "--replicas", "5")
        cluster.nodes = 1
        cluster.restart("filestored")
        self.assertEqual(len(client.json("nodes")), 5)
        self.assertEqual(len(client.json("stat", "a")["extents"][0]["nodes"]), 5)

    def test_arguments_are_checked(self):
        for arguments, code in ((["--web", "nonsense"], 2), (["--web", "h:99999"], 2), (["--bogus"], 2), (["nobody"], 2),
                                (["--set", "no-such-option=1"], 2), (["--set", "nodes=0"], 2), (["--data"], 2),
                                (["broker"], 2), (["broker", "--config", "/nowhere.zpl"], 20), (["init"], 2),
                                (["init", "/tmp", "--nodes", "x"], 2), (["bridge"], 2)):
            result = subprocess.run([FILESTORED] + arguments, capture_output=True, timeout=120)
            self.assertEqual(result.returncode, code, (arguments, result.stderr))
            self.assertRegex(result.stderr.decode(), r"^filestored: .+ \(\w+\)\n$")
        for arguments in (["--help"], ["--version"], ["options"]):
            result = subprocess.run([FILESTORED] + arguments, capture_output=True, timeout=120)
            self.assertEqual((result.returncode, result.stderr), (0, b""))
            self.assertIn(b"filestored" if arguments[0] != "options" else b"heartbeat-interval", result.stdout)

    def test_the_ready_line_says_where_the_page_is(self):
        cluster = self.cluster(start=False)
        process = Process(cluster.root, "filestored", ["--data", cluster.folder, "--web", "127.0.0.1:0"])
        cluster.processes["filestored"] = process
        process.wait_ready()
        self.assertRegex(process.ready, r"^ready in .+: open  http://127.0.0.1:\d+  or register with  .+ register NAME\n$")
        url = re.search(r"http://\S+", process.ready).group(0)
        with urllib.request.urlopen(url + "/healthz", timeout=120) as answer:
            self.assertEqual(answer.read(), b"ok\n")


class Stop(ClusterTest):
    def test_signals_end_it_cleanly(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            cluster = self.cluster()
            client = cluster.client("alice")
            client.put("a", b"hello")
            self.assertEqual(cluster.processes.pop("filestored").stop(number), 0)
            self.assertNotIn(b"not waiting", cluster.logs())     #  That is what it says after eight seconds
            cluster.start()
            self.assertEqual(client.get("a"), b"hello")

    def test_kill_loses_nothing_that_was_acknowledged(self):
        cluster = self.cluster()
        client = cluster.client("alice")
        files = {"f%d" % at: content(size) for at, size in enumerate((0, 1, 4096, 70000, 3 << 20))}
        for round_number in range(3):
            for name, octets in files.items():
                client.put("%s-%d" % (name, round_number), octets)
            cluster.restart("filestored")
            for name, octets in files.items():
                self.assertEqual(client.get("%s-%d" % (name, round_number)), octets)


class Figures(ClusterTest):
    """Times are printed only: the machine may be busy with other things. Memory is what it is."""

    def test_ready_soon_and_small_and_quiet_when_idle(self):
        cluster = self.cluster(quick=False)
        cluster.client("alice").put("big", content(64 << 20))
        times = []
        for _ in range(5):
            cluster.stop()
            cluster.start()
            times.append(cluster.process().ready_s)
        process = cluster.process()
        time.sleep(3)                   # Idle is nothing that one can wait for
        before, began = process.cpu_s(), time.monotonic()
        time.sleep(5)
        cpu = (process.cpu_s() - before) / (time.monotonic() - began)
        rss = process.status("VmRSS")
        print("ready_s=%.3f rss_kib=%d idle_cpu=%.2f%%" % (sorted(times)[2], rss, 100 * cpu))
        self.assertLess(rss, RSS_KIB_MAX)
        self.assertLess(cpu, 0.1)       # Nothing spins

    def test_memory_of_a_burst_is_given_back(self):
        cluster = self.cluster(quick=False)
        client = cluster.client("alice")
        before = cluster.process().status("VmRSS")
        client.put("big", content(100 << 20))
        client.get("big")
        peak = cluster.process().status("VmHWM")
        until(lambda: cluster.process().status("VmRSS") < RSS_KIB_MAX, "memory is given back", 60)
        print("rss_kib before=%d peak=%d after=%d" % (before, peak, cluster.process().status("VmRSS")))


if __name__ == "__main__":
    main()
