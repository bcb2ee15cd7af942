
// The conversation.

function added(kind, text) {
  at("empty").hidden = true;
  const turn = made("div", kind);
  const body = made("div", "text", text);
  body.dir = "auto";
  turn.append(body);
  at("log").append(turn);
  return turn;
}

function follow(work) {
  const log = at("log");
  const near = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  work();
  if (near) log.scrollTop = log.scrollHeight;
}

function working(now) {
  busy = now;
  at("stop").hidden = !now;
  at("stop").disabled = false;
  at("send").hidden = now;
  at("new").disabled = now;
  at("look-answer").disabled = now || !state || state.turns === 0;
  offer();
}

async function answer(question) {
  number += 1;
  working(true);
  fault("");
  const asked = question ? added("asked", question) : null;
  const turn = added("answer", "");
  if (state.plain) turn.classList.add("continued");
  turn.setAttribute("aria-busy", "true");
  at("log").scrollTop = at("log").scrollHeight;
  let why = null;
  let end = null;
  try {
    for await (const event of events(question)) {
      if (event.piece) follow(() => turn.firstChild.append(event.piece));
      else if (event.end) end = event.end;
      else if (event.state) show(event.state);
      else if (event.error) why = event.error;
    }
    if (!end && !why) why = "the answer was cut";
  } catch {
    why = GONE;
  }
  turn.removeAttribute("aria-busy");
  turn.asked = asked;
  if (end && !end.text && end.finish === "stopped") why = "stopped before anything came";
  if (why) notAnswered(asked, turn, question, why);
  else ended(turn, end);
  working(false);
  at("question").focus();
}

async function* events(question) {
  const reply = await post("answer", { question, number });
  if (!reply.ok) {
    yield await reply.json();
    return;
  }
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) yield JSON.parse(line);
  }
}

// A question whose answer failed is not kept: it goes back to where it was written.
function notAnswered(asked, turn, question, why) {
  const said = turn.firstChild.textContent;
  if (said) {
    turn.classList.add("lost");
    turn.append(made("p", "after muted", "not kept"));
  } else {
    turn.remove();
    if (asked) asked.remove();
    emptied();
  }
  if (!at("question").value) at("question").value = question;
  grow();
  fault(why);
}

function ended(turn, end) {
  follow(() => {
    turn.firstChild.textContent = end.text || "(an empty answer)";
    turn.end = end;
    const after = made("div", "after muted");
    after.append(made("span", "figures", figures(end)));
    turn.append(after);
  });
  at("said").textContent = turn.firstChild.textContent;
}

function figures({ read, written, seconds, why }) {
  const parts = [];
  if (read !== null) parts.push(`${read.toLocaleString("en")} tokens read`);
  if (written !== null) parts.push(`${written.toLocaleString("en")} written`);
  parts.push(`${seconds.toFixed(1)} s`);
  if (written > 1 && seconds > 0) parts.push(`${(written / seconds).toFixed(1)} tokens/s`);
  if (why) parts.push(why);
  return parts.join(" · ");
}

function lastTurn() {
  return [...document.querySelectorAll(".answer:not(.lost)")].pop();
}

// What can be done about the last answer stands under it, while the model is at rest.
function offer() {
  document.querySelectorAll(".after button, .save").forEach((node) => node.remove());
  const turn = lastTurn();
  if (busy || !turn || !turn.end) return;
  const first = button(state.plain ? "Next word" : "First word", () => look({ text: null }));
  const save = button("Save as test row", () => saving(turn, turn.end.text));
  save.disabled = state.save.refusal !== null;
  save.title = state.save.refusal ?? "Add the question to the spec's test rows";
  const back = button("Take back", () => trying(takeBack));
  follow(() => turn.querySelector(".after").append(first, save, back));
}

function emptied() {
  at("empty").hidden = at("log").children.length > 1;
}

async function takeBack() {
  const { question } = await ask("undo", {});
  const turn = lastTurn();
  while (turn.nextSibling) turn.nextSibling.remove();
  if (turn.asked) turn.asked.remove();
  turn.remove();
  emptied();
  offer();
  if (!at("question").value) at("question").value = question;
  grow();
  at("question").focus();
}

function saving(turn, text) {
  if (turn.querySelector(".save")) return;
  if (!state.save.needs_label) return void save(turn, null, null);
  const form = made("form", "save");
  const labels = state.save.labels;
  const field = made(labels.length ? "select" : "textarea");
  for (const label of labels) field.append(new Option(label, label, false, label === text.trim()));
  if (!labels.length) field.value = text.trim();
  const title = made("label", "", "The right answer");
  title.htmlFor = field.id = "right-answer";
  const done = made("button", "main", "Save");
  form.append(title, field, done, button("Cancel", () => form.remove()));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    save(turn, form, field.value);
  });
  follow(() => turn.append(form));
  field.focus();
}

async function save(turn, form, label) {
  const done = await trying(() => ask("save", { label }));
  if (done === null) return;
  if (form) form.remove();
  follow(() => turn.querySelector(".after").append(made("span", "saved", done.saved)));
  at("said").textContent = done.saved;
}

// Writing, stopping, beginning anew.

function grow() {
  const field = at("question");
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
}

function open(wanted) {
  at("side").classList.toggle("open", wanted);
  at("show-side").setAttribute("aria-expanded", String(wanted));
  at("show-side").textContent = wanted ? "Back" : "Settings";
}

function stop() {
  at("stop").disabled = true;
  ask("stop", { number }).catch((error) => fault(error.message));
}

at("question").addEventListener("input", grow);
at("question").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (!busy) at("ask").requestSubmit();
});
at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = at("question").value;
  const goesOn = state && state.plain && state.turns > 0;
  if (busy || !state || (!question.trim() && !goesOn)) return;
  at("question").value = "";
  grow();
  answer(question);
});
at("stop").addEventListener("click", stop);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && busy) stop();
  else if (event.key === "Escape") open(false);
});
at("show-side").addEventListener("click", () => open(!at("side").classList.contains("open")));
at("new").addEventListener("click", () =>
  trying(async () => {
    await ask("reset", {});
    at("log").replaceChildren(at("empty"));
    emptied();
    at("question").focus();
  }));
window.addEventListener("beforeunload", (event) => {
  if (state && state.turns > 0) event.preventDefault();
});
window.addEventListener("pagehide", () => post("close", {}, { keepalive: true }).catch(() => {}));
window.addEventListener("pageshow", (event) => event.persisted && location.reload());

trying(async () => {
  tab = (await ask("open", {})).tab;
});
