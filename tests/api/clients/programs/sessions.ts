/* Both sessions, one behind the other. Arguments: where the server is. */

import { session as byHeyApi } from "./hey_api";
import { session as byOpenapiFetch } from "./openapi_fetch";

const baseUrl = process.argv[2] ?? "";
void (async () => {
  console.log(await byOpenapiFetch(baseUrl));
  console.log(await byHeyApi(baseUrl));
})();
