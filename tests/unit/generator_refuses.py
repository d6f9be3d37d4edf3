#!/usr/bin/python3
"""generator_refuses.py GENERATOR: what the generator does not enforce, it refuses, with the place and the reason."""

import copy
import json
import os
import subprocess
import sys
import tempfile

GOOD = {
    "title": "demo PING", "description": "A ping.", "x-needs": "user", "x-errors": ["not_found"],
    "request": {
        "type": "object", "required": ["text"], "additionalProperties": False,
        "properties": {
            "text": {"type": "string", "minLength": 1, "maxLength": 9, "x-format": "hex"},
            "mode": {"type": "string", "enum": ["a", "b"]},
            "count": {"type": "integer", "minimum": 0, "maximum": 9},
            "list": {"type": "array", "items": {"$ref": "#/$defs/one"}, "maxItems": 3},
        },
    },
    "reply": {"type": "object", "required": [], "properties": {}, "additionalProperties": False},
    "$defs": {"one": {"type": "object", "required": ["a"], "properties": {"a": {"type": "boolean"}}, "additionalProperties": False}},
}
TEXT, COUNT, LIST = (["request", "properties", name] for name in ("text", "count", "list"))
DROP = object()

#   Where in GOOD, what to put there, what the message has to say
CASES = [
    (TEXT + ["pattern"], "^a", 'request.text: keyword "pattern" is not enforced'),
    (TEXT + ["format"], "date", 'keyword "format"'),
    (COUNT + ["multipleOf"], 2, 'request.count: keyword "multipleOf"'),
    (COUNT + ["exclusiveMinimum"], 2, 'keyword "exclusiveMinimum"'),
    (LIST + ["uniqueItems"], True, 'request.list: keyword "uniqueItems"'),
    (["request", "oneOf"], [], 'request: keyword "oneOf"'),
    (["request", "minProperties"], 1, 'keyword "minProperties"'),
    (["$defs", "one", "properties", "a", "const"], True, 'keyword "const"'),
    (["x-color"], "red", 'keyword "x-color"'),
    (["x-http"], "PATCH /api/v1/x", "x-http must be GET, DELETE, POST or PUT"),
    (["x-http"], "GET /other/x", "x-http must be GET, DELETE, POST or PUT"),
    (["x-http"], "GET /api/v1/x?y", "x-http must be GET, DELETE, POST or PUT"),
    (["x-http"], "GET /api/v1/x", "list: cannot stand in a query"),
    (TEXT + ["x-format"], "color", 'x-format "color" is not known'),
    (TEXT + ["enum"], ["a"], 'keyword "minLength"'),
    (TEXT + ["maxLength"], DROP, "maxLength must be a whole number (everything has a bound)"),
    (TEXT + ["minLength"], 10, "allow nothing"),
    (TEXT + ["minLength"], -1, "allow nothing"),
    (TEXT + ["maxLength"], 9.5, "maxLength must be a whole number"),
    (TEXT + ["type"], ["string", "null"], "type must be"),
    (TEXT + ["type"], "number", 'type "number" is not one of'),
    (TEXT + ["type"], DROP, "type must be"),
    (TEXT + ["description"], "two\nlines", "description must be a line of text"),
    (COUNT + ["minimum"], DROP, "minimum must be a whole number"),
    (LIST + ["maxItems"], DROP, "maxItems must be a whole number"),
    (LIST + ["items"], DROP, "request.list[]: a schema must be an object"),
    (LIST + ["items", "$ref"], "#/$defs/two", "there is no such $ref"),
    (LIST + ["items", "$ref"], "other.json#/x", "there is no such $ref"),
    (LIST + ["items", "$ref"], "#/request", "there is no such $ref"),
    (LIST + ["items", "maxItems"], 3, 'keyword "maxItems"'),
    (["$defs", "one", "properties", "a"], {"$ref": "#/$defs/one"}, "nested deeper than 16, or refers to itself"),
    (["$defs", "two"], {"type": "object"}, "$defs.two: an object must have properties and required"),
    (["request", "additionalProperties"], DROP, "additionalProperties must be false"),
    (["request", "additionalProperties"], True, "additionalProperties must be false"),
    (["request", "required"], DROP, "must have properties and required"),
    (["request", "required"], ["txt"], 'required names "txt", which is no property'),
    (["request", "required"], ["text", "text"], 'required names "text" twice'),
    (["request", "properties", "Text"], {"type": "boolean"}, '"Text" must be of'),
    (["request", "properties", "mode", "enum"], [], "at least one value"),
    (["request", "properties", "mode", "enum"], [1], "must be strings"),
    (["request", "properties", "mode", "enum"], ['a"'], "are of letters"),
    (["request"], {"type": "boolean"}, "request: must be an object"),
    (["reply"], DROP, "reply is missing"),
    (["title"], "demo PONG", 'the title must be "demo PING"'),
    (["title"], DROP, "title must be"),
    (["x-needs"], "friend", 'x-needs "friend"'),
    (["x-needs"], DROP, "x-needs must be"),
    (["x-errors"], ["no_such_error"], "x-errors [0]"),
    (["x-errors"], ["ok"], "x-errors [0]"),
]


def change(path, value):
    schema = copy.deepcopy(GOOD)
    at = schema
    for key in path[:-1]:
        at = at[key]
    if value is DROP:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return json.dumps(schema)


def generate(generator, folder, text):
    with open(os.path.join(folder, "demo/PING.json"), "w", encoding="utf-8") as file:
        file.write(text)
    return subprocess.run([generator, "--tables", "out.c", "demo/PING.json"], cwd=folder, text=True, capture_output=True)


def main(generator):
    cases = [(change(path, value), text) for path, value, text in CASES]
    cases += [("{", "line 1"), ('{"title":"a","title":"b"}', "duplicate"), ("[]", "must be an object")]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "demo"))
        good = generate(generator, folder, json.dumps(GOOD))
        assert good.returncode == 0, good.stderr
        for schema, text in cases:
            result = generate(generator, folder, schema)
            if result.returncode != 1 or text not in result.stderr or "schemas/demo/PING.json: " not in result.stderr:
                print(f"{schema}\n  gave {result.returncode}, {result.stderr!r}; expected: {text}")
                failed += 1
    print(f"{len(cases)} bad schemas, {failed} not refused as they should be")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
