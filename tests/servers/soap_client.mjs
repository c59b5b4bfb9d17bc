// A SOAP client that the package `soap` makes of a WSDL: it calls every operation by every port, and says what came back.

import { createRequire } from "node:module";

const require = createRequire(process.env.ZATO_TEST_NODE_PACKAGES + "/");
const soap = require("soap");

const base = process.argv[2];
// What this client calls attributes stands apart from the elements.
const order = {
  customer: "ACME & Söhne",
  placed: "2026-01-02",
  at: "2026-01-02T03:04:05Z",
  until: "17:30:00",
  total: "12.50",
  express: true,
  state: "paid",
  lines: [
    { attributes: { sku: "A<1>" }, count: 2, price: "1.10" },
    { attributes: { sku: "B" }, count: 255, price: "0.001", note: "last" },
  ],
  tags: { tag: ["x", "y"] },
  payment: { card: { number: "1234", pin: 7 } },
};

async function fault(call) {
  try {
    const [result] = await call();
    return { "no fault": result };
  } catch (error) {
    const fault = error.root?.Envelope?.Body?.Fault;
    return fault ? { fault } : { error: String(error) };
  }
}

const said = { ports: {}, wss: {} };
for (const suffix of ["Soap11", "Soap12"]) {
  const client = await soap.createClientAsync(base + "/soap?wsdl", { forceSoap12Headers: suffix === "Soap12" });
  const [service] = Object.keys(client.describe());
  const port = client[service][service + suffix];
  const call = (name, input) =>
    new Promise((resolve, reject) =>
      port[name](input, (error, result) => (error ? reject(error) : resolve([result]))));
  const [place] = await call("PlaceOrder", order);
  const [count] = await call("CountOrders", {});
  const [find] = await call("FindOrders", { customer: "ACME", limit: 2 });
  said.ports[service + suffix] = {
    place,
    count,
    find,
    refused: await fault(() => call("FindOrders", { customer: "nobody", limit: 1 })),
  };
}

for (const [name, options] of [["text", {}], ["digest", { passwordType: "PasswordDigest" }]]) {
  const client = await soap.createClientAsync(base + "/safe?wsdl");
  client.setSecurity(new soap.WSSecurity("partner", "not-a-secret", { hasNonce: true, ...options }));
  said.wss[name] = await fault(() => client.CountOrdersAsync({}));
}
const client = await soap.createClientAsync(base + "/safe?wsdl");
said.wss.none = await fault(() => client.CountOrdersAsync({}));
console.log(JSON.stringify(said));
