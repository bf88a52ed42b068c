import { MedplumClient, OperationOutcomeError } from "@medplum/core";
import { base, exercise, token } from "./exercise.mjs";

const address = new URL(base);
const client = new MedplumClient({
  baseUrl: `${address.origin}/`, fhirUrlPath: address.pathname.slice(1), accessToken: token, fetch, cacheTime: 0,
});
await exercise({
  create: (body) => client.createResource(body),
  read: (type, id) => client.readResource(type, id, { cache: "reload" }),
  update: (body) => client.updateResource(body),
  patch: (type, id, operations) => client.patchResource(type, id, operations),
  history: (type, id) => client.readHistory(type, id),
  bundle: (body) => client.executeBatch(body),
  remove: (type, id) => client.deleteResource(type, id),
  gone: (error) => error instanceof OperationOutcomeError,
  async search(type, parameters) {
    const ids = [];
    for await (const page of client.searchResourcePages(type, parameters)) {
      ids.push(...page.map((resource) => resource.id));
    }
    return ids;
  },
});
