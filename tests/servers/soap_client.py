"""A SOAP client that zeep makes of a WSDL: it calls every operation by every port, and says what came back."""

import json
import sys
from datetime import date, datetime, time, timezone
from decimal import Decimal

from lxml import etree
from zeep import Client
from zeep.exceptions import Fault
from zeep.helpers import serialize_object
from zeep.wsse.username import UsernameToken

base = sys.argv[1]
order = {
    "customer": "ACME & Söhne",
    "placed": date(2026, 1, 2),
    "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
    "until": time(17, 30),
    "total": Decimal("12.50"),
    "express": True,
    "state": "paid",
    "lines": [
        {"sku": "A<1>", "count": 2, "price": Decimal("1.10")},
        {"sku": "B", "count": 255, "price": Decimal("0.001"), "note": "last"},
    ],
    "tags": {"tag": ["x", "y"]},
    "payment": {"card": {"number": "1234", "pin": 7}},
    "parent": {"customer": "inner", "placed": date(2025, 12, 31), "total": Decimal("0"), "express": False, "state": "new",
               "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), "until": time(0, 0), "tags": {"tag": []},
               "payment": {"transfer": "PL61"}},
}


def fault(call):
    try:
        return {"no fault": str(call())}
    except Fault as error:
        detail = None if error.detail is None else etree.tostring(error.detail, encoding="unicode")
        return {"code": error.code, "message": error.message, "detail": detail}


client = Client(base + "/soap?wsdl")
said = {"ports": {}, "docs": {}}
for service in client.wsdl.services.values():
    for name, port in service.ports.items():
        bound = client.bind(service.name, name)
        said["ports"][name] = {
            "place": serialize_object(bound.PlaceOrder(**order), dict),
            "count": bound.CountOrders(),
            "forget": bound.ForgetOrders("ACME"),
            "find": serialize_object(bound.FindOrders(customer="ACME", limit=2), dict),
            "refused": fault(lambda: bound.FindOrders(customer="nobody", limit=1)),
            "unusable": fault(lambda: bound.FindOrders(customer="", limit=1)),
        }

said["wss"] = {}
for name, token in {
    "text": UsernameToken("partner", "not-a-secret"),
    "digest": UsernameToken("partner", "not-a-secret", use_digest=True),
    "wrong": UsernameToken("partner", "wrong"),
}.items():
    safe = Client(base + "/safe?wsdl", wsse=token)
    said["wss"][name] = fault(lambda: safe.service.CountOrders())
said["wss"]["none"] = fault(lambda: Client(base + "/safe?wsdl").service.CountOrders())
print(json.dumps(said, default=str))
