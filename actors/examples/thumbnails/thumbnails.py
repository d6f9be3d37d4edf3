#!/usr/bin/python3
"""Makes a small JPEG of each picture: FOLDER/.thumbnails/ID-VERSION.jpg, which the web page shows.

BUNDLE is the line that filestored enrol prints. The name holds the file's id and version, so it is made once, whatever is
killed when; how far the events are handled is a cursor that metadata keeps. Pictures come from strangers: what is large,
slow or broken is left out, and memory has an end."""

import base64
import io
import json
import os
import resource
import signal
import sys
import time
import uuid

import zmq
from PIL import Image, ImageOps

SIDE = 320                              # Pixels of the longer side
FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".gif": "GIF", ".webp": "WEBP", ".bmp": "BMP"}
OCTETS_MAX = 64 << 20                   # Of a picture
PIXELS_MAX = 100 * 1000 * 1000
MEMORY_MAX = 2 << 30                    # Of this process
SECONDS_MAX = 30                        # For one picture
TYPES = ["file.committed", "file.copied", "file.restored", "file.moved", "file.deleted", "file.folder"]
GONE = ("not_found", "denied", "bad_name", "exists", "changed", "corrupt", "not_a_folder", "is_a_folder")

me = json.loads(base64.urlsafe_b64decode(os.environ["BUNDLE"] + "=="))


def connect(kind, endpoint):
    socket = zmq.Context.instance().socket(kind)
    if endpoint.startswith("tcp:"):
        socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = (
            me[key + "_key"].encode() for key in ("server", "public", "secret"))
    socket.rcvtimeo, socket.linger = 60000, 1000
    socket.connect(endpoint)
    return socket


bus, events = connect(zmq.REQ, me["broker"]), connect(zmq.PUB, me["events_in"])


def call(service, command, *frames, **payload):
    """The reply's payload and content; an empty payload if what it is about is gone, or was done before. Ends the process
    on everything else: whatever started it starts it again, and it goes on."""
    head = {"v": 1, "id": uuid.uuid4().hex, "command": command, "token": me["token"], "payload": payload}
    bus.send_multipart([b"MDPC02", b"\1", service.encode(), json.dumps(head).encode(), *frames])
    reply, *frames = bus.recv_multipart()[3:]
    reply = json.loads(reply)
    if reply["status"] != "ok" and reply["code"] not in GONE:
        sys.exit("%s %s: %s" % (service, command, reply["message"]))
    return reply.get("payload", {}), b"".join(frames)


def read(path, version):
    """The content of a file, or None if it is gone or too large."""
    octets, page = bytearray(), {"more": True}
    while page.get("more"):
        page, more = call("content", "READ", path=path, version=version, offset=len(octets))
        octets += more
        if page.get("size", 0) > OCTETS_MAX:
            return None
    return bytes(octets) if page else None


def shrink(octets, kind):
    """A JPEG no larger than SIDE. Anything may be raised: the octets are a stranger's."""
    signal.alarm(SECONDS_MAX)
    try:
        picture = Image.open(io.BytesIO(octets), formats=[kind])
        if picture.width * picture.height > PIXELS_MAX:
            raise ValueError("%d x %d pixels" % picture.size)
        picture.draft("RGB", (2 * SIDE, 2 * SIDE))
        picture.thumbnail((2 * SIDE, 2 * SIDE), Image.BOX)
        picture = ImageOps.exif_transpose(picture).convert("RGBA")
        picture.thumbnail((SIDE, SIDE), Image.LANCZOS)
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture, mask=picture)
        out = io.BytesIO()
        flat.save(out, "JPEG", quality=80)      # Without what the camera wrote: no place, no name
        return out.getvalue()
    finally:
        signal.alarm(0)


def kind_of(path):
    """The format by the name; None for what is no picture, and for our own work."""
    return None if "/.thumbnails/" in path else FORMATS.get(os.path.splitext(path)[1].lower())


def place(path, name=""):
    return os.path.join(os.path.dirname(path), ".thumbnails", name).rstrip("/")


def make(path, file, version):
    """The thumbnail of one version, if it is not there."""
    kind, target = kind_of(path), place(path, "%d-%d.jpg" % (file, version))
    if not kind or call("metadata", "STAT", path=target)[0]:
        return
    octets = read(path, version)
    if not octets:
        return
    try:
        small = shrink(octets, kind)
    except Exception as error:          # pylint: disable=broad-except
        print("no thumbnail of id %d version %d: %r" % (file, version, error), file=sys.stderr)
        return
    call("metadata", "MAKE_FOLDER", path=place(path), parents=True)
    if call("content", "WRITE", small, path=target, last=True, if_version=0)[0]:
        drop(path, file, version)
        made = {"path": path, "id": file, "version": version, "thumbnail": target}
        events.send_multipart([b"thumbnail.made", json.dumps(made).encode()])


def drop(path, file, keep=None):
    """Thumbnails of other versions of a file, or of one that is gone."""
    prefix = "%d-" % file
    for name in call("metadata", "LIST_FILES", path=place(path), after=prefix, limit=20)[0].get("names", ()):
        if name.startswith(prefix) and name != "%s%s.jpg" % (prefix, keep):
            call("metadata", "DELETE_FILE", path=place(path, name))


def look(path):
    """What is at a path now, and below it."""
    entry, _ = call("metadata", "STAT", path=path)
    if entry.get("kind") == "file":
        make(path, entry["id"], entry["version"])
    after, page = {}, {"more": entry.get("kind") == "folder" and not path.endswith("/.thumbnails")}
    while page.get("more"):
        page, _ = call("metadata", "LIST_FILES", path=path, **after)
        for name in page.get("names", ()):
            look(os.path.join(path, name))
            after = {"after": name}


def handle(event):
    path, kind = event.get("to") or event["path"], event["type"]
    if kind == "deleted":
        if kind_of(path):
            drop(path, event["id"])
    elif kind == "moved" and event.get("version"):
        make(path, event["id"], event["version"])
        if kind_of(event["path"]) and place(event["path"]) != place(path):
            drop(event["path"], event["id"])
    elif kind == "committed":
        make(path, event["id"], event["version"])
    elif kind != "moved":               # In a folder that is moved the thumbnails move with it
        look(path)


def main():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    Image.MAX_IMAGE_PIXELS = PIXELS_MAX
    while True:
        page, _ = call("metadata", "LIST_EVENTS", cursor="thumbnails", types=TYPES, limit=100)
        if page["gap"]:                 # Not all events since the last time are kept: look at what is there
            look("/users")
        for event in page["events"]:
            handle(event)
        call("metadata", "MOVE_CURSOR", cursor="thumbnails", sequence=page["sequence"])
        if not page["more"]:
            time.sleep(0.5)


def too_slow(*_):
    raise TimeoutError("it takes too long")


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, too_slow)
    main()
