"""A Keystone of its own, for tests: its database is a file, its tokens are Fernet's.

    keystone.py prepare FOLDER PORT SWIFT_PORT SWIFT_TLS_PORT [--token-life SECONDS]
    keystone.py serve   FOLDER PORT SWIFT_PORT SWIFT_TLS_PORT [--token-life SECONDS]

The first makes what Keystone needs and what tests look for: a user of the project `test` with an application
credential, and a catalogue in which Swift is in two regions, RegionOne and RegionTwo. In RegionOne it has another
address for each interface, in RegionTwo one, over TLS. What only Keystone knows is in the file `details` then, a name
and a value on each line.
"""

import argparse
import grp
import os
import pwd
import sys
import traceback

HOST = "127.0.0.1"

# Of whom nobody but tests knows.
PASSWORD = "not-a-secret"

SETTINGS = """[DEFAULT]
use_stderr = true
log_dir =
default_log_levels = keystone=WARNING,keystone.common.password_hashing=ERROR,alembic=WARNING,stevedore=CRITICAL
[database]
connection = sqlite:///{folder}/keystone.db
[fernet_tokens]
key_repository = {folder}/fernet
[credential]
key_repository = {folder}/credential
[token]
provider = fernet
expiration = {token_life}
# A token that was revoked is refused at once.
caching = false
[revoke]
caching = false
[identity]
# As few as there can be: nothing has to be kept from anybody.
password_hash_rounds = 4
# In this process, which is the only one.
[cache]
enabled = true
backend = oslo_cache.dict
"""


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["prepare", "serve"])
    parser.add_argument("folder")
    parser.add_argument("port", type=int)
    parser.add_argument("swift_port", type=int)
    parser.add_argument("swift_tls_port", type=int)
    parser.add_argument("--token-life", type=int, default=3600)
    return parser.parse_args()


def manage(settings, *arguments):
    """Does what `keystone-manage` does, which reads its settings once and for all: in a process of its own."""
    from keystone.cmd import cli

    child = os.fork()
    if child == 0:
        code = 1
        try:
            cli.main(["keystone-manage", "--config-file", settings, *arguments])
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1] != 0:
        sys.exit(f"keystone-manage {arguments[0]} failed")


def application(settings):
    from keystone.server.wsgi import initialize_public_application

    os.environ["OS_KEYSTONE_CONFIG_FILES"] = settings
    # Else it reads our arguments.
    sys.argv = ["keystone"]
    return initialize_public_application()


class Api:
    """Keystone's API, in this process."""

    def __init__(self, app):
        from werkzeug.test import Client

        self.client = Client(app)
        self.token = None

    def call(self, method, path, body=None):
        headers = {"X-Auth-Token": self.token} if self.token else {}
        reply = self.client.open("/v3" + path, method=method, json=body, headers=headers)
        if reply.status_code >= 300:
            sys.exit(f"{method} {path}: {reply.status} {reply.text}")
        return reply

    def login(self, user, project):
        domain = {"id": "default"}
        password = {"user": {"name": user, "domain": domain, "password": PASSWORD}}
        identity = {"methods": ["password"], "password": password}
        scope = {"project": {"name": project, "domain": domain}}
        self.token = None
        reply = self.call("POST", "/auth/tokens", {"auth": {"identity": identity, "scope": scope}})
        self.token = reply.headers["X-Subject-Token"]

    def make(self, what, path=None, **fields):
        """Makes a thing, and returns its id."""
        return self.call("POST", path or f"/{what}s", {what: fields}).json[what]["id"]

    def give(self, project, user, role):
        roles = {role["name"]: role["id"] for role in self.call("GET", "/roles").json["roles"]}
        self.call("PUT", f"/projects/{project}/users/{user}/roles/{roles[role]}")


def populate(api, told):
    """Makes users, projects and the catalogue; returns what nobody can know beforehand."""
    api.login("admin", "admin")
    projects = {name: api.make("project", name=name, domain_id="default") for name in ("service", "test")}
    users = {}
    for name, project, role in (("swift", "service", "admin"), ("tester", "test", "member")):
        users[name] = api.make("user", name=name, password=PASSWORD, domain_id="default")
        api.give(projects[project], users[name], role)
    api.give(projects["service"], users["swift"], "service")

    plain, tls = f"http://{{}}:{told.swift_port}", f"https://localhost:{told.swift_tls_port}"
    api.call("PUT", "/regions/RegionTwo", {"region": {"id": "RegionTwo"}})
    service = api.make("service", name="swift", type="object-store")
    endpoints = (
        ("RegionOne", "public", plain.format(HOST)),
        ("RegionOne", "internal", plain.format("localhost")),
        # Operators address no account.
        ("RegionOne", "admin", plain.format(HOST)),
        ("RegionTwo", "public", tls),
    )
    for region, interface, url in endpoints:
        url += "/v1" if interface == "admin" else "/v1/AUTH_$(project_id)s"
        api.make("endpoint", service_id=service, interface=interface, region_id=region, url=url)

    api.login("tester", "test")
    path = f"/users/{users['tester']}/application_credentials"
    credential = api.make("application_credential", path, name="of tests", secret=PASSWORD)
    return {"PROJECT_ID": projects["test"], "APPLICATION_CREDENTIAL_ID": credential}


def prepare(told, settings):
    for name in ("fernet", "credential"):
        os.mkdir(os.path.join(told.folder, name), 0o700)
    url = f"http://{HOST}:{told.port}/v3"
    manage(settings, "db_sync")
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    manage(settings, "fernet_setup", "--keystone-user", user, "--keystone-group", group)
    urls = ("--bootstrap-public-url", url, "--bootstrap-internal-url", url)
    manage(settings, "bootstrap", "--bootstrap-password", PASSWORD, "--bootstrap-region-id", "RegionOne", *urls)
    details = populate(Api(application(settings)), told)
    with open(os.path.join(told.folder, "details"), "w") as file:
        file.writelines(f"{name} {value}\n" for name, value in details.items())


def main():
    told = options()
    settings = os.path.join(told.folder, "keystone.conf")
    with open(settings, "w") as file:
        file.write(SETTINGS.format(folder=told.folder, token_life=told.token_life))
    if told.action == "prepare":
        prepare(told, settings)
        return

    import waitress

    app = application(settings)
    print("keystone is ready", flush=True)
    waitress.serve(app, host=HOST, port=told.port, threads=4)


main()
