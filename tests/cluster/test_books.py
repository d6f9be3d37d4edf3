#!/usr/bin/python3
"""Rules of metadata's books against what storage nodes really hold: files that vanish behind their back, strays, and a
database that was restored from an older copy."""

import glob
import os
import shutil
import sqlite3

import harness
from harness import ClusterTest, content, until

BIG = 3 << 20


class Books(ClusterTest):
    def setUp(self):
        super().setUp()
        self.kept = {}

    def put(self, client, name, size):
        self.kept[name] = content(size)
        client.put(name, self.kept[name])

    def node(self, cluster, number):
        return os.path.join(cluster.folder, "storage", "node-%d" % number)

    def extents(self, cluster, number):
        return sorted(glob.glob(os.path.join(self.node(cluster, number), "extents", "*", "*")))

    def aside(self, cluster):
        return glob.glob(os.path.join(cluster.folder, "storage", "*", "quarantine", "*"))

    def read_all(self, client):
        for name, octets in self.kept.items():
            self.assertEqual(client.get(name), octets, name)

    def whole(self, client, damaged):
        """All extents have their copies, and so many were found damaged."""
        status = client.json("status")
        copies = status["extents"]["by_live_copies"]
        return (status["damaged"] >= damaged and status["repair"]["extents"] == 0 and copies[0] == 0 and copies[1] == 0
                and status["repair"]["surplus"] == 0 and status["extents"]["total"] == copies[2])

    def fill(self):
        cluster = self.cluster()
        client = cluster.client("ada")
        cluster.wait_nodes(client, 3)
        for number in range(8):
            self.put(client, "big-%d" % number, BIG)
            self.put(client, "small-%d" % number, 1000 + number)
        return cluster, client


class Damage(Books):
    def test_what_vanishes_behind_a_nodes_back_is_found_and_repaired(self):
        cluster, client = self.fill()
        cluster.stop()
        one = max((1, 2, 3), key=lambda number: len(self.extents(cluster, number)))
        gone, cut, copied = self.extents(cluster, one)[:3]
        os.unlink(gone)
        os.truncate(cut, os.path.getsize(cut) // 2)
        stray = os.path.join(os.path.dirname(copied), os.path.basename(copied)[:2] + "0" * 30 + "-0")
        shutil.copy(copied, stray)
        database = sqlite3.connect(os.path.join(self.node(cluster, one), "small.db"))
        with database:
            lost = database.execute("DELETE FROM small WHERE id = (SELECT min (id) FROM small)").rowcount
        database.close()
        cluster.start()
        until(lambda: self.whole(client, 2 + lost), "all copies again", 60)
        self.assertRegex(client.ok("status").decode(), r"(?m)^damaged +\d+ copies were found bad or missing so far$")
        until(lambda: not os.path.exists(stray), "the stray put aside")
        self.assertTrue([name for name in self.aside(cluster) if os.path.basename(stray) in name])
        self.read_all(client)


    def test_a_scrub_on_demand_finds_and_repairs_flipped_cut_and_missing_files(self):
        cluster, client = self.fill()
        clean = client.json("admin", "scrub")
        self.assertEqual((clean["damaged"], clean["repaired"], len(clean["nodes"])), (0, 0, 3))
        one = max((1, 2, 3), key=lambda number: len(self.extents(cluster, number)))
        flipped, cut, gone = self.extents(cluster, one)[:3]
        with open(flipped, "r+b") as file:
            file.seek(BIG // 2)
            octet = file.read(1)
            file.seek(BIG // 2)
            file.write(bytes([octet[0] ^ 1]))
        os.truncate(cut, os.path.getsize(cut) - 1)
        os.unlink(gone)
        text = client.ok("admin", "scrub", "node-%d" % one).decode()
        self.assertIn("1 storage node read all they hold", text)
        self.assertIn("3 extents were damaged or missing, 3 repaired", text)
        until(lambda: self.whole(client, 3), "all copies again")
        self.read_all(client)
        self.assertIn("has begun", client.ok("admin", "scrub", "--no-wait").decode())
        client.ok("admin", "scrub", "--stop")
        client.fails("not_found", "admin", "scrub", "node-9")
        cluster.client("bob").fails("denied", "admin", "scrub")


class Recovery(Books):
    def database(self, cluster, name):
        """Keep the database under another name; cluster is stopped."""
        shutil.copy(os.path.join(cluster.folder, "metadata.db"), os.path.join(cluster.root, name))

    def restore(self, cluster, name):
        for file in glob.glob(os.path.join(cluster.folder, "metadata.db*")):
            if not file.endswith(".lock"):
                os.unlink(file)
        shutil.copy(os.path.join(cluster.root, name), os.path.join(cluster.folder, "metadata.db"))

    def recovers(self, client, surplus):
        list = client.json("admin", "recovery")
        return list["recovery"] and list["surplus_total"] == surplus and len(list["surplus"]) == surplus

    def test_an_older_database_takes_nothing_away_and_the_newer_one_finds_everything(self):
        cluster, client = self.fill()
        cluster.stop()
        self.database(cluster, "old")
        cluster.start()
        self.put(client, "later", BIG)
        client.ok("rm", "--forever", "big-0")
        until(lambda: sum(len(self.extents(cluster, number)) for number in (1, 2, 3)) == 16, "big-0 gone from the disks")
        cluster.stop()
        cluster.start()
        cluster.wait_nodes(client, 3)
        cluster.stop()
        self.database(cluster, "new")

        self.restore(cluster, "old")
        cluster.start()
        until(lambda: self.recovers(client, 2), "recovery with two copies too many")
        until(lambda: [row["path"] for row in client.json("admin", "recovery")["missing"]] == ["/users/ada/big-0"],
              "big-0 to be missed")
        text = client.ok("admin", "recovery").decode()
        for words in ("In recovery since", "an older copy", "/users/ada/big-0", "Surplus: 2 extents", "admin recovery --end", "nothing is lost"):
            self.assertIn(words, text)
        self.assertEqual(self.aside(cluster), [])
        bob = cluster.client("bob")
        bob.fails("denied", "admin", "recovery")
        bob.fails("denied", "admin", "recovery", "--end")

        self.assertIn(b"Recovery is over", client.ok("admin", "recovery", "--end"))
        until(lambda: len(self.aside(cluster)) == 2, "the surplus in quarantine")
        self.assertIn(b"No recovery", client.ok("admin", "recovery"))
        client.put("new-life", b"goes on")

        cluster.stop()
        self.restore(cluster, "new")
        cluster.start()
        until(lambda: client.json("admin", "recovery")["recovery"], "recovery, as another database was used")
        until(lambda: not self.aside(cluster), "the quarantine empty again")
        del self.kept["big-0"]
        self.read_all(client)


if __name__ == "__main__":
    harness.main()
