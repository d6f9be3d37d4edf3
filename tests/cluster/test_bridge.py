"""The bridge: sessions, commands, the page's files and figures over HTTP. Events are in test_events.py, several bridges
and TLS in test_bridges.py, what strangers try in test_strangers.py."""

import gzip
import json
import os
import re

from harness import PASSWORD, SOURCE, main, until
from visitor import SiteTest


class Sessions(SiteTest):
    def test_who_comes_first_is_told_so_and_becomes_the_admin(self):
        self.assertEqual((self.first["signed_in"], self.first["first"]), (False, True))
        session = self.admin.get("/api/v1/session").json()
        self.assertEqual((session["signed_in"], session["first"], session["user"], session["role"]), (True, False, "admin", "admin"))
        nobody = self.visitor().get("/api/v1/session").json()
        self.assertEqual((nobody["signed_in"], nobody["first"]), (False, False))
        self.assertNotIn("user", nobody)

    def test_cookie_is_kept_from_scripts_and_other_sites(self):
        visitor = self.visitor()
        answer = visitor.post("/api/v1/session", {"name": "admin", "password": PASSWORD})
        cookie = answer.headers["Set-Cookie"]
        self.assertRegex(cookie, r"^filestore=[\w-]{50,}; Path=/; Max-Age=\d+; HttpOnly; SameSite=Strict$")
        self.assertEqual(set(answer.json()), {"user", "role", "expires_ms"})

    def test_token_is_given_to_who_asks_for_it_and_no_cookie_then(self):
        visitor = self.visitor()
        answer = visitor.post("/api/v1/session", {"name": "admin", "password": PASSWORD, "token": True})
        self.assertNotIn("Set-Cookie", answer.headers)
        headers = {"Authorization": "Bearer " + answer.json()["token"]}
        self.assertEqual(visitor.ask("GET", "/api/v1/entries?path=/", headers=headers).status, 200)
        self.assertEqual(visitor.ask("POST", "/api/v1/folders", {"path": "by-token"}, mark=False, headers=headers).status, 200)
        headers = {"Authorization": "Bearer nonsense"}
        self.assertEqual(visitor.ask("GET", "/api/v1/entries?path=/", headers=headers).code, "unauthenticated")

    def test_wrong_password_and_no_such_user_look_the_same(self):
        visitor = self.visitor()
        answers = [visitor.post("/api/v1/session", {"name": name, "password": "wrong"}) for name in ("admin", "no-such-user")]
        self.assertEqual([(answer.status, answer.code) for answer in answers], [(401, "wrong_password")] * 2)
        self.assertEqual(answers[0].json(), answers[1].json())

    def test_logout_ends_the_session_everywhere_and_takes_the_cookie(self):
        visitor = self.person()
        cookie = visitor.cookie
        answer = visitor.ask("DELETE", "/api/v1/session")
        self.assertEqual((answer.status, visitor.cookie), (200, None))
        self.assertRegex(answer.headers["Set-Cookie"], r"^filestore=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict$")
        thief = self.visitor(cookie=cookie)
        until(lambda: thief.get("/api/v1/entries", path="/").status == 401, "the session is over")
        self.assertFalse(thief.get("/api/v1/session").json()["signed_in"])
        self.assertEqual(visitor.ask("DELETE", "/api/v1/session").status, 200)

    def test_password_and_sessions_of_a_person(self):
        one = self.person()
        two = self.visitor().login(one.name)
        sessions = one.get("/api/v1/sessions").json()["sessions"]
        self.assertEqual(sorted(row["current"] for row in sessions), [False, True])
        other = next(row["session"] for row in sessions if not row["current"])
        self.assertEqual(one.ask("DELETE", "/api/v1/sessions/" + other).status, 200)
        until(lambda: two.get("/api/v1/entries", path="/").status == 401, "the other session is over")
        self.assertEqual(one.ask("DELETE", "/api/v1/sessions/" + "0" * 32).code, "not_found")
        self.assertEqual(one.ask("PUT", "/api/v1/password", {"old": "wrong", "new": "another"}).code, "wrong_password")
        self.assertEqual(one.ask("PUT", "/api/v1/password", {"old": PASSWORD, "new": "another"}).status, 200)
        self.visitor().login(one.name, "another")

    def test_what_a_login_may_not_hold_is_refused_by_name(self):
        visitor = self.visitor()
        for body, word in (({"name": "x"}, "password"), ({"name": 1, "password": "x"}, "name"), ({}, "name"),
                           ({"name": "x", "password": "y", "more": 1}, "more")):
            answer = visitor.post("/api/v1/session", body)
            self.assertEqual((answer.status, answer.code), (400, "malformed"), body)
            self.assertIn(word, answer.json()["message"])
        self.assertEqual(visitor.post("/api/v1/accounts", {"name": "admin", "password": PASSWORD}).code, "exists")


