#!/usr/bin/python3
"""Rule: every command that the README and docs/ show works as shown.

Blocks marked ```sh are run, in the order of the page, in the project's folder, by one shell for each block, in a
pseudo-terminal (so that commands that ask for a password are answered as a person would), with a home and a data
folder of their own. A block with a line that begins with "make run", or with "filestored" in the foreground, is started and left
running until it says "ready"; it is ended by its process id after the page, or where a block has the line "#  Stop filestored". Pages name blocks that are not for running ```console.
A block of another language with a file's name behind it (```c hello/hello.c) is that file: it is written there, in the home, for the
blocks behind it to build and run.
"""
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PASSWORD = b"correct horse battery\n"
DEADLINE = 240


def blocks(page):
    """(name, text) of each; no name: it is run."""
    with open(os.path.join(ROOT, page)) as file:
        return re.findall(r"^```(?:sh|\w+ (\S+))\n(.*?)^```", file.read(), re.S | re.M)


class Terminal:
    """One shell running one block in a pseudo-terminal."""

    def __init__(self, script, environment):
        master, slave = pty.openpty()
        self.process = subprocess.Popen(["sh", "-eux", "-c", script], cwd=ROOT, env=environment, stdin=slave,
                                        stdout=slave, stderr=slave, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.master, self.output = master, b""

    def read(self, seconds):
        """Read what there is; answer a question for a password. False at the end."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            chunk = os.read(self.master, 65536)
        except OSError:
            return False
        self.output += chunk
        if re.search(rb"(assword|Again)[^\n]*: ?$", self.output):
            os.write(self.master, PASSWORD)
            self.output += b"\n"
        return bool(chunk)

    def until(self, wanted):
        deadline = time.monotonic() + DEADLINE
        while not wanted() and time.monotonic() < deadline:
            if not self.read(0.1):
                break

    def end(self):
        if self.process.poll() is None:
            os.write(self.master, b"\x03")         # Ctrl-C, as a person would
            deadline = time.monotonic() + 20
            while self.process.poll() is None and time.monotonic() < deadline:
                self.read(0.1)
            try:
                self.process.wait(1)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        os.close(self.master)


class Docs(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="fst-docs-")
        self.running = []
        self.environment = dict(os.environ, HOME=self.folder, DATA=f"{self.folder}/data", WEB="127.0.0.1:0", LC_ALL="C.UTF-8",
                                FILESTORE_CONFIG=f"{self.folder}/data/client.zpl", TMPDIR=self.folder,
                                FILESTORE_SESSION=f"{self.folder}/session", CTEST_PARALLEL_LEVEL="1")
        self.environment["PATH"] = f"{ROOT}/build/bin:" + self.environment["PATH"]

    def stop(self):
        for terminal in reversed(self.running):
            terminal.end()
        self.running = []

    def tearDown(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def page(self, page):
        found = blocks(page)
        self.assertTrue(found, f"{page} shows no command")
        for name, script in found:
            if name:
                self.write(name, script)
                continue
            if re.search(r"^(make run|filestored|build/bin/filestored)(?! (init|options|recovery-key|check|sample|man|enrol|join|unenrol|new-actor|probe|--help|--version))", script, re.M):
                self.serve(page, script)
                continue
            before, stop, after = (re.split(r"^(#  Stop filestored.*\n)", script, maxsplit=1, flags=re.M) + ["", ""])[:3]
            if before:
                self.run_block(page, before)
            if stop:
                self.stop()
            if after:
                self.run_block(page, after)

    def write(self, name, text):
        name = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "w") as file:
            file.write(text)

    def serve(self, page, script):
        terminal = Terminal(script, self.environment)
        self.running.append(terminal)
        terminal.until(lambda: re.search(rb"^ready", terminal.output, re.M))
        self.assertRegex(terminal.output, rb"(?m)^ready", f"{page}: this did not become ready:\n{script}\n{terminal.output.decode(errors='replace')[-3000:]}")

    def run_block(self, page, script):
        terminal = Terminal(script, self.environment)
        terminal.until(lambda: False)
        try:
            code = terminal.process.wait(10)
        except subprocess.TimeoutExpired:
            terminal.end()
            self.fail(f"{page}: this did not end:\n{script}\n{terminal.output.decode(errors='replace')[-3000:]}")
        terminal.end()
        self.assertEqual(code, 0, f"{page}: this failed:\n{script}\n{terminal.output.decode(errors='replace')[-3000:]}")


def add(page):
    setattr(Docs, "test_" + re.sub(r"\W", "_", page), lambda self: self.page(page))


for name in sys.argv[1:] or ["README.md"]:
    add(name)

if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
