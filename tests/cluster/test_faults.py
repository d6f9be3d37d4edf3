"""Faults between the parts, and restarts under them: between client and broker, between a node and the broker, of metadata
and broker while files are put and fetched, and of the only node that can take a copy."""

import os

from faulty import Commands, FaultyTest
from harness import content, main, until

LARGE_BYTES = 12 << 20
SOON = ("heartbeat-interval=200 ms", "prune-after=2 s")


class Transfers(FaultyTest):
    """Something else than a node goes away while files are put and fetched."""

    def setUp(self):
        self.store = self.faulty(bus=True)
        self.alice = self.store.client("alice")
        self.store.wait_nodes(self.alice, 3)
        self.octets = content(LARGE_BYTES)
        with open(os.path.join(self.alice.home, "large"), "wb") as file:
            file.write(self.octets)
        self.alice.ok("put", "large", "old")

    def during(self, name, fault, mend):
        """Put and get, and let something happen in the middle of it."""
        commands = Commands(self.store, self.alice, "up")
        commands.begin("put", "large", name)
        commands.begin("get", "old", "back")
        with open(os.path.join(self.alice.home, "large"), "rb") as stream:
            commands.begin("put", "-", name + "-stdin", stdin=stream)
            until(commands.busiest, "a node has something to do")
            fault()
            mend()
            commands.wait()
        with open(os.path.join(self.alice.home, "back"), "rb") as file:
            self.assertEqual(file.read(), self.octets)
        for path in (name, name + "-stdin"):
            self.assertEqual(self.alice.get(path), self.octets)

    def mend_when_somebody_tries_again(self):
        """What was sent is lost without a word; a new connection is the sign that it was missed."""
        accepted = self.store.broker.accepted
        until(lambda: self.store.broker.accepted > accepted, "somebody tries again")
        self.store.broker.mend()

    def test_puts_and_gets_go_on(self):
        for role in ("metadata", "broker", "auth"):     #  Down for a moment
            self.during(role, lambda: self.store.kill(role), lambda: self.store.start(role))
        self.during("cut", self.store.broker.cut, lambda: None)
        self.during("half-open", self.store.broker.half_open, self.mend_when_somebody_tries_again)
        self.during("far", lambda: self.store.broker.set(delay_s=0.2), lambda: None)
        self.store.broker.mend()


class NodeAndBroker(FaultyTest):
    def test_a_node_that_cannot_reach_the_broker_is_back_when_it_can(self):
        store = self.faulty(bus=True, sets=SOON)
        client = store.client("alice")
        store.wait_nodes(client, 3)
        client.put("a", b"before", "--replicas", "3")
        for fault in ("half_open", "refuse"):
            for proxy in store.bus["node-2"]:
                getattr(proxy, fault)()
            store.wait_nodes(client, 1, "pruned")
            client.put("b", b"meanwhile")
            self.assertNotIn("node-2", client.json("stat", "b")["extents"][0]["nodes"])
            self.assertEqual(client.get("a"), b"before")
            for proxy in store.bus["node-2"]:
                proxy.mend()
            store.wait_nodes(client, 3)
            client.put("c", b"after", "--replicas", "3")

    def test_a_node_works_on_while_its_connection_to_the_broker_is_cut(self):
        store = self.faulty(bus=True)
        client = store.client("alice")
        store.wait_nodes(client, 3)
        for _ in range(3):
            for proxy in sum(store.bus.values(), []):
                proxy.cut()
            client.put("a", b"still here", "--replicas", "3")
            self.assertEqual(client.get("a"), b"still here")
        client.ok("rm", "--forever", "a")


class NoOtherNode(FaultyTest):
    def test_a_put_waits_for_a_node_that_starts_again(self):
        """Two nodes, two copies: there is nobody to take the place of the one that restarts."""
        store = self.faulty(nodes=2)
        client = store.client("alice")
        store.wait_nodes(client, 2)
        octets = content(LARGE_BYTES)
        local = os.path.join(client.home, "large")
        with open(local, "wb") as file:
            file.write(octets)
        commands = Commands(store, client, "up")
        commands.begin("put", local, "large")
        node = commands.fault("kill")
        store.start(node)
        commands.wait()
        self.assertEqual(client.get("large"), octets)
        for extent in client.json("stat", "large")["extents"]:
            self.assertEqual(sorted(extent["nodes"]), ["node-1", "node-2"])

    def test_slow_links_of_all_nodes_are_only_slow(self):
        """A record takes more than a second to every node: nobody is late, for nobody is faster."""
        store = self.faulty()
        client = store.client("alice")
        store.wait_nodes(client, 3)
        for proxy in store.data.values():
            proxy.set(rate=700e3)
        octets = content(2 << 20)
        client.put("slow", octets, "--replicas", "3")
        self.assertEqual(len(client.json("stat", "slow")["extents"][0]["nodes"]), 3)
        self.assertEqual(client.get("slow"), octets)


if __name__ == "__main__":
    main()
