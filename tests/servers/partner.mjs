// A partner on the HTTP servers of Node's standard library, with a habit for each path.

import fs from "node:fs";
import http from "node:http";
import http2 from "node:http2";

const answer = (response, status, body, headers = {}) => {
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "x-internal": "secret.partner.internal",
    ...headers,
  });
  response.end(body);
};

const habits = {
  "/ok": (response) => answer(response, 200, JSON.stringify({ name: "node" })),
  "/broken": (response) => answer(response, 500, "Error: secret\n    at stack"),
  "/slow": () => {},
  "/too-long": (response) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": 1000 });
    response.write('{"name": "half');
    setTimeout(() => response.destroy(), 20);
  },
  "/too-short": (response) => {
    // The library counts, and refuses to send what is too much: over the bare socket.
    response.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{"name": "secret"}');
  },
  "/garbage": (response) => response.socket.end("\0\xff secret garbage\r\n\r\n".repeat(10)),
  "/redirect": (response) => answer(response, 302, "", { location: "/redirect" }),
  "/endless": (response) => {
    const piece = "secret ".repeat(1000);
    const more = () => {
      while (!response.destroyed && response.write(piece));
    };
    response.on("drain", more).on("error", () => {});
    response.writeHead(200);
    more();
  },
};

const partner = (request, response) => {
  const habit = habits[request.url] ?? ((response) => answer(response, 404, '{"secret": "no such thing"}'));
  habit(response);
};

const listening = (server, port) =>
  new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve(server.address().port)));

process.on("uncaughtException", () => {});
const [port, key, cert] = process.argv.slice(2);
const ports = {
  http: await listening(http.createServer(partner), Number(port)),
  http2: await listening(http2.createServer(partner), 0),
};
if (key) {
  const pair = { key: fs.readFileSync(key), cert: fs.readFileSync(cert), allowHTTP1: true };
  ports.https = await listening(http2.createSecureServer(pair, partner), 0);
}
console.log(JSON.stringify(ports));
