/* A session by what openapi-typescript has generated and openapi-fetch sends. */

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/schema";

const ALL_BITS = "9223372036854775807";
const PARTS = ["The first part, ", "the second."];

type Part = components["schemas"]["FilePartUploadForm"];

function form(part: Part): FormData {
  const made = new FormData();
  made.append("query", JSON.stringify(part.query));
  made.append("file", new Blob([part.file]), "part");
  return made;
}

export async function session(baseUrl: string): Promise<string> {
  const client = createClient<paths>({ baseUrl });

  const signedUp = await client.POST("/v2/signup", {
    body: { email: "fetch@example.com", username: "fetch", password: "ab".repeat(32) },
  });
  assert(signedUp.data, JSON.stringify(signedUp.error));
  const { userid, token } = signedUp.data.output;
  const who = { userid, token };

  const shortened = await client.POST("/v2/url", {
    body: { ...who, url: "https://example.com/", tag: ALL_BITS, qr: { level: "H" } },
  });
  assert(shortened.data, JSON.stringify(shortened.error));
  const { shorturl } = shortened.data.output.entry;

  const filesize = PARTS.join("").length;
  const begun = await client.POST("/v2/file_part_initialize", {
    body: { ...who, filename: "note.txt", filesize },
  });
  assert(begun.data, JSON.stringify(begun.error));
  const { filekey } = begun.data.output;
  for (const [partnumber, file] of PARTS.entries()) {
    const query = { ...who, filekey, partnumber, partsize: file.length };
    const sent = await client.POST("/v2/file_part_upload", {
      body: { query, file },
      bodySerializer: form,
    });
    assert(sent.data, JSON.stringify(sent.error));
  }
  const finished = await client.POST("/v2/file_part_finalize", { body: { ...who, filekey } });
  assert(finished.data, JSON.stringify(finished.error));

  const listed = await client.POST("/v2/get_entries", {
    body: { ...who, count: 10, tagmask_and: ALL_BITS },
  });
  assert(listed.data, JSON.stringify(listed.error));
  assert.deepEqual(listed.data.output.entries.map((entry) => entry.shorturl), [shorturl]);

  const counted = await client.POST("/v2/get_stats", { body: { ...who, shorturl } });
  assert.equal(counted.data?.output.total, 0);

  const refused = await client.POST("/v2/url", { body: { ...who, url: "nowhere" } });
  const code: components["schemas"]["ErrorCode"] | undefined = refused.error?.error.code;
  assert.equal(code, "invalid_url");

  const several = await client.POST("/v2/multi", {
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

  const key = await client.POST("/v2/create_api_key", { body: { ...who, name: "x" } });
  assert(key.data, JSON.stringify(key.error));
  const pair = await client.POST("/v1/authen/token", {
    body: { username: "fetch", key: key.data.output.api_key },
  });
  assert(pair.data && "token" in pair.data);
  const links = await client.POST("/v1/entity/link/list", {
    body: { size: 5 },
    headers: { authorization: `Bearer ${pair.data.token.access_token}` },
  });
  assert(links.data && "links" in links.data);

  const short = await client.GET("/shorten.{format}", {
    params: {
      path: { format: "json" },
      query: { url: "https://example.com/", api_key: key.data.output.api_key },
    },
  });
  assert(short.data?.shortURL.startsWith(baseUrl));
  return finished.data.output.entry.shorturl;
}
