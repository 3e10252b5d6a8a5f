"""Manifests of Kubernetes against its own schemas, in which an unknown field is an error.

Usage: manifests.py VERSION FILE…    prints every document as a line of JSON; exits with 1 if one is wrong
"""

import json
import sys

import kubernetes_validate
import yaml


def main():
    version, *files = sys.argv[1:]
    wrong = 0
    for name in files:
        with open(name, encoding="utf-8") as file:
            documents = [document for document in yaml.safe_load_all(file) if document]
        for document in documents:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except Exception as error:  # whatever it is, the manifest is not good
                wrong += 1
                message = getattr(error, "message", error)
                print(f"{name}: {type(error).__name__}: {message}", file=sys.stderr)
            print(json.dumps({"file": name, "document": document}))
    sys.exit(1 if wrong else 0)


main()
