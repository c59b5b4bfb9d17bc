"""A client of AMQP that nobody here wrote, on pika: publishes what it reads, prints what it consumes.

    amqp_peer.py publish URL SECONDS [AUTHORITY [CERTIFICATE KEY]]
    amqp_peer.py consume URL SECONDS QUEUE COUNT [AUTHORITY [CERTIFICATE KEY]]

What became of a message that was published: ack, nack, returned, blocked, or why the channel was closed.

A message is a line of JSON: exchange, routing_key, body in base64, properties. A value of a header is a pair of the
letter that stands for its type on the wire and what it holds, so that nothing of it is lost: ["S", "text"], ["I", -1],
["d", 0.5], ["t", true], ["T", 1700000000], ["x", "base64"], ["D", [2, 150]] for 1.50, ["A", [["b", 1]]],
["F", {"name": ["V", null]}]. A text that is no UTF-8 is {"base64": "..."}.
"""

import base64
import json
import ssl
import struct
import sys
import time

import pika
from pika import data

NUMBERS = {b"b": ">b", b"B": ">B", b"s": ">h", b"U": ">h", b"u": ">H", b"I": ">i", b"i": ">I", b"l": ">q", b"L": ">q",
           b"f": ">f", b"d": ">d", b"T": ">Q"}


def text(raw):
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}


def untext(value):
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value.encode("utf-8")


# In place of pika's own, which reads numbers with a fraction as whole ones, writes none, and keeps no type.
def decode(encoded, offset):
    letter, offset = encoded[offset:offset + 1], offset + 1
    if letter in NUMBERS:
        value = struct.unpack_from(NUMBERS[letter], encoded, offset)[0]
        offset += struct.calcsize(NUMBERS[letter])
    elif letter == b"t":
        value, offset = encoded[offset] != 0, offset + 1
    elif letter == b"D":
        value, offset = list(struct.unpack_from(">Bi", encoded, offset)), offset + 5
    elif letter in (b"S", b"x"):
        start, offset = offset + 4, offset + 4 + struct.unpack_from(">I", encoded, offset)[0]
        raw = encoded[start:offset]
        value = text(raw) if letter == b"S" else base64.b64encode(raw).decode()
    elif letter == b"A":
        offset, end = offset + 4, offset + 4 + struct.unpack_from(">I", encoded, offset)[0]
        value = []
        while offset < end:
            item, offset = decode(encoded, offset)
            value.append(item)
    elif letter == b"F":
        value, offset = data.decode_table(encoded, offset)
    elif letter == b"V":
        value = None
    else:
        raise ValueError(f"no type has the letter {letter!r}")
    return [letter.decode(), value], offset


def encode(pieces, pair):
    letter, value = pair[0].encode(), pair[1]
    inner = []
    if letter in NUMBERS:
        piece = struct.pack(NUMBERS[letter], value)
    elif letter == b"t":
        piece = bytes([value])
    elif letter == b"D":
        piece = struct.pack(">Bi", *value)
    elif letter in (b"S", b"x"):
        raw = untext(value) if letter == b"S" else base64.b64decode(value)
        piece = struct.pack(">I", len(raw)) + raw
    elif letter == b"A":
        for item in value:
            encode(inner, item)
        piece = struct.pack(">I", len(b"".join(inner))) + b"".join(inner)
    elif letter == b"F":
        data.encode_table(inner, value)
        piece = b"".join(inner)
    elif letter == b"V":
        piece = b""
    else:
        raise ValueError(f"no type has the letter {letter!r}")
    pieces.append(letter + piece)
    return 1 + len(piece)


def connect(url, seconds, files):
    parameters = pika.URLParameters(url)
    if files:
        context = ssl.create_default_context(cafile=files[0])
        if files[1:]:
            context.load_cert_chain(*files[1:])
        parameters.ssl_options = pika.SSLOptions(context, parameters.host)
    parameters.blocked_connection_timeout = seconds
    parameters.socket_timeout = parameters.stack_timeout = seconds
    parameters.client_properties = {"connection_name": "pika"}
    connection = pika.BlockingConnection(parameters)
    # Not before: what the two told each other of themselves are tables as well.
    data.decode_value, data.encode_value = decode, encode
    return connection


def publish(url, seconds, *files):
    connection = connect(url, float(seconds), files)
    channel = connection.channel()
    channel.confirm_delivery()
    for line in sys.stdin:
        message = json.loads(line)
        properties = pika.BasicProperties(**message.get("properties", {}))
        body = base64.b64decode(message["body"])
        try:
            channel.basic_publish(message["exchange"], message["routing_key"], body, properties, mandatory=message.get("mandatory", True))
            outcome = "ack"
        except pika.exceptions.UnroutableError:
            outcome = "returned"
        except pika.exceptions.NackError:
            outcome = "nack"
        except pika.exceptions.ConnectionBlockedTimeout:
            outcome = "blocked"
        except pika.exceptions.AMQPChannelError as error:
            outcome = str(error)
        print(json.dumps({"outcome": outcome}), flush=True)
        if not channel.is_open:
            return
    connection.close()


def consume(url, seconds, queue, count, *files):
    connection = connect(url, float(seconds), files)
    channel = connection.channel()
    channel.basic_qos(prefetch_count=1)
    left, end = int(count), time.monotonic() + float(seconds)
    for method, properties, body in channel.consume(queue, inactivity_timeout=0.2):
        if method is not None:
            names = vars(properties)
            message = {
                "exchange": method.exchange,
                "routing_key": method.routing_key,
                "redelivered": method.redelivered,
                "body": base64.b64encode(body).decode(),
                "properties": {name: value for name, value in names.items() if value is not None},
            }
            print(json.dumps(message), flush=True)
            channel.basic_ack(method.delivery_tag)
            left -= 1
        if left == 0 or time.monotonic() > end:
            break
    channel.cancel()
    connection.close()


{"publish": publish, "consume": consume}[sys.argv[1]](*sys.argv[2:])
