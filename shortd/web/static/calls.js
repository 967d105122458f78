/* What scripts ask this server for, as who has signed in: the cookie is their credentials.

   They must never have a token, or ask another origin. */

import { word } from "./words.js";

const PASSING = [0, 408, 429, 500, 502, 503, 504];

/** The server said no, or nothing; `isPassing` if it may say yes later, after `wait` seconds. */
export class Refused extends Error {
  constructor(message, status = 0, { code = "", field = "" } = {}, wait = 0) {
    super(message);
    Object.assign(this, { status, code, field: field ?? "", wait });
  }

  get isPassing() {
    return PASSING.includes(this.status);
  }
}

/** What a call of the API answers. `body` are its inputs, or a form with a file. */
export async function call(name, body, options) {
  const sent = body instanceof FormData ? body : JSON.stringify(body);
  const answer = await ask(import.meta.resolve(`../../v2/${name}`), sent, options);
  return { ...answer.output, utime: answer.utime };
}

/** What a form of these fields is answered. */
export function send(path, fields, options) {
  return ask(path, new URLSearchParams(fields), options);
}

/** The answer to a body of any kind. `onsent` is told of bytes on their way, `signal` ends it. AbortError, Refused. */
export function ask(path, body, { signal, onsent } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    request.open("POST", path);
    request.setRequestHeader("Shortd-Page", "1");
    request.setRequestHeader("Accept", "application/json");
    if (onsent) request.upload.onprogress = (event) => onsent(event.loaded);
    request.onabort = () => reject(new DOMException("", "AbortError"));
    request.onloadend = () => {
      signal?.removeEventListener("abort", stop);
      if (request.status === 200 && request.responseURL.endsWith(path)) {
        try {
          resolve(JSON.parse(request.responseText));
          return;
        } catch {
          // Cut off in the middle.
        }
      }
      reject(refusalOf(request, path));
    };
    if (signal?.aborted) {
      reject(new DOMException("", "AbortError"));
      return;
    }
    signal?.addEventListener("abort", stop);
    request.send(body);
  });
}

function refusalOf(request, path) {
  const { status } = request;
  const wait = Number(request.getResponseHeader("retry-after")) || 0;
  const isElsewhere = status === 200 && !request.responseURL.endsWith(path);
  if (status === 401 || isElsewhere) {
    return new Refused(word("You are signed out. Sign in again in another tab, then go on here."), 401);
  }
  let answer = null;
  try {
    answer = JSON.parse(request.responseText);
  } catch {
    // A page, or nothing.
  }
  const error = answer?.error ?? answer ?? {};
  if (error.message) return new Refused(error.message, status, error, wait);
  const said =
    status >= 500
      ? word("The server has a problem. Please try again later.")
      : word("The server cannot be reached. Check your connection and try again.");
  return new Refused(said, status < 500 && status !== 429 ? 0 : status, {}, wait);
}
