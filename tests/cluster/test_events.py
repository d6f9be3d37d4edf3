"""The bridge's stream of events: who hears what, and that nobody misses anything."""

from harness import main
from visitor import SiteTest


class Events(SiteTest):
    SETS = ("heartbeat-interval=200 ms", "prune-after=60 s")

    def folder(self, visitor, path):
        self.assertEqual(visitor.post("/api/v1/folders", {"path": path}).status, 200)

    def test_changes_heartbeats_and_status_come_by_themselves(self):
        visitor = self.person()
        listener = self.listen(visitor)
        listener.until(lambda topic, data: topic == "status")
        self.folder(visitor, "a")
        events = listener.until(lambda topic, data: topic == "file.folder")
        self.assertEqual(events[-1][1]["path"], "/users/%s/a" % visitor.name)
        self.assertEqual(events[-1][1]["sequence"], listener.id)
        events = listener.until(lambda topic, data: topic == "status" and data["sequence"] >= listener.id)
        heartbeat = listener.until(lambda topic, data: topic.startswith("heartbeat."))[-1]
        self.assertEqual(heartbeat[0], "heartbeat." + heartbeat[1]["node"])

    def test_who_comes_back_misses_nothing_and_gets_nothing_twice(self):
        visitor = self.person()
        listener = self.listen(visitor)
        self.folder(visitor, "f0")
        listener.until(lambda topic, data: topic == "file.folder" and data["path"].endswith("/f0"))
        listener.close()
        for number in range(1, 300):        # More than a page of events
            self.folder(visitor, "f%d" % number)
        back = self.listen(visitor, listener.id)
        events = back.until(lambda topic, data: topic == "file.folder" and data["path"].endswith("/f299"))
        names = [data["path"].rsplit("/", 1)[1] for topic, data in events if topic == "file.folder"]
        self.assertEqual(names, ["f%d" % number for number in range(1, 300)])

    def test_nobody_hears_of_what_he_may_not_read(self):
        one, two = self.person(), self.person()
        listener = self.listen(two)
        self.folder(one, "secret")
        self.folder(two, "mine")
        events = listener.until(lambda topic, data: topic == "file.folder" and data["path"].endswith("/mine"))
        self.assertNotIn("secret", str(events))

    def test_stream_ends_with_the_session(self):
        visitor = self.person()
        listener = self.listen(visitor)
        self.assertEqual(visitor.ask("DELETE", "/api/v1/session").status, 200)
        ended = listener.until(lambda topic, data: topic == "session")[-1]
        self.assertEqual(ended[1]["signed_in"], False)
        self.assertIsNone(listener.next())
        self.assertEqual(self.visitor().get("/api/v1/events").status, 401)

    def test_ids_that_are_none_are_refused(self):
        for last in ("x", "-1", "1.5", "9" * 30):
            self.assertEqual(self.admin.ask("GET", "/api/v1/events", headers={"Last-Event-ID": last}).code, "malformed")

    def test_one_that_reads_nothing_holds_up_nobody(self):
        deaf = [self.listen(self.admin) for _ in range(20)]
        visitor = self.person()
        listener = self.listen(visitor)
        for number in range(50):
            self.folder(visitor, "d%d" % number)
        listener.until(lambda topic, data: topic == "file.folder" and data["path"].endswith("/d49"))
        for one in deaf:
            one.close()


if __name__ == "__main__":
    main()