class Renewal(SiteTest):
    SETS = ("session-time=10 s",)

    def test_cookie_is_renewed_when_half_its_life_is_over(self):
        visitor = self.person()
        for path in ("/api/v1/session", "/api/v1/entries?path=/"):      # At once, and with the next answer
            old = visitor.cookie
            self.assertNotIn("Set-Cookie", visitor.get(path).headers)
            until(lambda: "Set-Cookie" in visitor.get(path).headers, "a new cookie", 20)
            self.assertNotEqual(visitor.cookie, old)
            self.assertTrue(self.visitor(cookie=visitor.cookie).get("/api/v1/session").json()["signed_in"])


class Commands(SiteTest):
    def test_a_person_can_work_with_folders(self):
        visitor = self.person()
        home = "/users/" + visitor.name
        self.assertEqual(visitor.post("/api/v1/folders", {"path": "a b/\u00e4", "parents": True}).status, 200)
        self.assertEqual(visitor.get("/api/v1/entries", path=home + "/a b").json()["names"], ["\u00e4"])
        self.assertEqual(visitor.get("/api/v1/entry", path="a b").json()["path"], home + "/a b")
        self.assertEqual(visitor.post("/api/v1/move", {"from": "a b", "to": "c"}).status, 200)
        answer = visitor.get("/api/v1/entry", path="a b")
        self.assertEqual((answer.status, answer.code), (404, "not_found"))
        self.assertEqual(visitor.ask("DELETE", "/api/v1/entry?path=c").code, "not_empty")
        self.assertEqual(visitor.ask("DELETE", "/api/v1/entry?path=c&recursive=true").status, 200)
        self.assertEqual(len(visitor.get("/api/v1/trash").json()["names"]), 1)
        self.assertEqual(visitor.get("/api/v1/find", text="c").status, 200)

    def test_queries_have_the_types_of_the_schema(self):
        for query in ("", "path=/&more=1", "path=/&path=/a", "path=/&limit=x", "path=/&limit=0", "path=" + "a" * 5000):
            answer = self.admin.ask("GET", "/api/v1/entries?" + query)
            self.assertEqual((answer.status, answer.code), (400, "malformed"), query)

    def test_any_command_of_any_service_is_reached(self):
        self.assertEqual(self.admin.post("/bus/metadata/STAT", {"path": "/"}).json()["kind"], "folder")
        self.assertEqual(self.admin.post("/bus/bridge/STATUS", {}).json()["url"], self.url)
        for path, status, code in (("metadata/NO_SUCH", 501, "unknown_command"), ("nobody/STATUS", 503, "unavailable"),
                                   ("metadata/REGISTER", 403, "denied"), ("metadata", 404, "not_found"), ("a/b/C", 404, "not_found"),
                                   ("mmi.service/X", 404, "not_found"), ("Metadata/STATUS", 404, "not_found")):
            answer = self.admin.post("/bus/" + path, {})
            self.assertEqual((answer.status, answer.code), (status, code), path)
        nobody = self.visitor()
        self.assertEqual(nobody.post("/bus/metadata/STATUS", {}).code, "unauthenticated")
        self.assertEqual(nobody.post("/bus/auth/FIRST", {}).json(), {"first": False})

    def test_what_is_no_json_object_is_refused(self):
        for body, kind, status in ((b"{", "application/json", 400), (b"[]", "application/json", 400), (b"", "application/json", 400),
                                   (b'{"a":1,"a":2}', "application/json", 400), (b'{"a":"\xff"}', "application/json", 400),
                                   (b"{}", "text/plain", 415), (b"a=b", "application/x-www-form-urlencoded", 415)):
            answer = self.admin.ask("POST", "/bus/metadata/STATUS", body, headers={"Content-Type": kind})
            self.assertEqual((answer.status, answer.code), (status, "malformed"), body)
        self.assertEqual(self.admin.ask("POST", "/bus/metadata/STATUS", b"{}", headers={"Content-Type": "application/json; charset=utf-8"}).status, 200)

    def test_unknown_addresses_and_methods(self):
        for path in ("/nothing", "/api/v1/nothing", "/api/v2/entries", "/index.htm", "/web/index.html"):
            self.assertEqual(self.admin.get(path).status, 404, path)
        answer = self.admin.ask("PUT", "/api/v1/session")
        self.assertEqual(answer.status, 405)
        self.assertEqual(answer.headers["Allow"], "GET, POST, DELETE")
        self.assertEqual(self.visitor().get("/api/v1/entries", path="/").status, 401)

    def test_every_operation_of_the_document_is_served(self):
        answer = self.admin.get("/api/v1/openapi.json")
        with open(os.path.join(SOURCE, "docs", "openapi.json")) as file:
            self.assertEqual(answer.json(), json.load(file))
        nobody = self.visitor()
        for path, item in answer.json()["paths"].items():
            for method in item:
                address = re.sub(r"\{\w+\}", "x", path)
                status = nobody.ask(method.upper(), address).status
                allowed = (400, 401, 404, 412, 415) if path.startswith("/bus/") else (200, 204, 400, 401, 412, 415)
                self.assertIn(status, allowed, (method, path))


