"""A TCP proxy on 127.0.0.1 that spoils connections while it runs: it delays, throttles, stalls, swallows or cuts
them, each direction by itself. "up" is from who connected to the target, "down" the way back.

    proxy = Proxy(target_port)
    proxy.set("up", delay_s=0.1, rate=100000)   # Octets a second; for connections that are and those to come
    proxy.half_open()       # Swallow both ways, silently: the peer vanished without a word
    proxy.cut()             # Reset all connections; new ones are taken again
    proxy.refuse()          # Reset, and refuse new ones
    proxy.mend()            # As new. Connections that lost octets are reset, for they can not go on
    proxy.close()
"""

import collections
import selectors
import socket
import struct
import threading
import time

READ_BYTES = 64 * 1024
HELD_MAX = 256 * 1024           # Octets that one direction holds back; then it reads no more


class Fault:
    """What one direction suffers."""

    def __init__(self):
        self.delay_s = 0.0
        self.rate = None        # Octets a second
        self.stall = False      # Read nothing
        self.swallow = False    # Read, and forget


class Way:
    """One direction of one connection."""

    def __init__(self, source, target, fault):
        self.source, self.target, self.fault = source, target, fault
        self.held = collections.deque()         # (due, octets)
        self.held_bytes = 0
        self.next_s = 0.0       # When the rate allows the next octets
        self.ended = False      # The source has no more
        self.lost = False       # Octets were swallowed

    def wants_read(self):
        return not self.ended and not self.fault.stall and self.held_bytes < HELD_MAX

    def read(self, now):
        octets = self.source.recv(READ_BYTES)
        if self.fault.swallow:
            self.lost = True
            return
        if octets:
            self.held.append([now + self.fault.delay_s, octets])
            self.held_bytes += len(octets)
        else:
            self.ended = True
            self.held.append([now + self.fault.delay_s, b""])

    def due_s(self):
        """When something can be written; None if there is nothing."""
        if not self.held or self.fault.stall or self.fault.swallow:
            return None
        return max(self.held[0][0], self.next_s)

    def write(self, now):
        due, octets = self.held[0]
        if not octets:
            self.held.popleft()
            self.target.shutdown(socket.SHUT_WR)
            return
        rate = self.fault.rate
        size = min(len(octets), max(1, int(rate * 0.02))) if rate else len(octets)
        sent = self.target.send(octets[:size])
        if rate:
            self.next_s = max(self.next_s, now - 0.02) + sent / rate
        self.held_bytes -= sent
        if sent == len(octets):
            self.held.popleft()
        else:
            self.held[0] = [due, octets[sent:]]


class Proxy:
    def __init__(self, target_port, host="127.0.0.1"):
        self.target = (host, target_port)
        self.faults = {"up": Fault(), "down": Fault()}
        self.connections = {}   # Both sockets of a connection: [up, down]
        self.refusing = False
        self.lock = threading.RLock()
        self.selector = selectors.DefaultSelector()
        self.wake, self.waker = socket.socketpair()
        self.wake.setblocking(False)
        self.selector.register(self.wake, selectors.EVENT_READ)
        self.listener = None
        self.port = 0
        self.bytes = {"up": 0, "down": 0}
        self.accepted = 0
        self.listen()
        self.over = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    @property
    def endpoint(self):
        return "tcp://127.0.0.1:%d" % self.port

    def listen(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(64)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.selector.register(self.listener, selectors.EVENT_READ)

    # ---- Control

    def set(self, *directions, **values):
        """Change what directions ("up", "down"; none = both) suffer: delay_s, rate, stall, swallow."""
        with self.lock:
            for direction in directions or ("up", "down"):
                for name, value in values.items():
                    if not hasattr(self.faults[direction], name):
                        raise TypeError("no such fault: " + name)
                    setattr(self.faults[direction], name, value)
        self.waker.send(b"x")

    def half_open(self):
        self.set(swallow=True)

    def cut(self):
        with self.lock:
            for client in list(self.connections):
                self.reset(client)

    def refuse(self):
        with self.lock:
            if not self.refusing:
                self.refusing = True
                self.selector.unregister(self.listener)
                self.listener.close()
            self.cut()

    def mend(self):
        with self.lock:
            self.set(delay_s=0.0, rate=None, stall=False, swallow=False)
            if self.refusing:
                self.refusing = False
                self.listen()
            for client, ways in list(self.connections.items()):
                if any(way.lost for way in ways):
                    self.reset(client)
        self.waker.send(b"x")

    def close(self):
        self.over = True
        self.waker.send(b"x")
        self.thread.join()
        self.cut()
        if not self.refusing:
            self.listener.close()
        self.selector.close()
        self.wake.close()
        self.waker.close()

    # ---- Connections

    def reset(self, client):
        ways = self.connections.pop(client, None)
        if not ways:
            return
        for one in (client, ways[0].target):
            try:
                self.selector.unregister(one)
            except (KeyError, ValueError):
                pass
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()

    def accept(self):
        try:
            client, _ = self.listener.accept()
        except OSError:
            return
        server = socket.socket()
        try:
            server.connect(self.target)
        except OSError:         # As if the target itself had refused
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            server.close()
            return
        for one in (client, server):
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.accepted += 1
        self.connections[client] = [Way(client, server, self.faults["up"]), Way(server, client, self.faults["down"])]

    def interests(self, now):
        """Register what is to be waited for; seconds until something is due."""
        wait_s = 5.0
        for client, (up, down) in self.connections.items():
            for one, reads, writes in ((client, up, down), (up.target, down, up)):
                due = writes.due_s()
                events = (selectors.EVENT_READ if reads.wants_read() else 0)
                if due is not None and due <= now:
                    events |= selectors.EVENT_WRITE
                elif due is not None:
                    wait_s = min(wait_s, due - now)
                self.register(one, events, client)
        return max(wait_s, 0.0)

    def register(self, one, events, client):
        try:
            key = self.selector.get_key(one)
        except KeyError:
            key = None
        if not events and key:
            self.selector.unregister(one)
        elif events and not key:
            self.selector.register(one, events, client)
        elif events and key.events != events:
            self.selector.modify(one, events, client)

    def serve(self, key, mask, now):
        client = key.data
        ways = self.connections.get(client)
        if not ways:
            return
        up, down = ways
        reads, writes = (up, down) if key.fileobj is client else (down, up)
        try:
            if mask & selectors.EVENT_READ:
                reads.read(now)
            if mask & selectors.EVENT_WRITE and writes.due_s() is not None:
                before = writes.held_bytes
                writes.write(now)
                self.bytes["up" if writes is up else "down"] += before - writes.held_bytes
        except BlockingIOError:
            pass
        except OSError:
            self.reset(client)
            return
        if up.ended and down.ended and not up.held and not down.held:
            self.reset(client)

    def run(self):
        while not self.over:
            with self.lock:
                wait_s = self.interests(time.monotonic())
            for key, mask in self.selector.select(wait_s):
                with self.lock:
                    if key.fileobj is self.wake:
                        self.wake.recv(4096)
                    elif key.fileobj is self.listener:
                        if not self.refusing:
                            self.accept()
                    else:
                        self.serve(key, mask, time.monotonic())
