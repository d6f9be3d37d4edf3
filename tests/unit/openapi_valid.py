#!/usr/bin/python3
"""openapi_valid.py DOCUMENT SCHEMAS: the OpenAPI document holds together, and has every command with an address."""

import glob
import json
import os
import re
import sys

import jsonschema

METHODS = {"get", "head", "put", "post", "patch", "delete", "options"}


def fail(*words):
    sys.exit("openapi.json: " + " ".join(str(word) for word in words))


def walk(value, where=""):
    """Every object in it, and where."""
    if isinstance(value, dict):
        yield value, where
        for key, inner in value.items():
            yield from walk(inner, where + "/" + key)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from walk(inner, "%s/%d" % (where, at))


def check_refs(document):
    for value, where in walk(document):
        ref = value.get("$ref")
        if isinstance(ref, str):
            target = document
            for part in ref.removeprefix("#/").split("/"):
                target = target.get(part) if isinstance(target, dict) else None
            if target is None:
                fail(where, "points to", ref, "which is not there")


def check_schemas(document):
    count = 0
    for value, where in walk(document):
        if "schema" in value and not where.endswith("properties"):
            jsonschema.Draft202012Validator.check_schema(value["schema"])
            count += 1
    return count


def check_operation(path, method, operation, ids):
    where = "%s %s" % (method, path)
    if method not in METHODS:
        fail(where, "is no method")
    if operation["operationId"] in ids:
        fail(where, "has the id of another operation")
    ids.add(operation["operationId"])
    if not operation.get("summary") or not operation.get("tags"):
        fail(where, "does not say what it is")
    if not any(re.fullmatch("2[0-9][0-9]", status) for status in operation["responses"]):
        fail(where, "has no answer for when all goes well")
    for status, answer in operation["responses"].items():
        if not re.fullmatch("[1-5][0-9][0-9]|default", status) or not ("description" in answer or "$ref" in answer):
            fail(where, "answer", status)
    names = [(one["in"], one["name"]) for one in operation.get("parameters", [])]
    if len(set(names)) != len(names):
        fail(where, "has a parameter twice")
    if {name for place, name in names if place == "path"} != set(re.findall(r"\{(\w+)\}", path)):
        fail(where, "does not describe exactly what is in its path")
    for one in operation.get("parameters", []):
        if one["in"] not in ("query", "path", "header") or "schema" not in one or (one["in"] == "path" and not one["required"]):
            fail(where, "parameter", one["name"])


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    if not document["openapi"].startswith("3.1."):
        fail("is no OpenAPI 3.1")
    check_refs(document)
    schemas = check_schemas(document)
    ids = set()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            check_operation(path, method, operation, ids)
    for filename in glob.glob(os.path.join(sys.argv[2], "*/*.json")):
        with open(filename, encoding="utf-8") as file:
            http = json.load(file).get("x-http")
        if http:
            method, path = http.split()
            operation = document["paths"][path][method.lower()]
            if operation["operationId"] != "_".join(filename[:-5].split("/")[-2:]):
                fail(http, "is not", filename)
    print("%d operations, %d schemas" % (len(ids), schemas))


main()
