"""Judges configurations by a JSON Schema: judge.py SCHEMA CASES GOOD...; prints what it found as JSON."""

import json
import sys
import tomllib

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

schema_file, cases_file, *good_files = sys.argv[1:]
found = []


def say(what, good):
    found.append({"what": what, "good": bool(good)})


with open(schema_file, encoding="utf-8") as file:
    schema = json.load(file)
try:
    Draft202012Validator.check_schema(schema)
    say("the schema is one of 2020-12", True)
except SchemaError as error:
    say(f"the schema is one of 2020-12: {error.message}", False)
validator = Draft202012Validator(schema)


def wrong(text):
    return [error.message for error in validator.iter_errors(tomllib.loads(text))]


for name in good_files:
    with open(name, encoding="utf-8") as file:
        errors = wrong(file.read())
    say(f"{'/'.join(name.split('/')[-2:])} is good {errors}", not errors)

with open(cases_file, "rb") as file:
    cases = tomllib.load(file)
for case in cases["good"]:
    say("a good case is good", not wrong(case["text"]))
for case in cases["shape"]:
    say(f"refused: {case['says']}", wrong(case["text"]))
for case in cases["check"]:
    say(f"for check alone: {case['says']}", not wrong(case["text"]))
print(json.dumps(found))
