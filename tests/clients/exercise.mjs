// What every client is asked to do; each client brings its own way of doing it.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";

export const base = process.env.BASE;
export const token = process.env.TOKEN;
const SYSTEM = "urn:fhirserver:test:clients";

const basic = (value, text) => ({
  resourceType: "Basic", identifier: [{ system: SYSTEM, value }], code: { text },
});

const bundle = (type, value) => ({
  resourceType: "Bundle",
  type,
  entry: [0, 1].map((number) => ({
    fullUrl: `urn:uuid:00000000-0000-4000-8000-00000000000${number}`,
    resource: basic(value, String(number)),
    request: { method: "POST", url: "Basic" },
  })),
});

/**
 * Has a client create, read, update, patch, list versions, batch, transact, search over pages and delete.
 * `client` has create, read, update, patch, history, bundle, search(type, parameters) => ids of all pages, remove;
 * reading what is deleted has to fail with `gone`, a test of the client's own error.
 */
export async function exercise(client) {
  const value = randomBytes(8).toString("hex");
  const created = await client.create(basic(value, "0"));
  assert.ok(created.id);
  assert.equal((await client.read("Basic", created.id)).code.text, "0");
  const updated = await client.update({ ...created, code: { text: "updated" } });
  assert.equal(updated.meta.versionId, "2");
  const patched = await client.patch("Basic", created.id, [{ op: "replace", path: "/code/text", value: "patched" }]);
  assert.equal(patched.code.text, "patched");
  const history = await client.history("Basic", created.id);
  assert.deepEqual(history.entry.map((entry) => entry.resource.meta.versionId), ["3", "2", "1"]);
  for (const type of ["batch", "transaction"]) {
    const answer = await client.bundle(bundle(type, value));
    assert.equal(answer.type, `${type}-response`);
    assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ["201", "201"]);
  }
  const found = await client.search("Basic", { identifier: `${SYSTEM}|${value}`, _count: "2" });
  assert.equal(new Set(found).size, 5);
  await client.remove("Basic", created.id);
  await assert.rejects(client.read("Basic", created.id), client.gone);
  console.log("done");
}
