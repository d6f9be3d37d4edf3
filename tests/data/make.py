#!/usr/bin/python3
"""Makes tests/data/VERSION.tar.xz: a small data folder as a build of that time leaves it, for test_older.py.

    tests/data/make.py BIN VERSION      BIN: folder with filestored and filestore of that build

Made when a version is released, and kept: later versions have to read it."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time

PASSWORD = "correct horse battery"
CONTENT = {name: random.Random(name).randbytes(size) for name, size in
           (("small", 5000), ("large", 100000), ("again", 3000), ("deleted", 2000), ("folder/deep/empty", 0))}
AGAIN = [random.Random("again %d" % at).randbytes(3000) for at in range(3)]


def fill(client, put):
    for user in ("bob", "ada"):
        client("register", user, "--password-stdin", text=(PASSWORD + "\n").encode())
        client("ls")
    client("mkdir", "-p", "folder/deep")
    for path, octets in CONTENT.items():
        put(path, octets)
    for octets in AGAIN:
        put("again", octets)
    client("rm", "deleted")
    client("share", "small", "bob")
    time.sleep(12)                      # The snapshot of the namespace comes to the nodes


def main():
    folder, name = os.path.abspath(sys.argv[1]), sys.argv[2]
    home = tempfile.mkdtemp()
    data = os.path.join(home, "data")
    environment = dict(os.environ, HOME=home, FILESTORE_CONFIG=data + "/client.zpl", FILESTORE_SESSION=home + "/session")
    server = subprocess.Popen([folder + "/filestored", "--data", data, "--set", "nodes=2", "--set", "chunk-size=64 KiB",
                               "--set", "hash-memory=1 MiB", "--set", "hash-passes=1"], stdout=subprocess.PIPE)

    def client(*arguments, text=None):
        subprocess.run([folder + "/filestore", *arguments], input=text, env=environment, check=True)

    def put(path, octets):
        subprocess.run([folder + "/filestore", "put", "-", path], input=octets, env=environment, check=True)
    server.stdout.readline()
    try:
        fill(client, put)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    target = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".tar.xz")
    subprocess.run(["tar", "-C", data, "--owner=0", "--group=0", "--sort=name", "--exclude=./run", "--exclude=*.lock", "-cJf", target, "."], check=True)
    print(target, os.path.getsize(target))


if __name__ == "__main__":
    main()
