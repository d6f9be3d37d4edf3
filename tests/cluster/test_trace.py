#!/usr/bin/python3
"""One id leads from an HTTP request to the disk: it is in the logs of all who had a hand in it."""

import re
import urllib.request

import harness


class Trace(harness.ClusterTest):
    def test_one_id_from_the_door_to_the_storage_node(self):
        cluster = self.cluster(processes=True, nodes=2, sets=("log-level=debug",), start=False)
        cluster.start()
        cluster.start("bridge")
        token = cluster.client("anna").token()

        def ask(method, address, body=None, **headers):
            request = urllib.request.Request(cluster.url("bridge") + address, method=method, data=body,
                                             headers=dict(headers, Authorization="Bearer " + token))
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
                return answer.headers["X-Request-Id"]

        def lines(name, trace):
            return re.findall(r"(?m)^.*\bid=%s$" % re.escape(trace), cluster.process(name).log_text())

        content = harness.content(3 << 20)
        put = ask("PUT", "/api/v1/files/users/anna/traced", content)
        own = {"X-Request-Id": "0b5e7c1a-93d2-4c55-8f2e-6d1f0a9b8c7d"}
        get = ask("GET", "/api/v1/files/users/anna/traced", **own)
        self.assertEqual(get, own["X-Request-Id"])
        self.assertRegex(put, r"^[0-9a-f]{16}$")
        for strange in ("two words", "quote\"", "dot.ted", "long" * 10, ""):
            self.assertRegex(ask("GET", "/api/v1/session", **{"X-Request-Id": strange}), r"^[0-9a-f]{16}$")
        for trace, commands in ((put, {"metadata": "PUT_FILE_INFO", "node-1": "STORE", "node-2": "STORE"}),
                                (get, {"metadata": "GET_FILE_INFO"})):
            harness.until(lambda: any("took_ms=" in line for line in lines("bridge", trace)), "the bridge tells how long request %s took" % trace)
            for name, command in commands.items():
                harness.until(lambda: any("command=%s code=ok" % command in line for line in lines(name, trace)),
                              "%s names request %s with %s" % (name, trace, command))
        harness.until(lambda: any("command=RETRIEVE code=ok" in line
                                  for name in ("node-1", "node-2") for line in lines(name, get)),
                      "a node names the request that reads")

    def test_one_id_from_a_copy_that_is_made_anew_to_the_node_that_gives_it(self):
        cluster = self.cluster(processes=True, sets=("log-level=debug", "heartbeat-interval=200 ms", "prune-after=1500 ms"), start=False)
        cluster.start()
        anna = cluster.client("anna")
        anna.put("a", harness.content(200000), "--replicas", "2")
        nodes = ("node-1", "node-2", "node-3")

        def holders():
            return [name for name in nodes if "command=STORE code=ok" in cluster.process(name).log_text()]
        harness.until(lambda: len(holders()) == 2, "two nodes have it")
        kept = holders()
        cluster.kill(kept[0])
        target = next(name for name in nodes if name not in kept)

        def copied():
            return re.search(r"(?m)^.* pull answered .* id=(\S+)$", cluster.process(target).log_text())
        harness.until(copied, "%s copied what has one copy" % target)
        harness.until(lambda: re.search(r"(?m)^.*command=RETRIEVE code=ok.* id=%s$" % re.escape(copied()[1]),
                                        cluster.process(kept[1]).log_text()), "%s names the same request" % kept[1])


if __name__ == "__main__":
    harness.main()
