#!/usr/bin/python3
"""schema_agreement.py VERDICT SCHEMAS: our schema check and python3-jsonschema give the same verdicts.

Messages are derived from each schema, then broken in one or two places; whether a broken one is still valid is for
the two engines to say, separately. FST_SEED repeats a run. Declared differences: 1.0 is no integer (Python is told so), and
a number beyond 64 bits or a NUL in a string never reaches the check (the JSON reader refuses it), so none is made.
"""

import base64
import copy
import glob
import json
import os
import random
import re
import subprocess
import sys

import jsonschema

MESSAGES = 240          # For each schema
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def is_path(text):
    """Acceptable from a user whose home is /users/a: the rules, written without a look at the C code."""
    if not text:
        return False
    parts = [part for part in text.split("/") if part]
    if any(part in (".", "..") or len(part.encode()) > 255 for part in parts):
        return False
    if not text.startswith("/"):
        parts = ["users", "a"] + parts
    return len(parts) <= 64 and len("/".join(parts).encode()) + 1 <= 4096


def is_base64(text):
    try:
        octets = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return False
    return "=" not in text and base64.urlsafe_b64encode(octets).decode().rstrip("=") == text


FORMATS = {
    "path": is_path,
    "user": lambda text: bool(NAME.fullmatch(text)),
    "node": lambda text: bool(NAME.fullmatch(text)),
    "hex": lambda text: bool(re.fullmatch(r"([0-9a-f]{2})*", text)),
    "base64": is_base64,
}


def check_format(validator, name, value, schema):
    if isinstance(value, str) and not FORMATS[name](value):
        yield jsonschema.ValidationError(f"{value!r} is no {name}")


