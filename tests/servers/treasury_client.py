"""The three clients of the example `treasury_rates`: two that know HTTP alone, and one that zeep makes of the WSDL."""

import json
import sys
import urllib.request
import xml.etree.ElementTree as ElementTree
from datetime import date

from zeep import Client

base = sys.argv[1]
# No proxy: it is on this machine.
http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(path):
    return http.open(base + path, timeout=10)


http.open(base + "/rates/update", data=b"", timeout=10).close()

with get("/rates/json?from=2013-01-04&until=2013-01-07") as reply:
    of_json = [[rate["date"], rate["percent"]] for rate in json.load(reply)["rates"]]

with get("/rates/xml?from=2013-01-04&until=2013-01-07") as reply:
    root = ElementTree.parse(reply).getroot()
    of_xml = [[rate.findtext("date"), rate.findtext("percent")] for rate in root.iterfind("rates/rate")]

client = Client(base + "/rates/soap?wsdl")
found = client.service.GetRates(**{"from": date(2013, 1, 4), "until": date(2013, 1, 7)})
of_soap = [[rate.date.isoformat(), str(rate.percent)] for rate in found.rates.rate]

print(json.dumps({"json": of_json, "xml": of_xml, "soap": of_soap}))
