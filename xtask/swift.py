"""A whole OpenStack Swift in one process, for tests: the proxy, and the servers of accounts, containers and objects.

    swift.py FOLDER --ports PLAIN,TLS,ACCOUNT,CONTAINER,OBJECT --certificate FILE --key FILE [...]

Everything is Swift's own, with one replica of all that is stored, but for two things. What memcached would keep, the
tokens of TempAuth among it, is kept in the process. And there is one path more:

    POST /_test/flush-tokens
    POST /_test/flush-tokens?user=test:tester

after which no token is accepted that was given out before, or none of that user. None of Swift's daemons runs: what has
expired is not found any more, and is still listed; what an account holds is not added up.
"""

import argparse
import json
import os
import sys
import time
from urllib.parse import parse_qs

import eventlet
import eventlet.wsgi

eventlet.monkey_patch(all=False, socket=True, select=True, thread=True, time=True)

# Everything is on this machine, Keystone too.
os.environ["no_proxy"] = "*"

# What was written outlives this process, and need not outlive the machine.
os.fsync = os.fdatasync = lambda file: None

HOST = "127.0.0.1"

STORES = ("account", "container", "object")

# Times that a busy machine keeps, too: what an object server could not tell that of containers in time is never listed.
SERVER = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {settings}
devices = {devices}
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
log_name = swift-{name}
log_level = WARNING
conn_timeout = 30
node_timeout = 60
container_update_timeout = 60
"""

STORE = """[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""

# A store that failed is asked again, since there is no other. Small segments are read as quickly as large ones.
PROXY = """[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk tempurl formpost {auth} copy
    container-quotas account-quotas slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
error_suppression_limit = 1000000
[filter:cache]
paste.filter_factory = __main__:cache_factory
[filter:container-quotas]
use = egg:swift#container_quotas
[filter:account-quotas]
use = egg:swift#account_quotas
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:slo]
use = egg:swift#slo
rate_limit_after_segment = 1000000
[filter:dlo]
use = egg:swift#dlo
rate_limit_after_segment = 1000000
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
allow_object_versioning = true
[filter:tempauth]
use = egg:swift#tempauth
token_life = {token_life}
user_test_tester = testing .admin
user_test_tester3 = testing3
user_admin_admin = admin .admin .reseller_admin
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = {keystone}
auth_url = {keystone}
auth_plugin = password
project_domain_id = default
user_domain_id = default
project_name = service
username = swift
password = not-a-secret
interface = public
service_token_roles_required = true
delay_auth_decision = true
# A token that was revoked is refused at once.
token_cache_time = -1
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, member
"""

# Filters that are not told anything.
FILTERS = "catch_errors gatekeeper healthcheck listing_formats bulk tempurl formpost copy symlink"


class Cache:
    """Has of Swift's client of memcached what Swift calls."""

    # More than tests have tokens and containers at a time.
    MANY = 10_000

    def __init__(self):
        self.entries = {}

    def get(self, key, raise_on_error=False):
        value, ends = self.entries.get(key, (None, 0))
        if ends and ends <= time.time():
            self.entries.pop(key, None)
            return None
        return value

    def set(self, key, value, serialize=True, time=0, min_compress_len=0, raise_on_error=False):
        if len(self.entries) > self.MANY:
            self.make_room()
        # As it comes back from memcached, which makes lists of tuples.
        value = json.loads(json.dumps(value)) if serialize else value
        self.entries[key] = (value, now() + time if time else 0)
        return True

    def make_room(self):
        ended = [key for key, (_, ends) in self.entries.items() if ends and ends <= now()]
        # If none has, those go that have been there for longest.
        for key in ended or list(self.entries)[: self.MANY // 2]:
            del self.entries[key]

    def incr(self, key, delta=1, time=0):
        value = max(0, int(self.get(key) or 0) + int(delta))
        self.set(key, value, time=time)
        return value

    def decr(self, key, delta=1, time=0):
        return self.incr(key, -int(delta), time)

    def delete(self, key, server_key=None):
        self.entries.pop(key, None)

    def get_multi(self, keys, server_key=None, raise_on_error=False):
        return [self.get(key) for key in keys]

    def set_multi(self, mapping, server_key=None, serialize=True, time=0, min_compress_len=0, raise_on_error=False):
        for key, value in mapping.items():
            self.set(key, value, serialize, time)

    def flush_tokens(self, user):
        """Forgets what TempAuth knows of tokens: who has one, and until when and for what it is."""
        for key, (value, _) in list(self.entries.items()):
            if "/token/" in key and (user is None or user in value[1].split(",")):
                del self.entries[key]
            elif "/user/" in key and (user is None or key.endswith("/user/" + user)):
                del self.entries[key]


# Some of the methods above have an argument of that name.
now = time.time

CACHE = Cache()


def cache_factory(_settings, **_own):
    """What stands in the pipeline in place of Swift's own filter of that name."""

    def around(app):
        def filtered(environ, start):
            environ["swift.cache"] = CACHE
            if (environ["REQUEST_METHOD"], environ["PATH_INFO"]) != ("POST", "/_test/flush-tokens"):
                return app(environ, start)
            CACHE.flush_tokens(parse_qs(environ.get("QUERY_STRING", "")).get("user", [None])[0])
            start("204 No Content", [("Content-Length", "0")])
            return [b""]

        return filtered

    return around


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--ports", required=True, type=lambda ports: [int(port) for port in ports.split(",")])
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--token-life", type=int, default=86400, help="how many seconds a token of TempAuth lives")
    parser.add_argument("--max-file-size", type=int, default=5368709122, help="how many bytes an object may have")
    parser.add_argument("--keystone", help="where the Keystone is that knows the tokens, instead of TempAuth")
    parser.add_argument("--log", help="the file to write to what else is printed")
    return parser.parse_args()


def write_settings(told, settings, devices):
    """Writes what each server reads; returns the path of the proxy's."""
    common = {"settings": settings, "devices": devices, "token_life": told.token_life, "keystone": told.keystone}
    common["auth"] = "authtoken keystoneauth" if told.keystone else "s3api tempauth"

    def write(name, text):
        path = os.path.join(settings, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    write(
        "swift.conf",
        "[swift-hash]\nswift_hash_path_suffix = test\nswift_hash_path_prefix = test\n"
        "[storage-policy:0]\nname = Policy-0\ndefault = yes\n"
        f"[swift-constraints]\nmax_file_size = {told.max_file_size}\n",
    )
    paths = {}
    for name, port in zip(STORES, told.ports[2:]):
        paths[name] = write(f"{name}-server.conf", (SERVER + STORE).format(name=name, port=port, **common))
    filters = "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in FILTERS.split())
    proxy = (SERVER + PROXY).format(name="proxy", port=told.ports[0], **common) + filters
    paths["proxy"] = write("proxy-server.conf", proxy)
    return paths


def write_rings(told, settings):
    """Writes where everything is stored: once, here."""
    from swift.common.ring import RingBuilder

    for name, port in zip(STORES, told.ports[2:]):
        builder = RingBuilder(4, 1, 0)
        place = {"ip": HOST, "port": port, "replication_ip": HOST, "replication_port": port}
        builder.add_dev({"id": 0, "region": 1, "zone": 1, "device": "d1", "weight": 1, "meta": "", **place})
        builder.rebalance()
        builder.get_ring().save(os.path.join(settings, f"{name}.ring.gz"))


def check_attributes(folder):
    """Ends where Swift could not store anything: what it knows of an object is in extended attributes."""
    try:
        os.setxattr(folder, "user.zato", b"")
    except OSError as error:
        sys.exit(f"{folder} takes no extended attributes ({error}); set TMPDIR to where a file system does")


def main():
    told = options()
    if told.log:
        # Also of what writes to the standard error without asking Python.
        log = os.open(told.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
    settings, devices = os.path.join(told.folder, "settings"), os.path.join(told.folder, "devices")
    os.makedirs(settings, exist_ok=True)
    os.makedirs(os.path.join(devices, "d1"), exist_ok=True)
    check_attributes(devices)
    paths = write_settings(told, settings, devices)

    from swift.common import utils

    # Before anything looks for it in `/etc/swift`.
    utils.set_swift_dir(settings)
    write_rings(told, settings)

    from swift.common.wsgi import SwiftHttpProtocol, loadapp

    def serve(app, port, wrap=lambda listener: listener):
        listener = wrap(eventlet.listen((HOST, port), backlog=1024))
        settings = {"protocol": SwiftHttpProtocol, "log_output": False, "capitalize_response_headers": False}
        eventlet.spawn(eventlet.wsgi.server, listener, app, max_size=1024, **settings)

    apps = {}
    for name, path in paths.items():
        log = {"log_name": f"swift-{name}", "log_level": "WARNING"}
        utils.get_logger(log, log_to_console=True, log_route=f"{name}-server")
        apps[name] = loadapp(path, global_conf={"log_name": f"swift-{name}"})
    for name, port in zip(STORES, told.ports[2:]):
        serve(apps[name], port)
    serve(apps["proxy"], told.ports[0])
    serve(
        apps["proxy"],
        told.ports[1],
        lambda listener: eventlet.wrap_ssl(listener, certfile=told.certificate, keyfile=told.key, server_side=True),
    )
    print("swift is ready", flush=True)
    while True:
        eventlet.sleep(3600)


main()
