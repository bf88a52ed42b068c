import smart from "fhirclient";
import { base, exercise, token } from "./exercise.mjs";

// a server-side client asks its request and response for nothing but the session's storage
const storage = { get: async () => undefined, set: async (_key, value) => value, unset: async () => true };
const request = { headers: { host: "localhost" }, url: "/", socket: {} };
const client = smart(request, {}, storage).client({ serverUrl: base, tokenResponse: { access_token: token } });
await exercise({
  create: (body) => client.create(body),
  read: (type, id) => client.request(`${type}/${id}`),
  update: (body) => client.update(body),
  patch: (type, id, operations) => client.patch(`${type}/${id}`, operations),
  history: (type, id) => client.request(`${type}/${id}/_history`),
  bundle: (body) => client.request({
    url: base, method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/fhir+json" },
  }),
  remove: (type, id) => client.delete(`${type}/${id}`),
  gone: (error) => error.status === 410 || /410|Gone/.test(error.message),
  async search(type, parameters) {
    const ids = [];
    for await (const page of client.pages(`${type}?${new URLSearchParams(parameters)}`)) {
      ids.push(...page.entry.map((entry) => entry.resource.id));
    }
    return ids;
  },
});
