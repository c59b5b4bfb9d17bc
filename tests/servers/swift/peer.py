"""A client of Swift that nobody here wrote, on python-swiftclient.

    peer.py put CONTAINER NAME FILE [--segment-size BYTES [--slo]] [--meta KEY=VALUE]...
    peer.py get CONTAINER NAME FILE
    peer.py stat CONTAINER NAME
    peer.py list CONTAINER

It is told where to log in by the variables that python-swiftclient knows: ST_AUTH, ST_USER and ST_KEY, or
ST_AUTH_VERSION=3 and those that begin with OS_. A container that is not there yet is made, and one for the segments,
CONTAINER_segments. Segments without `--slo` make a dynamic large object.

Each prints one thing in JSON: the name that was put; the length of what was written to FILE, whose ETag is looked at;
the headers of an object, in lower case; what is in a container, as Swift lists it.
"""

import argparse
import json
import os
import sys

# It is on this machine.
os.environ["no_proxy"] = "*"

from swiftclient.service import SwiftError, SwiftService, SwiftUploadObject


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["put", "get", "stat", "list"])
    parser.add_argument("container")
    parser.add_argument("name", nargs="?")
    parser.add_argument("file", nargs="?")
    parser.add_argument("--segment-size")
    parser.add_argument("--slo", action="store_true")
    parser.add_argument("--meta", action="append", default=[])
    return parser.parse_args()


def each(results):
    """Hands on what went well; ends with what did not."""
    for result in results:
        if not result["success"]:
            sys.exit(f"{result['action']}: {result['error']}")
        yield result


def put(swift, told):
    # An option that is None is another than none.
    size = {"segment_size": told.segment_size} if told.segment_size else {}
    meta = [pair.replace("=", ":", 1) for pair in told.meta]
    wanted = SwiftUploadObject(told.file, object_name=told.name)
    results = list(each(swift.upload(told.container, [wanted], {"use_slo": told.slo, "meta": meta, **size})))
    return [result["object"] for result in results if result["action"] == "upload_object"][0]


def get(swift, told):
    # It compares length and ETag itself, and fails if they differ. The ETag of a large object is no checksum of it.
    list(each(swift.download(told.container, [told.name], {"out_file": told.file})))
    return {"length": os.path.getsize(told.file)}


def stat(swift, told):
    (result,) = each(swift.stat(told.container, [told.name]))
    return dict(result["headers"])


def list_all(swift, told):
    return [entry for page in each(swift.list(told.container)) for entry in page["listing"]]


def main():
    told = options()
    do = {"put": put, "get": get, "stat": stat, "list": list_all}[told.action]
    try:
        with SwiftService({"retries": 1}) as swift:
            print(json.dumps(do(swift, told)))
    except SwiftError as error:
        sys.exit(str(error))


main()
