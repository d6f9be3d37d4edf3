"""Bridges beside a cluster of processes: several at once, restarts of what is behind them, TLS."""

import os
import ssl
import subprocess

from harness import FILESTORED, PASSWORD, ClusterTest, main, until
from visitor import Listener, Raw, Visitor


class Several(ClusterTest):
    def test_several_bridges_in_front_of_one_cluster_over_tcp(self):
        cluster = self.cluster(processes=True, tcp=True, start=False)
        cluster.start(*cluster.names, "bridge-1", "bridge-2")
        one, two = Visitor(cluster.url("bridge-1")), Visitor(cluster.url("bridge-2"))
        self.addCleanup(one.close)
        self.addCleanup(two.close)
        until(lambda: one.get("/api/v1/session").status == 200, "auth answers", 30)
        one.register("alice")
        two.cookie = one.cookie
        listener = Listener(two)
        self.addCleanup(listener.close)
        self.assertEqual(one.post("/api/v1/folders", {"path": "a"}).status, 200)
        listener.until(lambda topic, data: topic == "file.folder")
        self.assertEqual(two.get("/api/v1/entry", path="a").status, 200)
        self.assertEqual(one.ask("DELETE", "/api/v1/session").status, 200)
        until(lambda: two.get("/api/v1/entry", path="a").status == 401, "the other bridge knows of the logout")

    def test_restart_of_everything_behind_it(self):
        cluster = self.cluster(processes=True, start=False)
        cluster.start(*cluster.names, "bridge")
        visitor = Visitor(cluster.url("bridge")).register("alice")
        self.addCleanup(visitor.close)
        listener = Listener(visitor)
        self.addCleanup(listener.close)
        for number, name in enumerate(("metadata", "broker", "auth")):
            cluster.kill(name)
            self.assertEqual(visitor.get("/healthz").status, 200)
            cluster.start(name)
            until(lambda: visitor.get("/api/v1/status").status == 200, "it answers again after " + name, 30)
            path = "f%d" % number
            until(lambda: visitor.post("/api/v1/folders", {"path": path}).status in (200, 409), "it works again", 30)
            listener.until(lambda topic, data: topic == "file.folder" and data["path"].endswith("/" + path))

    def test_bridge_that_is_killed_is_simply_started_again(self):
        cluster = self.cluster(processes=True, start=False)
        cluster.start(*cluster.names, "bridge")
        visitor = Visitor(cluster.url("bridge")).register("alice")
        cluster.restart("bridge")
        again = Visitor(cluster.url("bridge"), cookie=visitor.cookie)
        self.addCleanup(again.close)
        self.assertTrue(again.get("/api/v1/session").json()["signed_in"])
        visitor.close()


class Tls(ClusterTest):
    def certificate(self, folder):
        names = [os.path.join(folder, name) for name in ("certificate.pem", "key.pem")]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-out", names[0], "-keyout", names[1]],
                       check=True, capture_output=True)
        return names

    def test_page_over_tls(self):
        cluster = self.cluster(start=False, web=True)
        certificate, key = self.certificate(cluster.root)
        cluster.sets += ["--set", "web-certificate=" + certificate, "--set", "web-key=" + key]
        cluster.start()
        self.assertTrue(cluster.url().startswith("https://127.0.0.1:"))
        visitor = Visitor(cluster.url(), ssl.create_default_context(cafile=certificate))
        self.addCleanup(visitor.close)
        answer = visitor.post("/api/v1/accounts", {"name": "alice", "password": PASSWORD})
        self.assertRegex(answer.headers["Set-Cookie"], "; Secure$")
        self.assertEqual(visitor.ask("POST", "/api/v1/folders", {"path": "a"}, mark=False,
                                     headers={"Origin": cluster.url()}).status, 200)
        self.assertEqual(visitor.ask("POST", "/api/v1/folders", {"path": "b"}, mark=False,
                                     headers={"Origin": cluster.url().replace("https", "http")}).status, 403)
        raw = Raw(cluster.url())            # Who does not speak TLS gets nothing
        self.addCleanup(raw.close)
        raw.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertNotIn(b"HTTP/1.1 200", raw.read_all())

    def test_versions_of_tls_that_are_broken_are_not_spoken(self):
        cluster = self.cluster(start=False, web=True)
        certificate, key = self.certificate(cluster.root)
        cluster.sets += ["--set", "web-certificate=" + certificate, "--set", "web-key=" + key]
        cluster.start()
        for version, spoken in (("-tls1", False), ("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)):
            result = subprocess.run(["openssl", "s_client", "-connect", cluster.url().split("//")[1], version, "-cipher", "ALL:@SECLEVEL=0"],
                                    stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
            self.assertEqual(result.returncode == 0, spoken, version)

    def test_certificates_that_are_none_stop_the_start(self):
        cluster = self.cluster(start=False, web=True)
        certificate, key = self.certificate(cluster.root)
        for sets, word in ((["web-certificate=" + certificate], "web-key"), (["web-certificate=/nowhere", "web-key=" + key], "/nowhere"),
                           (["web-certificate=" + key, "web-key=" + certificate], "web-certificate")):
            arguments = cluster.arguments("filestored") + [argument for value in sets for argument in ("--set", value)]
            result = subprocess.run([FILESTORED] + arguments, capture_output=True, timeout=30)
            self.assertNotEqual(result.returncode, 0, sets)
            self.assertIn(word, result.stderr.decode().splitlines()[-1])


if __name__ == "__main__":
    main()
