// How a person acts: a slider for each entry of an action, or a button for each discrete one.

/** The action has changed: what follows from holding it is imagined anew. */
function acted() {
  if (one("way").value === "held" && one("anew").value !== "never") latest(imagine);
}

/** Who acts decides what is imagined, until one chooses otherwise. */
function actBy(who) {
  for (const input of document.querySelectorAll("input[name=who]")) input.checked = input.value === who;
  if (page.about.model) one("way").value = who === "person" ? "held" : "agent";
}

/** A slider for each entry of an action, or a button for each discrete one. */
function controls() {
  const { actions, discrete } = page.about, host = one("sliders");
  page.action = Array.from({ length: actions }, (_, i) => (discrete && i === 0 ? 1 : 0));
  host.className = discrete ? "sliders buttons" : actions > 6 ? "sliders many" : "sliders";
  one("hold-label").hidden = discrete;
  one("digits").textContent = discrete ? `Keys 0 to ${Math.min(actions, 10) - 1}: an action.` : "";
  host.replaceChildren(...page.action.map((_, i) => (discrete ? choice(i) : slider(i))));
}

function choice(i) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = String(i);
  made.setAttribute("aria-label", `action ${i}`);
  made.setAttribute("aria-pressed", String(page.action[i] === 1));
  made.addEventListener("click", () => choose(i));
  return made;
}

function choose(i) {
  page.action = page.action.map((_, k) => (k === i ? 1 : 0));
  [...one("sliders").children].forEach((button, k) => button.setAttribute("aria-pressed", String(k === i)));
  if (byAgent()) { actBy("person"); then(imagine); } else acted();
}

function slider(i) {
  const made = document.createElement("label"), value = document.createElement("output"), input = document.createElement("input");
  made.className = "slider";
  Object.assign(input, { type: "range", min: -1, max: 1, step: 0.01, value: 0 });
  input.setAttribute("aria-label", `action ${i}`);
  value.textContent = digits(0);
  const set = (to) => {
    page.action[i] = to;
    value.textContent = digits(to);
  };
  input.addEventListener("input", () => {
    set(Number(input.value));
    if (byAgent()) { actBy("person"); then(imagine); } else acted();
  });
  input.addEventListener("change", () => { // let go of
    if (one("hold").checked || page.action[i] === 0) return;
    input.value = 0;
    set(0);
    acted();
  });
  made.append(`action ${i}`, value, input);
  return made;
}