BASE = jsonschema.Draft202012Validator
ENGINE = jsonschema.validators.extend(
    BASE,
    {"x-format": check_format},
    type_checker=BASE.TYPE_CHECKER.redefine("integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)),
)


class Maker:
    """Derives valid messages from one schema, and breaks them."""

    def __init__(self, dice, schema):
        self.dice, self.root = dice, schema
        self.places = []        # (container, key, schema) of each value of the last message

    def resolve(self, schema):
        return self.root["$defs"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema

    def length(self, least, most):
        return self.dice.choice([least, most, self.dice.randint(least, min(most, least + 8))])

    def text(self, length):
        alphabet = self.dice.choice(["abc", "aA0 ._-", "ä€\U0001f600x", '"\\/\n\t'])
        return "".join(self.dice.choice(alphabet) for _ in range(length))

    def octets(self, length):
        return bytes(self.dice.randrange(256) for _ in range(length))

    def path(self, most):
        parts = [self.dice.choice(["a", "ä" * 9, "...", ".x", "b c", "x" * 255]) for _ in range(self.dice.randint(1, 9))]
        text = self.dice.choice(["", "/", "//"]) + self.dice.choice(["/", "//"]).join(parts)
        return text if len(text) <= most else "a"

    def string(self, schema):
        if "enum" in schema:
            return self.dice.choice(schema["enum"])
        if "const" in schema:
            return schema["const"]
        least, most = schema.get("minLength", 0), schema["maxLength"]
        length = self.length(least, min(most, 2000))
        kind = schema.get("x-format")
        if kind == "path":
            return self.path(most)
        if kind == "hex":
            return self.octets((length + 1) // 2).hex()
        if kind == "base64":
            length += length % 4 == 1 and (-1 if length > 1 and length > least else 1)
            return base64.urlsafe_b64encode(self.octets(length)).decode().rstrip("=")[: length // 4 * 4] \
                + {0: "", 2: "AQ", 3: "AAQ"}[length % 4]
        if kind:
            return "n" + "".join(self.dice.choice("az09._-") for _ in range(length - 1))
        return self.text(length)

    def value(self, schema, depth=0):
        schema = self.resolve(schema)
        kind = schema["type"]
        if kind == "object":
            made = {}
            for name, inner in schema.get("properties", {}).items():
                if name in schema["required"] or self.dice.random() < 0.6:
                    made[name] = self.value(inner, depth + 1)
                    self.places.append((made, name, inner))
            return made
        if kind == "array":
            least, most = schema.get("minItems", 0), schema["maxItems"]
            count = self.dice.randint(least, min(most, least + 3))
            if depth < 2 and most <= 300 and self.dice.random() < 0.05:
                count = most
            made = [self.value(schema["items"], depth + 1) for _ in range(count)]
            self.places.extend((made, at, schema["items"]) for at in range(count))
            return made
        if kind == "integer":
            if "const" in schema:
                return schema["const"]
            least, most = schema["minimum"], schema["maximum"]
            return self.dice.choice([least, most, self.dice.randint(least, most)])
        if kind == "boolean":
            return self.dice.random() < 0.5
        return self.string(schema)

    def other_string(self, schema, old):
        least, most = schema.get("minLength", 0), schema.get("maxLength", 10)
        wrong = ["", "x", "X", "../x", "a/../b", "/..", "a/./b", "x" * 256, "/".join("x" * 70), "/x" * 64, "/x" * 65, "x/" * 62, "x/" * 63,
                 ("/" + "x" * 255) * 16, ("/" + "x" * 255) * 16 + "/x", "ä" * 127, "ä" * 128,
                 ("/" + "ä" * 127) * 16 + "/ääääääää", ("/" + "ä" * 127) * 16 + "/äääääääx", "A", "AAAAA", "AB",
                 "é", "-a", "a b", "0g", "0" * (most + 1), "0" * most, "A" * most, "x" * max(least - 1, 0), "a\n", "/" * 9]
        if isinstance(old, str) and old:
            at = self.dice.randrange(len(old))
            wrong += [old.upper(), old[1:], old + "0", old + "=", old[:at] + self.dice.choice("+/=\n-_.Zä") + old[at + 1:]] * 2
        return self.dice.choice(wrong)

    def other(self, schema, old):
        """A value to put in place of an old one: mostly wrong, sometimes right."""
        schema = self.resolve(schema)
        if self.dice.random() < 0.25:
            return self.dice.choice([None, True, 0, 1, -1, 1.0, 0.5, "", "x", [], {}, [[]], {"x": 1}])
        if schema["type"] == "integer":
            least, most = schema.get("minimum", 1), schema.get("maximum", 1)
            return self.dice.choice([least - 1, most + 1, least, most, float(min(most, 1000)), -0.0, str(least), 2**63 - 1, -2**63])
        if schema["type"] == "string":
            return self.other_string(schema, old)
        if schema["type"] == "array" and isinstance(old, list):
            most = schema["maxItems"]
            if old and most <= 300:
                return self.dice.choice([old[:1] * (most + 1), old[:1] * most, old[1:], []])
            return self.dice.choice([old[1:], old + old[:1], [None], []])
        return self.dice.choice([None, 0, 1, "true", [], {}])

    def message(self):
        self.places = []
        return self.value(self.root)

    def broken(self):
        message = self.message()
        objects = [message] + [place[0][place[1]] for place in self.places if isinstance(place[0][place[1]], dict)]
        for _ in range(self.dice.randint(1, 2)):
            if not self.places or self.dice.random() < 0.2:
                target = self.dice.choice(objects)
                if target and self.dice.random() < 0.6:
                    target.pop(self.dice.choice(list(target)))
                else:
                    target[self.dice.choice(["extra", "", "ä", "v", "path", "name"])] = self.dice.choice([1, None, "x"])
            else:
                holder, key, schema = self.dice.choice(self.places)
                if isinstance(holder, list) or key in holder:
                    holder[key] = self.other(schema, copy.deepcopy(holder[key]))
        return message


def bodies(folder):
    """(kind, service, name, schema) of every message of the contract."""
    for filename in sorted(glob.glob(os.path.join(folder, "*/*.json"))):
        with open(filename, encoding="utf-8") as file:
            root = json.load(file)
        service, name = filename[:-5].split("/")[-2:]
        if service == "http":
            continue                    # Operations, no schemas
        kinds = {"events": ["event"], "envelope": ["envelope"]}.get(service, ["request", "reply"])
        for kind in kinds:
            schema = dict(root["event" if kind == "envelope" else kind])
            schema["$defs"] = root.get("$defs", {})
            BASE.check_schema(schema)
            yield kind, service, name, schema


def main(program, folder):
    seed = int(os.environ.get("FST_SEED") or random.SystemRandom().randrange(2**32))
    print(f"FST_SEED={seed}", flush=True)
    lines, expected, derived = [], [], []
    for kind, service, name, schema in bodies(folder):
        maker = Maker(random.Random(f"{seed} {kind} {service} {name}"), schema)
        engine = ENGINE(schema)
        for number in range(MESSAGES):
            message = maker.message() if number % 4 == 0 else maker.broken()
            lines.append(json.dumps([kind, service, name, message]))
            expected.append(engine.is_valid(message))
            derived.append(number % 4 == 0)
    result = subprocess.run([program], input="\n".join(lines) + "\n", text=True, capture_output=True, timeout=100)
    verdicts = result.stdout.splitlines()
    sys.stderr.write(result.stderr)
    assert result.returncode == 0, f"{program} ended with {result.returncode}"
    assert len(verdicts) == len(lines), f"{len(lines)} messages, {len(verdicts)} verdicts"

    wrong = 0
    for line, good, clean, verdict in zip(lines, expected, derived, verdicts):
        if verdict not in ("ok",) and not verdict.startswith("no ") or (verdict == "ok") != good or (clean and not good):
            wrong += 1
            if wrong <= 5:
                print(f"jsonschema {'ok' if good else 'no'}, ours {verdict}{', derived' if clean else ''}: {line[:600]}")
    refused = expected.count(False)
    print(f"{len(lines)} messages of {len(lines) // MESSAGES} schemas, {refused} refused by both, {wrong} differ")
    assert refused > len(lines) // 4 and expected.count(True) > len(lines) // 4, "the mix tests too little"
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
