"""Real processes and real disks in trouble: full, read-only, failing, gone, another's. The node says so, leaves the pool or ends
with a clear sentence; others serve meanwhile, and what was acknowledged stays. Mounting wants root: tests that mount are
skipped, and say so, where it is not permitted."""

import os
import subprocess

from harness import ClusterTest, content, main, until

EIO, EROFS = 5, 30
ALL = 1 << 30
SOON = ("heartbeat-interval=200 ms", "prune-after=2 s", "chunk-size=64 KiB", "extent-chunks=4", "repair-delay=100 ms")


class Disk(ClusterTest):
    def folder(self, cluster, name):
        return os.path.join(cluster.folder, cluster.setting(name, "storage-folder"))

    def mount(self, folder, *arguments):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        result = subprocess.run(["mount"] + list(arguments) + [folder], stderr=subprocess.PIPE)
        if result.returncode != 0:
            self.skipTest("mounting is not permitted here: " + result.stderr.decode().strip())
        self.addCleanup(subprocess.run, ["umount", "-l", folder], stderr=subprocess.DEVNULL)
        self.addCleanup(self.running.stop)      # Before that: a node ends when its disk goes

    def unmount(self, folder):
        subprocess.run(["umount", "-l", folder], check=True)

    def image(self, cluster):
        """A file with an ext4 file system."""
        name = os.path.join(cluster.root, "disk.img")
        with open(name, "wb") as file:
            file.truncate(1 << 30)
        subprocess.run(["mkfs.ext4", "-q", name], check=True)
        return name

    def prepare(self, nodes, faulty=()):
        cluster = self.cluster(processes=True, start=False, sets=SOON, nodes=nodes)
        cluster.faults.update(faulty)
        self.running = cluster
        return cluster

    def begin(self, cluster):
        cluster.start()
        client = cluster.client("alice")
        cluster.wait_nodes(client, cluster.nodes)
        self.acknowledged = {}
        return client

    def put(self, client, *names, size=300000):
        for name in names:
            octets = content(size)
            client.put(name, octets)
            self.acknowledged[name] = octets

    def check(self, client):
        for name, octets in self.acknowledged.items():
            self.assertEqual(client.get(name), octets, name)

    def check_all(self, client):
        self.check(client)
        return True

    def row(self, client, name):
        return next(row for row in client.json("nodes") if row["id"] == name)

    def until_health(self, client, name, health):
        until(lambda: self.row(client, name)["health"] == health, "%s is %s" % (name, health))

    def ended(self, cluster, name, sentence):
        process = cluster.process(name)
        self.assertNotEqual(cluster.wait_end(name), 0)
        self.assertIn(sentence, process.log_text())

    def test_a_full_disk_is_said_and_comes_back(self):
        cluster = self.prepare(3)
        folder = self.folder(cluster, "node-2")
        self.mount(folder, "-t", "tmpfs", "-o", "size=32m,mode=700", "none")
        client = self.begin(cluster)
        self.put(client, "a", "b", "small", size=200000)
        ballast = os.path.join(folder, "ballast")
        with open(ballast, "wb") as file:
            file.write(bytes(os.statvfs(folder).f_bavail * 4096 - 500000))
        self.until_health(client, "node-2", "full")
        self.put(client, "c", "d", "e")
        os.remove(ballast)
        self.until_health(client, "node-2", "ok")
        self.put(client, "f")
        self.check(client)

    def test_a_disk_that_turns_read_only_is_read_from_and_may_come_back(self):
        cluster = self.prepare(3, ["node-2"])
        client = self.begin(cluster)
        for at in range(6):
            self.put(client, "before-%d" % at)
            self.put(client, "small-%d" % at, size=3000)
        process = cluster.process("node-2")
        cluster.fail("node-2", "readonly / 1 %d %d" % (ALL, EROFS), *("%s /node-2/ 1 %d %d" % (call, ALL, EROFS)
                                                            for call in ("write", "truncate")),
                     *("%s extents/ 1 %d %d" % (call, ALL, EROFS) for call in ("open", "rename", "unlink")))
        for at in range(4):                 # Some meet the disk before it is known
            self.put(client, "during-%d" % at)
            self.put(client, "small-during-%d" % at, size=3000)
        self.until_health(client, "node-2", "read-only")
        self.put(client, "later")
        self.check(client)
        client.ok("rm", "--forever", "before-0")
        del self.acknowledged["before-0"]
        self.assertTrue(process.alive(), process.log_text())
        cluster.fail("node-2")
        self.until_health(client, "node-2", "ok")
        self.put(client, "again", "more")
        self.put(client, "small-again", size=3000)
        until(lambda: client.json("status")["garbage"] == 0, "what was deleted goes from the disk")
        self.check(client)
        self.assertTrue(process.alive(), process.log_text())

    def test_a_file_system_that_gave_up_is_read_from(self):
        cluster = self.prepare(3)
        folder = self.folder(cluster, "node-2")
        self.mount(folder, "-o", "loop,errors=remount-ro", self.image(cluster))
        device = subprocess.run(["findmnt", "-no", "SOURCE", folder], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
        switch = "/sys/fs/ext4/%s/trigger_fs_error" % os.path.basename(device)
        client = self.begin(cluster)
        self.put(client, "a", "b", "c")
        self.put(client, "small-a", "small-b", "small-c", size=3000)
        process = cluster.process("node-2")
        with open(switch, "w") as file:
            file.write("a test\n")
        for at in range(4):
            self.put(client, "small-%d" % at, size=3000)
        for at in range(4):
            self.put(client, "during-%d" % at)
        self.until_health(client, "node-2", "read-only")
        self.check(client)
        cluster.kill("node-1")
        until(lambda: self.row(client, "node-1")["state"] != "alive", "node-1 is missed")
        self.check(client)
        self.assertTrue(process.alive(), process.log_text())

    def test_a_node_whose_disk_vanished_ends_and_writes_nothing(self):
        cluster = self.prepare(2)
        folder = self.folder(cluster, "node-2")
        image = self.image(cluster)
        self.mount(folder, "-o", "loop", image)
        client = self.begin(cluster)
        self.put(client, "a", "b")
        self.unmount(folder)
        self.ended(cluster, "node-2", "is gone, or another disk is mounted there")
        self.assertEqual(os.listdir(folder), [])
        self.check(client)
        self.mount(folder, "-o", "loop", image)
        cluster.start("node-2")
        cluster.wait_nodes(client, 2)
        self.put(client, "c")
        self.check(client)

    def test_a_folder_of_another_node_or_cluster_is_refused(self):
        cluster = self.prepare(2)
        client = self.begin(cluster)
        self.put(client, "a")
        for name in ("node-1", "node-2"):
            cluster.kill(name)
        first, second = self.folder(cluster, "node-1"), self.folder(cluster, "node-2")
        os.rename(first, first + ".kept")
        os.rename(second, first)
        cluster.launch("node-1")
        self.ended(cluster, "node-1", "it belongs to node-2, and this node is node-1; mount the right disk there")
        os.rename(first, second)
        other = self.prepare(1)
        other.start()
        other.stop()
        os.rename(self.folder(other, "node-1"), first)
        cluster.launch("node-1")
        self.ended(cluster, "node-1", "of another cluster")
        os.rename(first, self.folder(other, "node-1"))
        os.rename(first + ".kept", first)
        cluster.start("node-1", "node-2")
        cluster.wait_nodes(client, 2)
        self.check(client)

    def test_a_disk_that_cannot_be_read_is_left(self):
        cluster = self.prepare(3, ["node-2"])
        client = self.begin(cluster)
        self.put(client, *("file-%d" % at for at in range(8)))
        cluster.fail("node-2", "read extents/ 1 %d %d" % (ALL, EIO))
        until(lambda: self.check_all(client) and self.row(client, "node-2")["health"] == "failing", "node-2 is failing")
        until(lambda: client.json("status")["bytes_at_one_copy"] == 0 and self.row(client, "node-2")["holds"] == 0,
              "node-2 is emptied")
        cluster.kill("node-2")
        self.check(client)

    def test_a_disk_that_cannot_be_written_is_left(self):
        cluster = self.prepare(3, ["node-2"])
        client = self.begin(cluster)
        cluster.fail("node-2", "write extents/ 1 1 %d" % EIO)
        for at in range(8):
            self.put(client, "file-%d" % at)
        self.until_health(client, "node-2", "failing")
        self.check(client)


if __name__ == "__main__":
    main()
