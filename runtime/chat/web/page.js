
"use strict";
// Text that comes from the model, the spec or the reader enters the page as text nodes alone.

const at = (id) => document.getElementById(id);
const SETTINGS = {
  temperature: { label: "Temperature", step: 0.1, min: 0, max: 2 },
  max_tokens: { label: "Most tokens", step: 1, min: 1 },
  top_p: { label: "Top p", step: 0.05, min: 0, max: 1 },
  seed: { label: "Seed", step: 1, min: 0 },
};

let tab = null; // this tab's conversation, by a name that other tabs do not know
let number = 0; // of the answer in work, or of the last one
let busy = false;
let state = null;

function made(kind, name, text) {
  const node = document.createElement(kind);
  if (name) node.className = name;
  if (text !== undefined) node.textContent = text;
  return node;
}

function button(text, action) {
  const node = made("button", "", text);
  node.type = "button";
  node.addEventListener("click", action);
  return node;
}

// What is asked of the server.

function post(action, body, more) {
  return fetch(action, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ tab, ...body }),
    ...more,
  });
}

const GONE = "the program that answers cannot be reached; was it ended?";

async function ask(action, body) {
  let reply;
  try {
    reply = await post(action, body);
  } catch {
    throw new Error(GONE);
  }
  const said = await reply.json();
  if (said.error) throw new Error(said.error);
  if (said.state) show(said.state);
  return said;
}

function fault(text) {
  at("fault").textContent = text;
  at("fault").hidden = !text;
}

async function trying(work) {
  fault("");
  try {
    return await work();
  } catch (error) {
    fault(error.message);
    return null;
  }
}

// What stands beside the conversation.

function show(now) {
  state = now;
  const [first, ...rest] = now.about;
  const split = first.indexOf(" (");
  at("model").textContent = at("model").title = split > 0 ? first.slice(0, split) : first;
  at("where").textContent = split > 0 ? first.slice(split + 2, -1) : "";
  at("hint").textContent = rest.join(" ");
  at("in-force").textContent = now.in_force;
  at("tokens").textContent = now.tokens;
  at("system-field").hidden = now.plain;
  if (document.activeElement !== at("system")) at("system").value = now.system;
  for (const [name, value] of Object.entries(now.settings)) showSetting(name, value);
  at("look-answer").disabled = busy || now.turns === 0;
  at("look-answer").textContent = now.plain ? "At the text's end" : "At the answer";
}

function showSetting(name, { said, in_force }) {
  const input = at(`set-${name}`);
  if (document.activeElement !== input) input.value = said === null ? "" : said;
  input.placeholder = in_force === null ? "the endpoint's own" : in_force;
  at(`now-${name}`).textContent =
    said !== null ? "" : in_force === null ? "left to the endpoint" : `the model's own: ${in_force}`;
}

for (const [name, { label, ...limits }] of Object.entries(SETTINGS)) {
  const field = made("div", "field");
  const title = made("label", "", label);
  const input = made("input");
  title.htmlFor = input.id = `set-${name}`;
  Object.assign(input, { type: "number", inputMode: "decimal", ...limits });
  const now = made("p", "muted");
  now.id = `now-${name}`;
  input.addEventListener("change", () => set("set", { name, value: input.value }, input));
  field.append(title, input, now);
  at("settings").append(field);
}

async function set(action, body, input) {
  if (!input.checkValidity() && input.validity.badInput) return fault("this is no number");
  const done = await trying(() => ask(action, body));
  if (done === null && state) {
    input.value = body.name ? state.settings[body.name].said ?? "" : state.system;
  }
}

at("system").addEventListener("change", () =>
  set("system", { text: at("system").value }, at("system")));

// Next words.

async function look(body) {
  const found = await trying(() => ask("words", body));
  if (found === null) return;
  const most = Math.max(...found.rows.map((row) => row.share), 1e-9);
  const list = made("ol");
  for (const { label, share, percent } of found.rows) {
    const row = made("li", label.endsWith("others") ? "others" : "");
    const track = made("div");
    const bar = made("div", "bar");
    bar.style.width = `${(100 * share) / most}%`;
    track.append(bar);
    const title = made("span", "label", label);
    title.title = label;
    row.append(title, track, made("span", "share", percent));
    list.append(row);
  }
  at("words").replaceChildren(made("p", "", found.heading), list);
  open(true);
  at("words").scrollIntoView({ block: "nearest" });
}

at("look").addEventListener("submit", (event) => {
  event.preventDefault();
  look({ text: at("prefix").value });
});
at("look-answer").addEventListener("click", () => look({ text: null }));
