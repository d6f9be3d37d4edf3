#!/usr/bin/python3
"""Majordomo as others speak it: raw frames, written from RFC 18, 7 and 8, over Python's own binding.

    mdp_golden.py BROKER_ALONE

Starts the broker program in a private folder, and ends it.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

import zmq

WITHIN_MS = 10000
C2, W2, C1, W1 = b"MDPC02", b"MDPW02", b"MDPC01", b"MDPW01"


class Golden(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="mdp-")
        self.context = zmq.Context()
        self.start()

    def start(self):
        self.broker = subprocess.Popen([sys.argv[1], self.folder.name], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.assertEqual(self.broker.stdout.readline(), b"ready\n")

    def stop(self, kill=False):
        if kill:
            self.broker.kill()
        self.broker.communicate()
        return self.broker.returncode

    def tearDown(self):
        self.context.destroy(linger=0)
        self.assertEqual(self.stop(), 0)
        self.folder.cleanup()

    def socket(self, kind, door):
        socket = self.context.socket(kind)
        socket.rcvtimeo = WITHIN_MS
        socket.linger = 0
        socket.connect("ipc://%s/%s" % (self.folder.name, door))
        return socket

    def worker(self, protocol, service, empty=()):
        worker = self.socket(zmq.DEALER, "actors")
        worker.send_multipart([*empty, protocol, b"\1", service])
        self.until_offered(service)
        return worker

    def until_offered(self, service):
        client = self.socket(zmq.DEALER, "clients")
        deadline = time.monotonic() + WITHIN_MS / 1000
        status = b""
        while status != b"200" and time.monotonic() < deadline:
            client.send_multipart([C2, b"\1", b"mmi.service", service])
            frames = client.recv_multipart()
            self.assertEqual(frames[:3], [C2, b"\3", b"mmi.service"])
            status = frames[3]
        self.assertEqual(status, b"200")
        client.close()

    def next(self, socket, heartbeat):
        """The next message that is no heartbeat."""
        frames = socket.recv_multipart()
        while frames == heartbeat:
            frames = socket.recv_multipart()
        return frames

    def test_02(self):
        worker = self.worker(W2, b"echo")
        client = self.socket(zmq.DEALER, "clients")
        client.send_multipart([C2, b"\1", b"echo", b"one", b"\0\xff"])
        frames = self.next(worker, [W2, b"\5"])
        self.assertEqual(frames[:2], [W2, b"\2"])
        address, empty, *body = frames[2:]
        self.assertEqual([empty, *body], [b"", b"one", b"\0\xff"])
        worker.send_multipart([W2, b"\3", address, b"", b"part"])
        worker.send_multipart([W2, b"\4", address, b"", b"last", b""])
        self.assertEqual(client.recv_multipart(), [C2, b"\2", b"echo", b"part"])
        self.assertEqual(client.recv_multipart(), [C2, b"\3", b"echo", b"last", b""])

    def test_01(self):
        worker = self.worker(W1, b"echo", [b""])
        client = self.socket(zmq.REQ, "clients")
        client.send_multipart([C1, b"echo", b"one"])
        frames = self.next(worker, [b"", W1, b"\4"])
        self.assertEqual(frames[:3], [b"", W1, b"\2"])
        address, empty, *body = frames[3:]
        self.assertEqual([empty, *body], [b"", b"one"])
        worker.send_multipart([b"", W1, b"\3", address, b"", b"two"])
        self.assertEqual(client.recv_multipart(), [C1, b"echo", b"two"])

    def test_01_asynchronous_client(self):
        """Many requests under way from one DEALER, answered by two workers in an order of their own."""
        workers = [self.worker(W1, b"echo", [b""]) for _ in range(2)]
        client = self.socket(zmq.DEALER, "clients")
        for number in range(20):
            client.send_multipart([b"", C1, b"echo", b"%d" % number])
        poller = zmq.Poller()
        for worker in workers:
            poller.register(worker, zmq.POLLIN)
        served, busy = [], [0, 0]
        while len(served) < 20:
            ready = dict(poller.poll(WITHIN_MS))
            self.assertTrue(ready, "no request came")
            for at, worker in enumerate(workers):
                if worker in ready:
                    frames = worker.recv_multipart()
                    if frames == [b"", W1, b"\4"]:
                        continue
                    self.assertEqual(frames[:3], [b"", W1, b"\2"])
                    self.assertEqual(frames[4], b"")
                    worker.send_multipart([b"", W1, b"\3", frames[3], b"", b"re " + frames[5]])
                    served.append(frames[5])
                    busy[at] += 1
        self.assertEqual(sorted(served, key=int), [b"%d" % number for number in range(20)])
        self.assertTrue(all(busy), "one worker had no work")
        replies = [client.recv_multipart() for _ in range(20)]
        self.assertEqual(sorted(frames[3] for frames in replies), sorted(b"re " + body for body in served))
        for frames in replies:
            self.assertEqual(frames[:3], [b"", C1, b"echo"])

    def test_01_without_the_empty_frame(self):
        """A DEALER may leave it out; then it is left out of what it gets."""
        worker = self.worker(W1, b"echo")
        client = self.socket(zmq.DEALER, "clients")
        client.send_multipart([C1, b"echo", b"one"])
        frames = self.next(worker, [W1, b"\4"])
        self.assertEqual(frames[:2], [W1, b"\2"])
        worker.send_multipart([W1, b"\3", frames[2], b"", b"two"])
        self.assertEqual(client.recv_multipart(), [C1, b"echo", b"two"])

    def test_02_with_the_empty_frame(self):
        worker = self.worker(W2, b"echo", [b""])
        client = self.socket(zmq.DEALER, "clients")
        client.send_multipart([b"", C2, b"\1", b"echo", b"one"])
        frames = self.next(worker, [b"", W2, b"\5"])
        self.assertEqual(frames[:3], [b"", W2, b"\2"])
        worker.send_multipart([b"", W2, b"\4", frames[3], b"", b"two"])
        self.assertEqual(client.recv_multipart(), [b"", C2, b"\3", b"echo", b"two"])

    def test_old_clients_and_new_workers_understand_each_other(self):
        worker = self.worker(W2, b"new")
        client = self.socket(zmq.REQ, "clients")
        client.send_multipart([C1, b"new", b"one"])
        frames = self.next(worker, [W2, b"\5"])
        worker.send_multipart([W2, b"\3", *frames[2:4], b"a part, which 0.1 does not know"])
        worker.send_multipart([W2, b"\4", *frames[2:4], b"all"])
        self.assertEqual(client.recv_multipart(), [C1, b"new", b"all"])

    def test_new_clients_and_old_workers_understand_each_other(self):
        worker = self.worker(W1, b"old", [b""])
        client = self.socket(zmq.DEALER, "clients")
        client.send_multipart([C2, b"\1", b"old", b"one"])
        frames = self.next(worker, [b"", W1, b"\4"])
        worker.send_multipart([b"", W1, b"\3", *frames[3:5], b"two"])
        self.assertEqual(client.recv_multipart(), [C2, b"\3", b"old", b"two"])

    def test_01_heartbeats_go_both_ways(self):
        worker = self.worker(W1, b"echo", [b""])
        for _ in range(2):
            self.assertEqual(worker.recv_multipart(), [b"", W1, b"\4"])
            worker.send_multipart([b"", W1, b"\4"])
        self.until_offered(b"echo")

    def test_01_disconnect_takes_the_worker_out(self):
        worker = self.worker(W1, b"echo", [b""])
        worker.send_multipart([b"", W1, b"\5"])
        client = self.socket(zmq.REQ, "clients")
        deadline = time.monotonic() + WITHIN_MS / 1000
        status = b""
        while status != b"404" and time.monotonic() < deadline:
            client.send_multipart([C1, b"mmi.service", b"echo"])
            frames = client.recv_multipart()
            self.assertEqual(frames[:2], [C1, b"mmi.service"])
            status = frames[2]
        self.assertEqual(status, b"404")
        worker.send_multipart([b"", W1, b"\1", b"echo"])       # And it may come back
        self.until_offered(b"echo")

    def test_01_worker_hears_disconnect_at_the_end(self):
        worker = self.worker(W1, b"echo", [b""])
        self.stop()
        self.assertEqual(self.next(worker, [b"", W1, b"\4"]), [b"", W1, b"\5"])
        self.start()

    def test_01_worker_that_another_broker_knew_is_told_to_register_again(self):
        """The broker was killed; what the worker sends next is a heartbeat to one that does not know it."""
        worker = self.worker(W1, b"echo", [b""])
        self.stop(kill=True)
        self.start()
        deadline = time.monotonic() + WITHIN_MS / 1000
        frames = None
        worker.rcvtimeo = 100
        while frames != [b"", W1, b"\5"] and time.monotonic() < deadline:
            worker.send_multipart([b"", W1, b"\4"])
            try:
                frames = worker.recv_multipart()
            except zmq.Again:
                pass
        self.assertEqual(frames, [b"", W1, b"\5"])
        worker.send_multipart([b"", W1, b"\1", b"echo"])
        self.until_offered(b"echo")

    def test_02_over_a_plain_req(self):
        worker = self.worker(W2, b"echo")
        client = self.socket(zmq.REQ, "clients")
        for turn in (b"1", b"2"):
            client.send_multipart([C2, b"\1", b"echo", turn])
            frames = self.next(worker, [W2, b"\5"])
            worker.send_multipart([W2, b"\4", *frames[2:]])
            self.assertEqual(client.recv_multipart(), [C2, b"\3", b"echo", turn])

    def test_an_actor_calls_by_its_own_door(self):
        worker = self.worker(W2, b"echo")
        client = self.socket(zmq.DEALER, "actors")
        client.send_multipart([C2, b"\1", b"echo", b"one"])
        frames = self.next(worker, [W2, b"\5"])
        worker.send_multipart([W2, b"\4", *frames[2:]])
        self.assertEqual(client.recv_multipart(), [C2, b"\3", b"echo", b"one"])

    def test_heartbeats_come_each_second(self):
        worker = self.worker(W2, b"echo")
        self.assertEqual(worker.recv_multipart(), [W2, b"\5"])
        start = time.monotonic()
        self.assertEqual(worker.recv_multipart(), [W2, b"\5"])
        self.assertLess(abs(time.monotonic() - start - 1), 0.5)

    def test_mmi(self):
        client = self.socket(zmq.REQ, "clients")
        for service, body, status in ((b"mmi.service", b"echo", b"404"), (b"mmi.other", b"echo", b"501")):
            client.send_multipart([C2, b"\1", service, body])
            self.assertEqual(client.recv_multipart(), [C2, b"\3", service, status])
        worker = self.socket(zmq.DEALER, "actors")
        worker.send_multipart([W2, b"\1", b"mmi.echo"])
        self.assertEqual(worker.recv_multipart(), [W2, b"\6"])

    def test_strangers_are_disconnected(self):
        for empty, protocol, beat, disconnect in (([], W2, b"\5", b"\6"), ([b""], W1, b"\4", b"\5")):
            worker = self.socket(zmq.DEALER, "actors")
            worker.send_multipart([*empty, protocol, beat])
            self.assertEqual(worker.recv_multipart(), [*empty, protocol, disconnect])

    def test_a_worker_is_told_of_the_end(self):
        worker = self.worker(W2, b"echo")
        self.assertEqual(self.stop(), 0)
        self.assertEqual(self.next(worker, [W2, b"\5"]), [W2, b"\6"])
        self.start()

    def test_a_dead_worker_s_request_is_answered_soon(self):
        worker = self.worker(W2, b"echo")
        client = self.socket(zmq.DEALER, "clients")
        client.send_multipart([C2, b"\1", b"echo", json.dumps({"v": 1, "id": "abc", "command": "X"}).encode()])
        self.next(worker, [W2, b"\5"])
        worker.close()
        start = time.monotonic()
        frames = client.recv_multipart()
        self.assertLess(time.monotonic() - start, 2)
        self.assertEqual(frames[:3], [C2, b"\3", b"echo"])
        error = json.loads(frames[3])
        self.assertEqual((error["id"], error["status"], error["code"]), ("abc", "error", "unavailable"))

    def test_a_request_waits_for_a_worker(self):
        client = self.socket(zmq.DEALER, "clients")
        client.send_multipart([C2, b"\1", b"echo", b"early"])
        time.sleep(0.2)
        worker = self.worker(W2, b"echo")
        self.assertEqual(self.next(worker, [W2, b"\5"])[4:], [b"early"])

    def test_a_fixed_identity_works_too(self):
        worker = self.worker(W2, b"echo")
        client = self.context.socket(zmq.DEALER)
        client.setsockopt(zmq.IDENTITY, b"x" * 255)
        client.rcvtimeo = WITHIN_MS
        client.connect("ipc://%s/clients" % self.folder.name)
        client.send_multipart([C2, b"\1", b"echo", b"one"])
        frames = self.next(worker, [W2, b"\5"])
        worker.send_multipart([W2, b"\4", *frames[2:]])
        self.assertEqual(client.recv_multipart(), [C2, b"\3", b"echo", b"one"])

    def test_garbage_hurts_nobody(self):
        for door in ("clients", "actors"):
            bad = self.socket(zmq.DEALER, door)
            for frames in ([b""], [b"", b""], [b"x"], [C2], [C2, b"\1"], [C2, b"\1", b"x"], [C2, b""], [W2], [W2, b"\4"],
                           [W2, b"\4", b""], [b"", b"", b"", b""], [os.urandom(50)], [b"x"] * 400, [C2, b"\1"] + [b"x"] * 319,
                           [C1, b"\xff\xfe", b"x"], [C2, b"\1", b"a" * 129, b"x"]):
                bad.send_multipart(frames)
        self.test_02()

    def test_events_pass(self):
        publisher = self.context.socket(zmq.PUB)
        publisher.connect("ipc://%s/in" % self.folder.name)
        subscriber = self.socket(zmq.SUB, "out")
        subscriber.subscribe(b"file.")
        subscriber.rcvtimeo = 20
        for _ in range(WITHIN_MS // 20):
            publisher.send_multipart([b"node.lost", b"{}"])
            publisher.send_multipart([b"file." + b"x" * 196, b"too long a topic"])
            publisher.send_multipart([b"file.committed", b"{}"])
            try:
                self.assertEqual(subscriber.recv_multipart(), [b"file.committed", b"{}"])
                return
            except zmq.Again:
                pass
        self.fail("no event came")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], warnings="ignore")
