"""A SOAP partner on spyne, which nobody here wrote: one address for each version, and a habit for each operation."""

import json
import sys
from datetime import date
from decimal import Decimal
from wsgiref.simple_server import WSGIRequestHandler, make_server

from lxml import etree
from spyne import Application, ComplexModel, Date, Fault, Integer, ServiceBase, Unicode, rpc
from spyne import Array, Decimal as Dec
from spyne.protocol.soap import Soap11, Soap12
from spyne.server.wsgi import WsgiApplication

NAMESPACE = "urn:rates"


class Rate(ComplexModel):
    __namespace__ = NAMESPACE
    day = Date
    value = Dec
    note = Unicode


class Rates(ServiceBase):
    @rpc(Date, Integer, _returns=Array(Rate, member_name="rate"), _out_variable_name="rates")
    def GetRates(ctx, since, count):
        return [Rate(day=date(since.year, since.month, since.day + n), value=Decimal("0.61") + n) for n in range(count)]

    @rpc(Unicode, _returns=Unicode)
    def Echo(ctx, text):
        return text

    @rpc(_returns=Unicode)
    def WhoAmI(ctx):
        header = ctx.in_document.find("{*}Header")
        return "nobody" if header is None else etree.tostring(header[0], encoding="unicode")

    @rpc(Unicode)
    def Refuse(ctx, why):
        raise Fault("Client.NoSuchRate", why, detail={"reason": "no such rate"})

    @rpc()
    def Break(ctx):
        raise Fault("Server", "the secret database is down")

    @rpc(_returns=Unicode)
    def Crash(ctx):
        raise ValueError("secret")


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


def application(protocol):
    return WsgiApplication(Application([Rates], NAMESPACE, in_protocol=protocol(), out_protocol=protocol()))


paths = {"/soap11": application(Soap11), "/soap12": application(Soap12)}


def serve(environ, start_response):
    path = environ["PATH_INFO"]
    if path in paths:
        return paths[path](environ, start_response)
    start_response("502 Bad Gateway", [("Content-Type", "text/html")])
    return [b"<html><body>secret gateway<br></body></html>"]


server = make_server("127.0.0.1", int(sys.argv[1]), serve, handler_class=Quiet)
print(json.dumps({"http": server.server_port}), flush=True)
server.serve_forever()
