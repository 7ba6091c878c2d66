// SPDX-License-Identifier: Apache-2.0
"use strict";

// This page stands at …/ext/notes/ and the service at …/api/notes/ of the same origin.
const service = new URL("../../api/notes/", document.baseURI);
const page = 50;
const by = (id) => document.getElementById(id);
const [list, status, error, empty, more] = ["notes", "status", "error", "empty", "more"].map(by);
let asked = 0; // which listing is the newest asked for: an older answer that comes late is dropped

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(new URL(path, service), { ...options, redirect: "error", signal: AbortSignal.timeout(20000) });
  } catch {
    throw new Error("The notes service cannot be reached. If you were away for long, log in again.");
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Error(said.error ? `That did not work: ${said.error}.` : `The notes service answered ${answer.status}.`);
  }
  return said;
}

async function attempt(work) {
  error.textContent = "";
  try {
    return await work();
  } catch (problem) {
    error.textContent = problem.message;
    return undefined;
  }
}

function card(note) {
  const item = by("note").content.cloneNode(true).querySelector("li");
  const when = new Date(note.created_at);
  item.dataset.id = note.id;
  item.querySelector(".text").textContent = note.text;
  const time = item.querySelector("time");
  time.dateTime = note.created_at;
  time.textContent = when.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  const remove = item.querySelector(".delete");
  remove.setAttribute("aria-label", `Delete note: ${[...note.text].slice(0, 40).join("")}`);
  remove.addEventListener("click", () => removeNote(item, note));
  return item;
}

async function show(before) {
  const mine = ++asked;
  const query = by("query").value.trim();
  const where = new URLSearchParams({ limit: page });
  if (query) where.set("q", query);
  if (before) where.set("before", before);
  const said = await attempt(() => ask(`?${where}`));
  if (!said || mine !== asked) return;
  const cards = said.notes.map(card);
  if (before) list.append(...cards);
  else list.replaceChildren(...cards);
  more.hidden = cards.length < page;
  describe(query);
  if (before && cards.length) cards[0].querySelector(".delete").focus();
}

function describe(query) {
  const count = list.children.length;
  empty.hidden = count > 0;
  empty.textContent = query ? "No note holds these words." : "No notes yet. Write one above, or ask an agent to remember something.";
  if (query) status.textContent = count === 1 ? "1 note found." : `${count}${more.hidden ? "" : " or more"} notes found.`;
}

async function removeNote(item, note) {
  const sure = by("sure");
  by("which").textContent = [...note.text].slice(0, 300).join("");
  sure.returnValue = "no";
  sure.showModal();
  await new Promise((done) => sure.addEventListener("close", done, { once: true }));
  if (sure.returnValue !== "yes") return;
  const said = await attempt(() => ask(String(note.id), { method: "DELETE" }));
  if (!said) return;
  const next = item.nextElementSibling ?? item.previousElementSibling;
  item.remove();
  describe(by("query").value.trim());
  status.textContent = "Note deleted.";
  (next?.querySelector(".delete") ?? by("text")).focus();
}

by("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = by("text");
  by("save").disabled = true;
  const said = await attempt(() => ask("", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ text: text.value }),
  }));
  by("save").disabled = false;
  if (!said) return;
  text.value = "";
  by("query").value = "";
  await show();
  status.textContent = "Note added.";
  text.focus();
});

by("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) by("add").requestSubmit();
});

let waiting;
by("search").addEventListener("submit", (event) => { event.preventDefault(); show(); });
by("query").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => { status.textContent = ""; show(); }, 200);
});
more.addEventListener("click", () => show(list.lastElementChild?.dataset.id));

// What an agent adds meanwhile shows when the page is looked at again.
document.addEventListener("visibilitychange", () => { if (!document.hidden) show(); });
show();