class Assets(SiteTest):
    def test_page_is_served_and_asked_for_again_only_when_it_changed(self):
        answer = self.admin.get("/")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        with open(os.path.join(SOURCE, "client", "web", "index.html"), "rb") as file:
            self.assertEqual(answer.body, file.read())
        again = self.admin.ask("GET", "/", headers={"If-None-Match": answer.headers["ETag"]})
        self.assertEqual((again.status, again.body, again.headers["ETag"]), (304, b"", answer.headers["ETag"]))
        self.assertEqual(answer.headers["Cache-Control"], "no-cache")
        head = self.admin.ask("HEAD", "/")
        self.assertEqual((head.status, head.body, head.headers["Content-Length"]), (200, b"", str(len(answer.body))))

    def test_text_is_compressed_for_who_takes_it(self):
        plain = self.admin.get("/")
        packed = self.admin.ask("GET", "/", headers={"Accept-Encoding": "gzip"})
        self.assertEqual(packed.headers["Content-Encoding"], "gzip")
        self.assertEqual(gzip.decompress(packed.body), plain.body)
        self.assertNotEqual(packed.headers["ETag"], plain.headers["ETag"])
        self.assertEqual(packed.headers["Vary"], "Accept-Encoding")


class Figures(SiteTest):
    def test_metrics_are_what_prometheus_reads(self):
        visitor = self.visitor()
        before = self.read(visitor.get("/metrics"))
        for _ in range(3):
            visitor.get("/no-such-page")
        after = self.read(visitor.get("/metrics"))
        key = 'filestore_http_requests_total{code="404"}'
        self.assertEqual(after[key] - before.get(key, 0), 3)
        self.assertEqual(after["filestore_cluster_up"], 1)
        self.assertEqual(after['filestore_nodes{state="alive"}'], 3)
        self.assertEqual(after['filestore_node_alive{node="node-1"}'], 1)
        self.assertEqual(after['filestore_http_request_seconds_bucket{le="+Inf"}'], after["filestore_http_request_seconds_count"])

    def read(self, answer):
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        values, types = {}, {}
        for line in answer.body.decode().splitlines():
            if line.startswith("# TYPE "):
                self.assertNotIn(line.split()[2], types)
                types[line.split()[2]] = line.split()[3]
            elif not line.startswith("# HELP "):
                match = re.fullmatch(r'(\w+)((?:\{(?:\w+="[^"]*",?)+\})?) ([-+0-9.e]+)', line)
                self.assertIsNotNone(match, line)
                self.assertIn(re.sub("_(bucket|sum|count)$", "", match[1]) if match[1] not in types else match[1], types)
                self.assertNotIn(match[1] + match[2], values)
                values[match[1] + match[2]] = float(match[3])
        return values


if __name__ == "__main__":
    main()
