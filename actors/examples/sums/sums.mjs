// Writes the SHA-256 of each uploaded file beside it, as NAME.sha256. BUNDLE is the line that filestored enrol prints.
import { createHash, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Request } from "zeromq";
const me = JSON.parse(Buffer.from(process.env.BUNDLE, "base64url"));
const curve = { curveServerKey: me.server_key, curvePublicKey: me.public_key, curveSecretKey: me.secret_key };
const bus = new Request({ receiveTimeout: 60000, ...(me.broker.startsWith("tcp:") && curve) });  // No answer ends this;
bus.connect(me.broker);                                         // what started it starts it again, and it goes on

async function call(service, command, payload, ...frames) {
  await bus.send(["MDPC02", "\x01", service, JSON.stringify({ v: 1, id: randomUUID(), command, token: me.token, payload }), ...frames]);
  const [, , , head, ...octets] = await bus.receive(), reply = JSON.parse(head);
  if (reply.code && !["not_found", "denied", "bad_name", "corrupt"].includes(reply.code)) throw new Error(reply.message);
  return [reply.payload, Buffer.concat(octets)];
}

for (let news = {}; ; news.more || await sleep(1000)) {
  [news] = await call("metadata", "LIST_EVENTS", { cursor: "sums", types: ["file.committed"] });
  for (const { path, version, time_ms } of news.events) {
    const sums = path + ".sha256", digest = createHash("sha256");
    const [done] = path.endsWith(".sha256") ? [{ modified_ms: time_ms }] : await call("metadata", "STAT", { path: sums });
    if (done?.modified_ms >= time_ms) continue;                 // My own work; or done before I was stopped
    for (var page = { more: true }, octets, size = 0; page?.more; digest.update(octets), size += octets.length)
      [page, octets] = await call("content", "READ", { path, version, offset: size });
    if (!page) continue;                                        // It is gone, and with it the need for a sum
    const line = `${digest.digest("hex")}  ${path.split("/").pop()}\n`;
    await call("content", "WRITE", { path: sums, last: true, modified_ms: time_ms }, line);
  }
  await call("metadata", "MOVE_CURSOR", { cursor: "sums", sequence: news.sequence });
}
