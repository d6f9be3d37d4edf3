#!/usr/bin/python3
"""What actors publish of themselves is in /metrics, counted right, and in the form that Prometheus takes."""

import json
import re
import shutil
import subprocess
import threading
import urllib.request

import zmq

import harness

INTERVAL = "metrics-interval=200 ms"


class Metrics(harness.ClusterTest):
    @classmethod
    def setUpClass(cls):
        cls.one = harness.Cluster(web=True, nodes=2, sets=(INTERVAL,))
        cls.addClassCleanup(cls.one.destroy)
        cls.one.start()
        cls.admin = cls.one.client("anna")

    def text(self):
        with urllib.request.urlopen(self.one.url() + "/metrics", timeout=60) as answer:
            return answer.read().decode()

    def values(self, name, **labels):
        """Numbers of all series of that name with those labels."""
        found = []
        for series, number in re.findall(r"(?m)^filestore_%s\{([^}]*)\} (\S+)$" % name, self.text()):
            have = dict(re.findall(r'(\w+)="([^"]*)"', series))
            if all(have.get(label) == value for label, value in labels.items()):
                found.append(float(number))
        return found

    def value(self, name, **labels):
        return sum(self.values(name, **labels))

    def test_every_actor_is_there(self):
        wanted = {"auth", "bridge", "broker", "content", "metadata", "storage.node-1", "storage.node-2"}
        harness.until(lambda: wanted == set(re.findall(r'filestore_actor_info\{service="([^"]+)"', self.text())),
                      "all actors are in /metrics")

    def test_requests_are_counted_by_command_and_result(self):
        def told():
            return [self.value("requests_total", service="metadata", command="MAKE_FOLDER", code=code) for code in ("ok", "exists")]
        before = told()
        for number in range(5):
            self.admin.ok("mkdir", "counted-%d" % number)
        self.admin.fails("exists", "mkdir", "counted-0")
        harness.until(lambda: told() == [before[0] + 5, before[1] + 1], "6 requests are counted")
        count = self.value("request_seconds_count", service="metadata", command="MAKE_FOLDER")
        self.assertEqual(count, self.value("request_seconds_bucket", service="metadata", command="MAKE_FOLDER", le="+Inf"))
        self.assertEqual(count, sum(told()))
        self.assertGreater(self.value("request_seconds_sum", service="metadata", command="MAKE_FOLDER"), 0)

    def test_a_figure_of_a_class_is_that_of_the_actor(self):
        self.admin.put("some", harness.content(3 << 20))
        for node in ("node-1", "node-2"):
            harness.until(lambda: self.value("storage_stored_bytes_total", service="storage." + node) >= 3 << 20,
                          "%s tells what it stored" % node)
        self.assertEqual(len(self.values("storage_scrub_age_seconds")), 2)
        harness.until(lambda: self.value("metadata_files") == self.admin.json("status")["files"], "files are counted")
        self.assertGreaterEqual(self.value("broker_workers"), 6)
        self.assertEqual(self.values("auth_users"), [1])

    def test_a_worker_in_any_language_is_counted_without_doing_anything_for_it(self):
        worker = zmq.Context.instance().socket(zmq.DEALER)
        worker.linger = 0
        self.addCleanup(worker.close)
        worker.connect("ipc://%s/run/actors" % self.one.folder)
        worker.send_multipart([b"MDPW02", b"\1", b"foreign"])
        done = threading.Event()

        def work():
            while not done.is_set():
                if worker.poll(100):
                    frames = worker.recv_multipart()
                    if frames[1] == b"\2":
                        request = json.loads(frames[4])
                        if request["command"] == "LEAVE":
                            worker.send_multipart([b"MDPW02", b"\6"])
                            return
                        reply = {"v": 1, "id": request["id"], "status": "ok", "payload": {}}
                        worker.send_multipart([b"MDPW02", b"\4", frames[2], b"", json.dumps(reply).encode()])
                worker.send_multipart([b"MDPW02", b"\5"])
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 60)
        self.addCleanup(done.set)

        def told():
            return {result: self.value("service_requests_total", service="foreign", result=result)
                    for result in ("replied", "lost", "timeout", "unavailable", "busy", "too_large")}
        harness.until(lambda: self.values("service_workers", service="foreign") == [1], "the service is in /metrics")
        for _ in range(3):
            self.admin.ok("call", "foreign", "HELLO")
        self.assertEqual(told(), {"replied": 3, "lost": 0, "timeout": 0, "unavailable": 0, "busy": 0, "too_large": 0})
        self.assertEqual(self.value("service_seconds_count", service="foreign"), 3)
        self.assertGreater(self.value("service_seconds_sum", service="foreign"), 0)
        caller = zmq.Context.instance().socket(zmq.REQ)     # Ours would ask again
        caller.linger = 0
        self.addCleanup(caller.close)
        caller.connect("ipc://%s/run/clients" % self.one.folder)
        caller.send_multipart([b"MDPC02", b"\1", b"foreign", json.dumps({"v": 1, "id": "leave", "command": "LEAVE"}).encode()])
        self.assertTrue(caller.poll(60000))
        self.assertEqual(json.loads(caller.recv_multipart()[3])["code"], "unavailable")
        self.assertEqual(told()["lost"], 1, self.text())
        self.assertEqual(self.values("service_workers", service="foreign"), [0])
        for service in ("auth", "metadata", "storage.node-1", "broker"):
            self.assertGreaterEqual(self.value("service_workers", service=service), 1, service)
        self.assertGreater(self.value("service_requests_total", service="metadata", result="replied"), 0)

    def test_promtool_finds_nothing_to_say(self):
        harness.until(lambda: self.values("storage_extents"), "actors are in /metrics")
        promtool = shutil.which("promtool")
        self.assertTrue(promtool, "promtool is missing: docker/install test")
        result = subprocess.run([promtool, "check", "metrics"], input=self.text().encode(), stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=60)
        self.assertEqual((result.returncode, result.stdout), (0, b""))


class Silent(harness.ClusterTest):
    def test_an_actor_that_is_gone_is_left_out(self):
        cluster = self.cluster(processes=True, nodes=1, sets=(INTERVAL,), start=False)
        cluster.start()
        cluster.start("bridge")
        def there():
            with urllib.request.urlopen(cluster.url("bridge") + "/metrics", timeout=60) as answer:
                return b'filestore_actor_info{service="storage.node-1"' in answer.read()
        harness.until(there, "the node is in /metrics")
        cluster.kill("node-1")
        harness.until(lambda: not there(), "the node is left out")


if __name__ == "__main__":
    harness.main()
