#!/usr/bin/python3
"""An actor from nothing: filestored new-actor writes it, it builds against the installed library alone, and runs."""

import glob
import json
import os
import re
import subprocess
import tempfile

import harness

BUILD = os.environ.get("FST_BUILD", os.path.join(harness.SOURCE, "build", "release"))


class NewActor(harness.ClusterTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="fst-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def command(self, *arguments, **environment):
        result = subprocess.run(arguments, cwd=self.folder, env=dict(os.environ, **environment), timeout=harness.RUN_S,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(result.returncode, 0, result.stdout.decode())
        return result.stdout.decode()

    def test_a_new_actor_builds_against_the_installed_library_and_answers(self):
        self.command("cmake", "--install", BUILD, "--component", "development", "--prefix", os.path.join(self.folder, "prefix"))
        packages = glob.glob(os.path.join(self.folder, "prefix", "**", "libfstbus.pc"), recursive=True)
        self.assertEqual(len(packages), 1)
        self.command(harness.FILESTORED, "new-actor", "say-hello", "actor")
        self.command("cmake", "-S", "actor", "-B", "build", PKG_CONFIG_PATH=os.path.dirname(packages[0]))
        self.command("cmake", "--build", "build")
        cluster = self.cluster(nodes=1, sets=("replicas=1",))
        anna = cluster.client("anna")
        program = self.run_actor(cluster)
        self.assertEqual(anna.json("call", "say-hello", "HELLO", '{"name": "Anna"}')["greeting"], "Hello, Anna")
        self.assertIn("nickname", anna.fails("malformed", "call", "say-hello", "HELLO", '{"nickname": "A"}'))
        self.assertEqual(anna.json("services", "say-hello")["commands"][0]["command"], "HELLO")
        anna.ok("mkdir", "folder")
        harness.until(lambda: json.loads(anna.ok("call", "say-hello", "HELLO", '{"name": "B"}'))["events"] > 0, "an event is heard")
        program.terminate()
        self.assertEqual(program.wait(harness.STOP_S), 0)

    def run_actor(self, cluster):
        keys = os.path.join(cluster.folder, "keys")
        with open(os.path.join(keys, "bridge.key")) as file:
            text = re.sub(r"(?m)^name = .*$", 'name = "actor:say-hello"', file.read())
        with open(os.path.join(self.folder, "say-hello.key"), "w") as file:
            os.chmod(file.fileno(), 0o600)
            file.write(text)
        settings = os.path.join(self.folder, "say-hello.zpl")
        with open(settings, "w") as file:
            run = os.path.join(cluster.folder, "run")
            file.write('broker = "ipc://%s/actors"\nevents-in = "ipc://%s/events-in"\nevents-out = "ipc://%s/events-out"\n'
                       'keys = "say-hello.key"\n' % (run, run, run))
        program = subprocess.Popen([os.path.join(self.folder, "build", "say-hello"), "--config", settings],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=harness.end_with_parent)
        self.addCleanup(program.stdout.close)
        self.addCleanup(program.kill)
        self.assertTrue(program.stdout.readline().startswith(b"ready"))
        return program

    def test_what_is_there_is_not_overwritten_and_our_names_are_refused(self):
        self.command(harness.FILESTORED, "new-actor", "hello")
        for name, code in (("hello", "exists"), ("auth", "bad_name"), ("Hello", "bad_name"), ("../x", "bad_name"), ("", "bad_name")):
            result = subprocess.run([harness.FILESTORED, "new-actor", name], cwd=self.folder, timeout=harness.RUN_S,
                                    stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
            self.assertEqual(result.returncode, harness.EXIT[code], (name, result.stderr))
        self.assertEqual(os.listdir(self.folder), ["hello"])


if __name__ == "__main__":
    harness.main()
