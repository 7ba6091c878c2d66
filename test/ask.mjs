// SPDX-License-Identifier: Apache-2.0

// One HTTP request: URL [KEY [BODY]]. Prints status, content type and answer.
const [url, key, body] = process.argv.slice(2);
const response = await fetch(url, {
  method: body === undefined ? "GET" : "POST",
  headers: key ? { Authorization: `Bearer ${key}` } : {},
  body,
});
console.log(response.status, response.headers.get("Content-Type"));
console.log(await response.text());
