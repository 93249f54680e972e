// What a person does: begin, act, play, look back, imagine. One thing at a time is asked of the server.

/** The answer of the server, or null where it said what was wrong; that is shown. */
async function ask(verb, given) {
  try {
    const answer = await fetch(`api/${verb}`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(given),
    });
    const text = await answer.text();
    if (answer.ok) {
      problem("");
      return JSON.parse(text);
    }
    problem(answer.headers.get("Content-Type")?.includes("json") ? JSON.parse(text).problem : text);
  } catch {
    problem("The playground does not answer: fulgurite play has ended, or this machine is asleep.");
  }
  page.playing = false;
  return null;
}

function problem(text) {
  one("problem").textContent = text;
  one("problem").hidden = !text;
}

/** Does one thing after the other: what comes while something is done waits for it. */
let queue = Promise.resolve();
function then(work) {
  queue = queue.then(async () => {
    document.body.classList.add("busy");
    try { await work(); } catch (error) { // a fault of this program: what waits behind goes on
      page.playing = false;
      problem(`This page failed: ${error}`);
      console.error(error);
    } finally {
      document.body.classList.remove("busy");
      buttons();
    }
  });
  return queue;
}

/** The same of what replaces what still waits: where a slider is now, not where it was. */
let newest = null;
function latest(work) {
  const first = newest === null;
  newest = work;
  if (first) then(() => { const due = newest; newest = null; return due(); });
}

const byAgent = () => document.querySelector("input[name=who]:checked").value === "agent";
const renamed = () => { page.episode = `${Date.now()}-${Math.floor(Math.random() * 1e6)}`; }; // pictures by new addresses

/** Takes over a whole episode. */
function take(whole) {
  Object.assign(page, { about: whole, moments: whole.moments, view: whole.moments.length - 1, former: null, imagined: null });
  page.ranges.clear();
  renamed();
  one("seed").value = whole.seed;
  one("start").value = whole.starts.includes(whole.seed) ? String(whole.seed) : "";
}

async function begin(seed) {
  page.playing = false;
  const whole = await ask("reset", { seed });
  if (!whole) return;
  take(whole);
  await imagine();
}

/** One step from where one looks; what came after it before is kept as a shadow. */
async function step() {
  const at = page.view, now = page.moments[at];
  if (now.terminated || now.truncated) { page.playing = false; draw(); return; }
  const answer = await ask("step", { at, action: byAgent() ? null : page.action });
  if (!answer) { draw(); return; }
  if (at < page.moments.length - 1) {
    page.former = { from: at, moments: page.moments.slice(at) };
    renamed();
  }
  page.moments = [...page.moments.slice(0, at), ...answer.moments];
  page.view = at + 1;
  const last = page.moments[page.view];
  if (last.terminated || last.truncated) page.playing = false;
  await imagineIfDue();
}

async function imagine() {
  await imagineFrom(page.view);
}

async function imagineFrom(at) {
  const way = page.about.model ? one("way").value : "agent";
  page.imagined = await ask("imagine", { at, way, action: way === "held" ? page.action : null, entry: Number(one("entry").value || 0) });
  draw();
}

/** Anew where the old one does not reach, or whenever that is wanted. */
async function imagineIfDue() {
  const anew = one("anew").value, seen = page.imagined;
  const done = one("way").value === "done" && seen, reach = done ? 25 : seen?.horizon;
  const out = !seen || !page.about.model || reach === undefined || page.view < seen.at || page.view >= seen.at + reach;
  if (anew === "each" || (anew === "out" && out)) await imagine();
  else if (done && page.moments.length - 1 > seen.at + (seen.horizon ?? 0)) await imagineFrom(seen.at);
  else draw();
}

async function look(at) {
  page.view = Math.min(Math.max(at, 0), page.moments.length - 1);
  draw();
  await imagineIfDue();
}

/** Plays until it is paused, at the speed that is set, or as fast as the agent thinks. */
async function play() {
  page.playing = !page.playing;
  const turn = ++page.turn; // who pauses and plays at once begins a new turn, and the old one ends
  buttons();
  while (page.playing && page.turn === turn) {
    const began = performance.now();
    await then(step);
    const rest = 1000 / Number(one("speed").value) - (performance.now() - began);
    await new Promise((go) => setTimeout(go, Math.max(rest, 0)));
  }
  buttons();
}

function buttons() {
  one("run").textContent = page.playing ? "Pause" : "Play";
  const now = page.moments[page.view];
  if (now) one("one").disabled = one("run").disabled = !page.playing && (now.terminated || now.truncated);
}

function keys(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, button, .frames")) return;
  const key = event.key;
  if (key === " ") play();
  else if (key === "ArrowRight") then(step);
  else if (key === "ArrowLeft") then(() => look(page.view - 1));
  else if (/^\d$/.test(key) && page.about.discrete && Number(key) < page.about.actions) choose(Number(key));
  else return;
  event.preventDefault();
}

async function start() {
  const whole = await ask("state", {});
  if (!whole) return;
  const { about } = whole;
  one("title").textContent = `${about.agent} in ${about.environment}`;
  one("about").textContent = `${about.run}, ${about.checkpoint}`;
  one("start").append(...whole.starts.map((seed, k) => new Option(`${k}`, String(seed))), new Option("other", ""));
  one("entry").append(...Array.from({ length: whole.actions }, (_, i) => new Option(String(i), String(i))));
  one("entry-label").hidden = whole.discrete || whole.actions < 2;
  take(whole);
  controls();
  one("no-picture").hidden = whole.draws;
  if (whole.unable) one("no-picture").textContent = `This environment cannot draw here (${whole.unable}): see its numbers.`;
  one("way-controls").hidden = !whole.model;
  for (const item of document.querySelectorAll(".if-model")) item.hidden = !whole.model;
  one("left-out").hidden = !whole.left_out;
  one("left-out").textContent = `${whole.left_out} more numbers are observed and not drawn.`;
  await imagine();
  document.body.dataset.ready = "yes";
}

one("start").addEventListener("change", (event) => { if (event.target.value) then(() => begin(Number(event.target.value))); });
one("seed").addEventListener("keydown", (event) => { if (event.key === "Enter") one("reset").click(); });
one("reset").addEventListener("click", () => then(() => begin(one("seed").valueAsNumber)));
one("run").addEventListener("click", play);
one("one").addEventListener("click", () => then(step));
one("back").addEventListener("click", () => then(() => look(page.view - 1)));
one("timeline").addEventListener("input", (event) => { page.playing = false; latest(() => look(Number(event.target.value))); });
one("here").addEventListener("click", () => then(imagine));
one("way").addEventListener("change", () => then(imagine));
one("anew").addEventListener("change", () => then(imagineIfDue));
one("entry").addEventListener("change", () => then(imagine));
for (const input of document.querySelectorAll("input[name=who]")) input.addEventListener("change", () => { actBy(input.value); then(imagine); });
document.addEventListener("keydown", keys);
let resizing = 0;
window.addEventListener("resize", () => { cancelAnimationFrame(resizing); resizing = requestAnimationFrame(() => page.moments.length && draw()); });
then(start);
