/* A session by what @hey-api/openapi-ts has generated. */

import assert from "node:assert/strict";
import * as api from "./generated/hey";
import { client } from "./generated/hey/client.gen";

const ALL_BITS = "9223372036854775807";
const PARTS = ["The first part, ", "the second."];

export async function session(baseUrl: string): Promise<string> {
  client.setConfig({ baseUrl });

  const signedUp = await api.signup({
    body: { email: "hey@example.com", username: "hey", password: "ab".repeat(32) },
  });
  assert(signedUp.data, JSON.stringify(signedUp.error));
  const { userid, token } = signedUp.data.output;
  const who = { userid, token };

  const shortened = await api.url({
    body: { ...who, url: "https://example.com/", tag: ALL_BITS, qr: { level: "H" } },
  });
  assert(shortened.data, JSON.stringify(shortened.error));
  const { shorturl } = shortened.data.output.entry;

  const filesize = PARTS.join("").length;
  const begun = await api.filePartInitialize({ body: { ...who, filename: "note.txt", filesize } });
  assert(begun.data, JSON.stringify(begun.error));
  const { filekey } = begun.data.output;
  for (const [partnumber, text] of PARTS.entries()) {
    const query = { ...who, filekey, partnumber, partsize: text.length };
    const sent = await api.filePartUpload({ body: { query, file: new Blob([text]) } });
    assert(sent.data, JSON.stringify(sent.error));
  }
  const finished = await api.filePartFinalize({ body: { ...who, filekey } });
  assert(finished.data, JSON.stringify(finished.error));

  const listed = await api.getEntries({ body: { ...who, count: 10, tagmask_and: ALL_BITS } });
  assert(listed.data, JSON.stringify(listed.error));
  assert.deepEqual(listed.data.output.entries.map((entry) => entry.shorturl), [shorturl]);

  const counted = await api.getStats({ body: { ...who, shorturl } });
  assert.equal(counted.data?.output.total, 0);

  const refused = await api.url({ body: { ...who, url: "nowhere" } });
  const code: api.ErrorCode | undefined = refused.error?.error.code;
  assert.equal(code, "invalid_url");

  const several = await api.multi({
    body: {
      call_queries: [
        { type: "temporary_account", broadcast: true },
        { type: "url", input: { url: "https://example.com/" } },
        { type: "url", input: { url: "nowhere" } },
      ],
    },
  });
  assert(several.data, JSON.stringify(several.error));
  const [, inside, notMade] = several.data.output.call_responses;
  assert(inside?.status === "success" && inside.type === "url");
  assert(inside.output.entry.shorturl.startsWith(baseUrl));
  assert(notMade?.status === "error" && notMade.error.code === "invalid_url");

  const key = await api.createApiKey({ body: { ...who, name: "x" } });
  assert(key.data, JSON.stringify(key.error));
  const apiKey = key.data.output.api_key;
  const pair = await api.v1AuthenToken({ body: { username: "hey", key: apiKey } });
  assert(pair.data && "token" in pair.data);
  const auth = pair.data.token.access_token;
  const links = await api.v1EntityLinkList({ auth, body: { size: 5 } });
  assert(links.data && "links" in links.data);

  const short = await api.sqwishShortenGet({
    path: { format: "json" },
    query: { url: "https://example.com/", api_key: apiKey },
  });
  assert(short.data?.shortURL.startsWith(baseUrl));
  return finished.data.output.entry.shorturl;
}
