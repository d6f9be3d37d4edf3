"""A cluster of processes whose connections go through proxies (proxy.py), the faults that a node may suffer, and the
load program (load.c) with its history."""

import json
import signal
import subprocess
import threading
import time

from harness import LOAD, RANDOM, Cluster, ClusterTest, end_with_parent, until
from proxy import Proxy

#  What may happen to a node. All but the first can be mended without a start.
FAULTS = ("kill", "stop", "half-open", "cut", "throttle")

#  Links are so slow that there is time for a fault
LINK_RATE = 20e6
FAULT_AT = 1 << 20


def port_of(endpoint):
    return int(endpoint.rsplit(":", 1)[1])


class FaultyCluster(Cluster):
    """Processes over TCP. data[NODE] is between clients (and nodes) and a node's data port; with bus=True, broker is
    between clients and the broker, and bus[NODE] are the two between a node and the broker: commands and heartbeats."""

    def __init__(self, bus=False, **options):
        super().__init__(processes=True, tcp=True, **options)
        self.data, self.bus, self.broker = {}, {}, None
        for name in self.names:
            if name.startswith("node-"):
                self.data[name] = Proxy(port_of(self.setting(name, "data-endpoint")))
                self.own[name] = ["data-advertise=" + self.data[name].endpoint]
                if bus:
                    self.bus[name] = [Proxy(port_of(self.setting(name, option))) for option in ("broker", "events-in")]
                    self.own[name] += ["broker=" + self.bus[name][0].endpoint, "events-in=" + self.bus[name][1].endpoint]
        if bus:
            self.broker = Proxy(port_of(self.setting("client", "broker")))

    def client(self, user=None, **options):
        if self.broker:
            options["sets"] = tuple(options.get("sets", ())) + ("broker=" + self.broker.endpoint,)
        return super().client(user, **options)

    def fault(self, node, kind):
        if kind == "kill":
            self.kill(node)
        elif kind == "stop":
            self.process(node).popen.send_signal(signal.SIGSTOP)
        elif kind == "half-open":
            self.data[node].half_open()
        elif kind == "cut":
            self.data[node].refuse()
        elif kind == "throttle":
            self.data[node].set(rate=20000)
        else:
            raise ValueError(kind)

    def mend(self, node):
        if node not in self.processes:
            self.start(node)
        self.process(node).popen.send_signal(signal.SIGCONT)
        self.data[node].mend()

    def destroy(self):
        try:
            for process in self.processes.values():
                process.popen.send_signal(signal.SIGCONT)
            super().destroy()
        finally:
            for proxy in list(self.data.values()) + sum(self.bus.values(), []) + [self.broker]:
                if proxy:
                    proxy.close()


class FaultyTest(ClusterTest):
    def faulty(self, **options):
        cluster = FaultyCluster(**options)
        self.addCleanup(cluster.destroy)
        self.addCleanup(self.show_logs, cluster)
        return cluster.start()


class Commands:
    """Several commands at the same time, while something happens to a node."""

    def __init__(self, cluster, client, direction):
        self.cluster, self.client, self.direction = cluster, client, direction
        self.threads, self.results = [], []
        for proxy in cluster.data.values():
            proxy.set(rate=LINK_RATE)
            proxy.bytes = {"up": 0, "down": 0}

    def begin(self, *command, **options):
        def run():
            began = time.monotonic()
            result = self.client.run(*command, **options)
            self.results.append((command, result, time.monotonic() - began))
        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def busiest(self):
        name, proxy = max(self.cluster.data.items(), key=lambda pair: pair[1].bytes[self.direction])
        return name if proxy.bytes[self.direction] >= FAULT_AT else None

    def fault(self, kind):
        """To the node that has most to do; its name."""
        node = until(self.busiest, "a node has something to do")
        if not any(thread.is_alive() for thread in self.threads):
            raise AssertionError("all commands were done before the fault")
        self.cluster.fault(node, kind)
        return node

    def wait(self):
        for thread in self.threads:
            thread.join()
        for command, result, seconds in self.results:
            print("    %s %.2f s" % (" ".join(command[:2]), seconds))
            if result.returncode != 0:
                raise AssertionError("%s: exit %d, %s" % (command, result.returncode, result.stderr.decode()))
        return [result for _, result, _ in self.results]


class Load:
    """The load program while it runs. history gets a dictionary for each operation, in the order of their ends."""

    def __init__(self, client, folder, mode, argument=None, number=1, workers=1, seconds=10, sets=(), feed=None):
        command = [LOAD, "--config", client.environment["FILESTORE_CONFIG"], "--session", client.session,
                   "--number", str(number), "--workers", str(workers), "--seconds", str(seconds),
                   "--seed", str(RANDOM.randrange(1 << 31))]
        for value in tuple(sets) + tuple(client.sets[1::2]):
            command += ["--set", value]
        command += [folder, mode] + ([str(argument)] if argument is not None else [])
        self.history = []
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      preexec_fn=end_with_parent)
        self.threads = [threading.Thread(target=self.read), threading.Thread(target=self.feed, args=(feed or [],))]
        for thread in self.threads:
            thread.start()

    def feed(self, lines):
        for line in lines:
            self.popen.stdin.write(line + "\n")
        self.popen.stdin.close()

    def read(self):
        for line in self.popen.stdout:
            self.history.append(json.loads(line))

    def wait(self, seconds=120):
        """The whole history."""
        try:
            code = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            raise AssertionError("the load does not end: " + repr(self.history[-3:]))
        finally:
            for thread in self.threads:
                thread.join()
            self.popen.stdout.close()
        if code != 0:
            raise AssertionError("the load ended with %d" % code)
        return self.history
