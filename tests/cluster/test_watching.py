"""What watches a cluster fits it: every figure in the alert rules and on the dashboard is one that /metrics has, and
Prometheus takes all of it."""

import json
import os
import re
import shutil
import subprocess
import urllib.request

from harness import SOURCE, ClusterTest, content, main, until

FOLDER = os.path.join(SOURCE, "packaging")
RULES = os.path.join(FOLDER, "prometheus", "filestore.rules.yml")
DASHBOARD = os.path.join(FOLDER, "grafana", "filestore.json")


def named(text):
    """Names of figures, those of histograms without their endings."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\bfilestore_[a-z_]+\b", text)}


class Watching(ClusterTest):
    def metrics(self, cluster):
        with urllib.request.urlopen(cluster.url() + "/metrics", timeout=60) as answer:
            return answer.read().decode()

    def promtool(self, *arguments, **options):
        if not shutil.which("promtool"):
            print("promtool (Debian: prometheus) is not here: NOT CHECKED: " + " ".join(arguments))
            return
        result = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60, **options)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_rules_and_dashboard_ask_for_what_is_there(self):
        cluster = self.cluster(web=True, sets=("heartbeat-interval=500 ms", "metrics-interval=500 ms"))
        cluster.client("alice").put("a", content(100000))
        with open(RULES) as rules, open(DASHBOARD) as dashboard:
            asked = named("".join(line for line in rules if "filestore_" in line)) | named(dashboard.read())
        self.assertGreater(len(asked), 20)

        def missing():
            self.text = self.metrics(cluster)
            return asked - {name for name in re.findall(r"^# TYPE (\S+) ", self.text, re.M)}
        try:
            until(lambda: not missing(), "all figures", 60)
        except AssertionError:
            self.fail("not in /metrics: %s" % sorted(missing()))
        self.promtool("check", "metrics", input=self.text)

    def test_prometheus_takes_the_rules_and_they_go_off(self):
        folder = os.path.dirname(RULES)
        self.promtool("check", "rules", RULES)
        self.promtool("test", "rules", os.path.join(folder, "filestore.rules.test.yml"), cwd=folder)
        self.promtool("check", "config", os.path.join(folder, "prometheus.yml"), cwd=folder)
        with open(DASHBOARD) as file:
            dashboard = json.load(file)
        for panel in dashboard["panels"]:
            if panel["type"] != "row":
                self.assertTrue(panel["title"] and panel["targets"], panel["id"])


if __name__ == "__main__":
    main()
