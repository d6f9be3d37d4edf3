"""The thumbnail actor, killed and started again while pictures are uploaded: each has one thumbnail, and pictures that would do harm have
none."""

import io
import os
import struct
import zlib

from PIL import Image

from examples import EXAMPLES, PYTHON, Actor, ExamplesTest, Load
from harness import RANDOM, content, main, until


def picture(kind, width, height, **options):
    out = io.BytesIO()
    Image.new("RGB", (width, height), (RANDOM.randrange(256), 99, 9)).save(out, kind, **options)
    return out.getvalue()


def bomb(width, height):
    """A PNG of a few kilobytes that wants gigabytes."""
    def chunk(name, octets):
        return struct.pack(">I", len(octets)) + name + octets + struct.pack(">I", zlib.crc32(name + octets))
    rows = zlib.compressobj(9)
    octets = rows.compress(b"\0" * (1 << 20)) + rows.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", octets) + chunk(b"IEND", b"")


class Thumbnails(ExamplesTest):
    def setUp(self):
        super().setUp()
        self.actor = Actor(self, self.shared, "thumbnails", [PYTHON, os.path.join(EXAMPLES, "thumbnails", "thumbnails.py")],
                           {"BUNDLE": self.enrol("thumbnail", "--read", "/users", "--write", "/users")}).start()

    def files(self, batch):
        return dict({"%d.jpg" % at: picture("JPEG", 900, 300) for at in range(8)}, **{"a.png": picture("PNG", 30, 800), "b.txt": b"text"})

    def thumbnail(self, path):
        row = self.stat(path)
        return os.path.join(os.path.dirname(path), ".thumbnails", "%d-%d.jpg" % (row["id"], row["version"]))

    def wait(self, path):
        """The thumbnail of what is there now, opened."""
        name = self.thumbnail(path)

        def is_there():
            self.actor.keep_alive()
            return self.stat(name)
        until(is_there, "thumbnail of " + path, 120)
        return Image.open(io.BytesIO(self.read(name)), formats=["JPEG"])

    def test_each_picture_has_one_and_hostile_ones_have_none(self):
        load = Load(self.alice, 3, self.files)
        load.disturb(self.actor, lambda: sum(len(self.names("batch%d/.thumbnails" % batch)) for batch in range(3)))
        hostile = {"bomb.png": bomb(60000, 60000), "short.png": bomb(300, 9000)[:400], "lie.jpg": picture("PNG", 10, 10),
                   "broken.jpg": picture("JPEG", 500, 500)[:300], "empty.gif": b"", "noise.webp": content(5000), "page.jpg": b"<svg/>"}
        for name, octets in hostile.items():
            self.alice.put(name, octets)
        self.alice.put("last.jpg", picture("JPEG", 4000, 3000))
        self.assertEqual(self.wait("last.jpg").size, (320, 240))
        for path in load.files:
            if path.endswith(".txt"):
                continue
            size = self.wait(path).size
            self.assertEqual(max(size), 320, path)
            self.assertEqual(self.stat(self.thumbnail(path))["version"], 1, path)
        for batch in range(3):
            names = self.names("batch%d/.thumbnails" % batch)
            self.assertEqual(len(names), 9, "one for each picture, none of thumbnails: %s" % sorted(names))
        self.assertEqual(len(self.names(".thumbnails")), 1)

    def test_thumbnails_follow_their_pictures(self):
        self.alice.put("a.jpg", picture("JPEG", 400, 400))
        old = self.thumbnail("a.jpg")
        self.wait("a.jpg")
        self.alice.put("a.jpg", picture("JPEG", 400, 200))
        self.assertEqual(self.wait("a.jpg").size, (320, 160))
        until(lambda: os.path.basename(old) not in self.names(".thumbnails"), "the older version's to go")
        self.alice.ok("mkdir", "sub")
        self.alice.ok("mv", "a.jpg", "sub/b.jpg")
        self.wait("sub/b.jpg")
        until(lambda: not self.names(".thumbnails"), "that of the old place to go")
        self.alice.ok("cp", "sub/b.jpg", "c.jpg")
        self.wait("c.jpg")
        self.alice.ok("rm", "sub/b.jpg")
        until(lambda: not self.names("sub/.thumbnails"), "that of a deleted one to go")


if __name__ == "__main__":
    main()
