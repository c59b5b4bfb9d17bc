"""The jobs of this folder, done with python-swiftclient: a thread with a connection for each task.

    peer.py PACKAGES JOB AUTH_URL USER KEY CONTAINER

PACKAGES is the folder that the library is in. What is to be done is told, and how long it took is answered, as `main.rs`
says of the other programs; nobody counts what is allocated here.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

# The server is on this machine.
os.environ["no_proxy"] = "*"
sys.path.insert(0, sys.argv[1])

from swiftclient.client import Connection

JOB, AUTH_URL, USER, KEY, CONTAINER = sys.argv[2:]

# As in `objects.rs`.
SMALL = 100
LARGE = [100, 10]
CONTENT = (bytes(range(256)) * 4)[:1000]

# How much of a large object is read at once.
PIECE = 65536


def put_small(connection, first, count):
    for piece in range(count):
        connection.put_object(CONTAINER, f"written-{first}-{piece % SMALL}", CONTENT)


def get_small(connection, first, count):
    for piece in range(first, first + count):
        _, content = connection.get_object(CONTAINER, f"small-{piece % SMALL}")
        if content != CONTENT:
            sys.exit("another object was read than was stored")


def lengths(megabytes):
    while length := next((length for length in LARGE if length <= megabytes), None):
        megabytes -= length
        yield length


def put_large(connection, _first, count):
    for megabytes in lengths(count):
        connection.put_object(CONTAINER, f"large-{megabytes}", CONTENTS[megabytes])


def get_large(connection, _first, count):
    for megabytes in lengths(count):
        _, pieces = connection.get_object(CONTAINER, f"large-{megabytes}", resp_chunk_size=PIECE)
        if sum(len(piece) for piece in pieces) != megabytes * 1_000_000:
            sys.exit("another object was read than was stored")


WORK, TASKS = {
    "swift-put-1k": (put_small, 8),
    "swift-get-1k": (get_small, 8),
    "swift-put-100m": (put_large, 1),
    "swift-get-100m": (get_large, 1),
}[JOB]

CONTENTS = {megabytes: CONTENT * (megabytes * 1000) for megabytes in LARGE} if WORK is put_large else {}


def share(pool, connections, count):
    """Has each thread do its share; what one of them fails with ends the program."""
    first, working = 0, []
    for waiting, connection in zip(range(TASKS, 0, -1), connections):
        pieces = -(-(count - first) // waiting)
        working.append(pool.submit(WORK, connection, first, pieces))
        first += pieces
    for work in working:
        work.result()


def main():
    connections = [Connection(AUTH_URL, USER, KEY, retries=1, timeout=60) for _ in range(TASKS)]
    for connection in connections:
        # Logs in.
        connection.head_container(CONTAINER)
    with ThreadPoolExecutor(TASKS) as pool:
        print("ready", flush=True)
        for line in sys.stdin:
            start = time.perf_counter_ns()
            share(pool, connections, int(line.removeprefix("do ")))
            print("done", time.perf_counter_ns() - start, flush=True)
    print("allocations 0", flush=True)


main()
