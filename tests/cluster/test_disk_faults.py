"""Real processes on a disk that fails: a failed sync ends the process, a full disk is said and waited for, and after
a restart every file that was acknowledged is there and whole."""

import os

from harness import EXIT, RANDOM, ClusterTest, content, main, until

EIO, ENOSPC = 5, 28
ALL = 1 << 30
SOON = ("heartbeat-interval=200 ms", "prune-after=3 s", "reserve=0", "chunk-size=64 KiB", "extent-chunks=4")


class Faults(ClusterTest):
    def faulty(self, *names, nodes=3):
        cluster = self.cluster(processes=True, start=False, sets=SOON, nodes=nodes)
        cluster.faults.update(names)
        cluster.start()
        client = cluster.client("alice")
        cluster.wait_nodes(client, nodes)
        self.acknowledged = {}
        return cluster, client

    def put(self, client, name, octets):
        """Put a file, which may fail; remember it if it was acknowledged."""
        local = os.path.join(client.home, "put.bin")
        with open(local, "wb") as file:
            file.write(octets)
        result = client.run("put", local, name, timeout=120)
        if result.returncode == 0:
            self.acknowledged[name] = octets
        return result

    def check(self, client):
        for name, octets in self.acknowledged.items():
            self.assertEqual(client.get(name), octets, name)

    def died(self, cluster, name, sentence):
        """The process has ended because its disk failed, and said why."""
        process = cluster.process(name)
        self.assertEqual(cluster.wait_end(name), EXIT["io"], process.log_text())
        self.assertIn("the process ends: ", process.log_text())
        self.assertIn(sentence, process.log_text())

    def start_again(self, cluster, client, name):
        cluster.fail(name)
        cluster.start(name)
        cluster.wait_nodes(client, cluster.nodes)

    def node_dies(self, rule, sentence, size, delete=False):
        """One of two nodes, both needed, has a disk that fails at a sync. What was acknowledged stays."""
        cluster, client = self.faulty("node-2")
        self.put(client, "before", content(size))
        if not delete:
            cluster.fail("node-2", rule)
        for at in range(6):
            self.put(client, "file-%d" % at, content(size))
        if delete:
            cluster.fail("node-2", rule)
            for at in range(6):
                client.ok("rm", "--forever", "file-%d" % at)
                del self.acknowledged["file-%d" % at]
        self.died(cluster, "node-2", sentence)
        self.assertEqual(len(cluster.failed("node-2")), 1, "nothing is tried again")
        self.assertGreaterEqual(len(self.acknowledged), 1 if delete else 7, "others served meanwhile")
        self.start_again(cluster, client, "node-2")
        self.check(client)
        for name in list(self.acknowledged):            # Also what only this node and one more have
            self.put(client, name + "-again", self.acknowledged[name])
        self.check(client)
        if delete:
            until(lambda: client.json("status")["garbage"] == 0, "what was deleted goes from the disks")

    def test_a_node_whose_seal_is_not_durable_ends(self):
        self.node_dies("sync /extents/ 2 2 %d" % EIO, "the disk failed to make data durable", 600000)

    def test_a_node_whose_folder_is_not_durable_ends(self):
        self.node_dies("sync /extents/ 3 3 %d" % EIO, "the disk failed to make data durable", 600000)

    def test_a_node_whose_small_blobs_are_not_durable_ends(self):
        self.node_dies("sync small.db-wal 2 2 %d" % EIO, "small.db cannot be written", 3000)

    def test_a_node_whose_deletion_is_not_durable_ends(self):
        self.node_dies("sync /extents/ 1 1 %d" % EIO, "the disk failed to make a deletion durable", 600000, delete=True)

    def test_a_node_does_not_start_in_a_folder_that_may_vanish(self):
        cluster = self.cluster(processes=True, start=False, nodes=2)
        cluster.faults.add("node-1")
        cluster.fail("node-1", "sync %s 1 1 %d" % (cluster.folder, EIO))
        cluster.launch("node-1")
        process = cluster.process("node-1")
        self.assertNotEqual(cluster.wait_end("node-1"), 0)
        self.assertTrue(cluster.failed("node-1"))
        self.assertIn("cannot be used", process.log_text())

    def test_metadata_whose_commit_is_not_durable_ends(self):
        cluster, client = self.faulty("metadata")
        client.sets += ["--set", "reply-timeout=1500 ms"]   # Nobody starts it again meanwhile
        for nth in (1, 2, 4):
            cluster.fail("metadata", "sync metadata.db-wal %d %d %d" % (nth, nth, EIO))
            at = 0
            while cluster.process("metadata").alive():
                self.put(client, "file-%d-%d" % (nth, at), content(RANDOM.randrange(200000)))
                at += 1
            self.died(cluster, "metadata", "the catalog's disk failed")
            self.start_again(cluster, client, "metadata")
            self.check(client)
            listed = {row["name"] for row in client.json("ls")}
            self.assertLessEqual(set(self.acknowledged), listed)

    def test_metadata_without_space_refuses_and_goes_on(self):
        cluster, client = self.faulty("metadata")
        self.put(client, "before", content(3000))
        pid = cluster.process("metadata").pid
        cluster.fail("metadata", "write metadata.db-wal 1 %d %d" % (ALL, ENOSPC))
        client.fails("no_space", "mkdir", "folder")
        client.fails("no_space", "rm", "before")
        self.check(client)
        self.assertEqual([row["name"] for row in client.json("ls")], ["before"])
        self.assertTrue(cluster.failed("metadata"))
        cluster.fail("metadata")
        client.ok("mkdir", "folder")
        self.put(client, "folder/after", content(3000))
        self.assertEqual(len(self.acknowledged), 2)
        self.check(client)
        self.assertEqual(cluster.process("metadata").pid, pid)
        self.assertTrue(cluster.process("metadata").alive())
        cluster.restart("metadata")
        until(lambda: client.run("stat", "folder").returncode == 0, "metadata serves again")
        self.check(client)

    def test_nodes_without_space_refuse_and_go_on(self):
        names = ["node-1", "node-2", "node-3"]
        cluster, client = self.faulty(*names)
        for size in (3000, 600000):
            self.put(client, "before-%d" % size, content(size))
            for name in names:
                cluster.fail(name, "write /extents/ 1 %d %d" % (ALL, ENOSPC), "write small.db-wal 1 %d %d" % (ALL, ENOSPC))
            result = self.put(client, "during-%d" % size, content(size))
            self.assertEqual(result.returncode, EXIT["no_space"], result.stderr)
            self.check(client)
            for name in names:
                cluster.fail(name)
            result = self.put(client, "after-%d" % size, content(size))
            self.assertEqual(result.returncode, 0, result.stderr)
        self.check(client)
        for name in names:
            self.assertTrue(cluster.process(name).alive())


if __name__ == "__main__":
    main()
