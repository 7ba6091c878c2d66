// SPDX-License-Identifier: Apache-2.0

// A visitor without a browser: BASE PATH… [LINK]. When a login link is given, opens it first and
// keeps the cookies, each for the origin that set it; then prints status and beginning of each page.
const [base, ...rest] = process.argv.slice(2);
const link = rest.at(-1).startsWith("http") ? rest.pop() : "";
const jar = new Map();

function keep(origin, response) {
  for (const line of response.headers.getSetCookie()) {
    const [pair] = line.split(";");
    const [name, ...value] = pair.split("=");
    const cookies = jar.get(origin) ?? new Map();
    cookies.set(name, value.join("="));
    jar.set(origin, cookies);
  }
}

async function visit(url, options = {}) {
  for (let hop = 0; hop < 8; hop++) {
    const origin = new URL(url).origin;
    const cookie = [...(jar.get(origin) ?? [])].map(([k, v]) => `${k}=${v}`).join("; ");
    const response = await fetch(url, {
      ...options, redirect: "manual",
      headers: { Accept: "text/html", ...(cookie ? { Cookie: cookie } : {}), ...options.headers },
    });
    keep(origin, response);
    const to = response.headers.get("Location");
    if (!to || !jar.size) return response;
    url = new URL(to, url).href;
    options = {};
  }
  throw new Error("too many redirects");
}

if (link) {
  const page = await visit(link);
  const text = await page.text();
  if (text.includes("<form")) {
    // The page asks for a press of its button, so that a link preview does not use the link up.
    const action = text.match(/action="([^"]*)"/)?.[1] || new URL(link).pathname;
    const body = new URLSearchParams();
    for (const [, attributes] of text.matchAll(/<input([^>]*)>/g)) {
      const name = attributes.match(/name="([^"]*)"/)?.[1];
      if (name) body.set(name, attributes.match(/value="([^"]*)"/)?.[1] ?? "");
    }
    await visit(new URL(action, link).href, { method: "POST", body, headers: { Origin: new URL(link).origin } });
  }
}
for (const path of rest) {
  const response = await visit(base + path, path.startsWith("/api/") ? { headers: { Accept: "application/json" } } : {});
  const text = (await response.text()).replace(/\s+/g, " ").slice(0, 600);
  console.log(path, response.status, text);
}
