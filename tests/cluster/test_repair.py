"""Repair and draining of a cluster of processes, as people see them on the command line."""

import os

from harness import ClusterTest, content, main, until

SETS = ("heartbeat-interval=200 ms", "prune-after=2 s")


class Repair(ClusterTest):
    def begin(self, nodes):
        self.the = self.cluster(processes=True, nodes=nodes, sets=SETS)
        client = self.the.client("anna")
        self.the.wait_nodes(client, nodes)
        self.files = {"big": content(9_000_000), "one": content(1), "empty": b""}
        for at in range(30):
            self.files["small-%d" % at] = content(100 + 1000 * at)
        folder = os.path.join(self.the.root, "files")
        os.mkdir(folder)
        for name, octets in self.files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(octets)
        client.ok("put", "-r", folder, "files")
        self.got = 0
        return client

    def node(self, client, name):
        return next(row for row in client.json("nodes") if row["id"] == name)

    def check_files(self, client):
        self.got += 1
        folder = os.path.join(self.the.root, "got-%d" % self.got)
        client.ok("get", "-r", "files", folder)
        for name, octets in self.files.items():
            with open(os.path.join(folder, name), "rb") as file:
                self.assertEqual(file.read(), octets, name)

    def wait_whole(self, client):
        def whole():
            status = client.json("status")
            repair = status["repair"]
            return (sum(status["extents"]["by_live_copies"][:2]) == 0 and repair["extents"] == 0
                    and repair["surplus"] == 0 and status["garbage"] == 0)
        until(whole, "every extent has its copies, and no more")

    def test_lost_copies_are_made_anew(self):
        client = self.begin(3)
        self.the.kill("node-1")
        self.the.wait_nodes(client, 1, "pruned")
        def safe():
            status = client.json("status")
            return status["bytes_at_one_copy"] == 0 and status["repair"]["extents"] == 0
        until(safe, "nothing is at one copy")
        text = client.ok("status").decode()
        self.assertRegex(text, r"(?m)^bytes at one copy  0$")
        self.assertRegex(text, r"(?m)^to be repaired     nothing$")
        self.the.kill("node-2")                 # What was on both is on the third one now
        self.check_files(client)
        self.the.start("node-1", "node-2")
        self.the.wait_nodes(client, 3)
        self.wait_whole(client)
        self.check_files(client)

    def test_without_another_node_status_says_so(self):
        client = self.begin(2)
        self.the.kill("node-1")
        self.the.wait_nodes(client, 1, "pruned")
        until(lambda: client.json("status")["repair"]["stuck_total"], "it is stuck")
        repair = client.json("status")["repair"]
        self.assertEqual(repair["stuck_total"], repair["extents"])
        self.assertIn("no other node", repair["stuck"][0]["reason"])
        self.assertTrue(repair["stuck"][0]["path"].startswith("/users/anna/"))
        self.assertNotIn("left_ms", repair)
        self.assertIn(b"no other node", client.ok("status"))
        self.assertIn(b"/users/anna/", client.ok("status"))
        other = self.the.client("berta")
        self.assertEqual({row["path"] for row in other.json("status")["repair"]["stuck"]}, {""})

    def test_a_node_is_drained_and_taken_back(self):
        client = self.begin(3)
        self.the.client("berta").fails("denied", "admin", "drain", "node-1")
        client.fails("not_found", "admin", "drain", "node-9")
        text = client.ok("admin", "drain", "node-1").decode()
        self.assertRegex(text, r"node-1 holds \d+ extents with .*, which are copied to other nodes")
        self.assertIn("node-1 is empty", text)
        row = self.node(client, "node-1")
        self.assertTrue(row["draining"])
        self.assertEqual((row["state"], row["holds"], row["bytes"]), ("alive", 0, 0))
        self.assertIn(b"alive, draining", client.ok("nodes"))
        self.assertEqual(client.json("status")["bytes_at_one_copy"], 0)
        client.put("later", content(1000))
        self.assertEqual(self.node(client, "node-1")["holds"], 0)
        failed = client.fails("too_few_nodes", "admin", "drain", "node-2")
        self.assertIn("only 1 other node is alive", failed)
        self.wait_whole(client)
        self.the.kill("node-1")                 # Nobody needs it any more
        self.check_files(client)
        self.the.start("node-1")
        self.the.wait_nodes(client, 3)
        self.assertIn(b"node-1 is in use again", client.ok("admin", "drain", "node-1", "--undo"))
        reply = client.json("admin", "drain", "node-2", "--no-wait")
        self.assertTrue(reply["draining"])
        reply = client.json("admin", "drain", "node-2")
        self.assertEqual((reply["id"], reply["holds"], reply["drained"]), ("node-2", 0, True))
        self.wait_whole(client)
        self.check_files(client)


if __name__ == "__main__":
    main()
