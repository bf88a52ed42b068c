import { Client } from "fhir-kit-client";
import { base, exercise, token } from "./exercise.mjs";

const client = new Client({ baseUrl: base });
client.bearerToken = token;
await exercise({
  create: (body) => client.create({ resourceType: body.resourceType, body }),
  read: (resourceType, id) => client.read({ resourceType, id }),
  update: (body) => client.update({ resourceType: body.resourceType, id: body.id, body }),
  patch: (resourceType, id, jsonPatch) => client.patch({ resourceType, id, jsonPatch }),
  history: (resourceType, id) => client.history({ resourceType, id }),
  bundle: (body) => (body.type === "batch" ? client.batch({ body }) : client.transaction({ body })),
  remove: (resourceType, id) => client.delete({ resourceType, id }),
  gone: (error) => error.response?.status === 410,
  async search(resourceType, searchParams) {
    const ids = [];
    let page = await client.search({ resourceType, searchParams });
    while (page) {
      ids.push(...page.entry.map((entry) => entry.resource.id));
      page = await client.nextPage({ bundle: page });
    }
    return ids;
  },
});
