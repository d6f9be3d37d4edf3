#!/usr/bin/python3
"""An actor from nothing: filestored new-actor writes it, it builds against the installed library alone, and runs."""

import glob
import os
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
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                preexec_fn=harness.end_with_parent)
        self.assertEqual(result.returncode, 0, result.stdout.decode())
        return result.stdout.decode()

    def test_a_new_actor_builds_against_the_installed_library_and_passes_its_own_test(self):
        self.command("cmake", "--install", BUILD, "--component", "development", "--prefix", os.path.join(self.folder, "prefix"))
        packages = glob.glob(os.path.join(self.folder, "prefix", "**", "libfstbus.pc"), recursive=True)
        self.assertEqual(len(packages), 1)
        self.command(harness.FILESTORED, "new-actor", "say-hello", "actor")
        told = self.command(os.path.join(self.folder, "actor", "test"), PKG_CONFIG_PATH=os.path.dirname(packages[0]),
                            PATH=harness.BIN + ":" + os.environ["PATH"], TMPDIR=self.folder)
        self.assertIn("say-hello greets", told)
        self.assertEqual(sorted(os.listdir(self.folder)), ["actor", "prefix"])      # It takes away what it made

    def test_what_is_there_is_not_overwritten_and_our_names_are_refused(self):
        self.command(harness.FILESTORED, "new-actor", "hello")
        for name, code in (("hello", "exists"), ("auth", "bad_name"), ("Hello", "bad_name"), ("../x", "bad_name"), ("", "bad_name")):
            result = subprocess.run([harness.FILESTORED, "new-actor", name], cwd=self.folder, timeout=harness.RUN_S,
                                    stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
            self.assertEqual(result.returncode, harness.EXIT[code], (name, result.stderr))
        self.assertEqual(os.listdir(self.folder), ["hello"])


if __name__ == "__main__":
    harness.main()
