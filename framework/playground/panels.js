// The state of the page, and what is drawn of it: the moment looked at, and what was imagined.

const one = (id) => document.getElementById(id);
const page = {
  about: null, moments: [], former: null, view: 0, imagined: null, episode: 0, ranges: new Map(),
  action: [], playing: false, turn: 0,
};

/** The same range or a larger one, so that curves do not jump while they grow. */
function steady(name, found) {
  const kept = page.ranges.get(name), whole = kept ? [Math.min(kept[0], found[0]), Math.max(kept[1], found[1])] : found;
  page.ranges.set(name, whole);
  return whole;
}

/** Everything. */
function draw() {
  const now = page.moments[page.view], last = page.moments.length - 1;
  one("f-step").textContent = page.view;
  one("f-reward").textContent = page.view ? digits(now.reward) : "-";
  one("f-return").textContent = digits(now.return);
  const end = now.terminated ? "The task ended here." : now.truncated ? "The time limit ended the episode here." : "";
  one("f-state").textContent = [end, now.differs ? "Played again, it came out differently: this environment does not repeat itself." : ""].join(" ").trim();
  one("f-cut").hidden = page.view === last;
  one("f-cut").textContent = `Looking back: whoever acts now goes on from step ${page.view}, and ${last === page.view + 1 ? `step ${last} is` : `steps ${page.view + 1} to ${last} are`} given up.`;
  const line = one("timeline");
  line.max = last;
  line.value = page.view;
  line.setAttribute("aria-valuetext", `step ${page.view} of ${last}`);
  const drawn = one("drawn");
  if (page.about.draws) {
    drawn.hidden = false;
    const address = `drawn/${page.episode}/${page.view}`;
    if (drawn.getAttribute("src") !== address) drawn.src = address;
    drawn.alt = `The simulator at step ${page.view}`;
  }
  one("one").disabled = one("run").disabled = !page.playing && (now.terminated || now.truncated);
  one("back").disabled = page.view === 0;
  drawCurves();
  drawStrips();
  drawPromise();
  drawPlans();
  drawChoices();
}

/** Truth and imagination of each entry, and of the reward. */
function drawCurves() {
  const seen = page.imagined?.reward ? page.imagined : null, last = page.moments.length - 1;
  const from = seen ? seen.at : page.view, ahead = seen ? seen.horizon : 20;
  const x = [Math.max(0, Math.min(from, page.view) - Math.round(ahead / 2)), Math.max(from + ahead, page.view + 2)];
  const columns = page.about.entries.map((name, i) => [name, (moment) => moment.numbers[i], seen?.entries?.[i], 0]);
  columns.push(["reward", (moment) => (moment.step ? moment.reward : null), seen?.reward, 1]);
  one("l-former").hidden = !page.former;
  const host = one("curves");
  while (host.children.length < columns.length) {
    const figure = document.createElement("figure");
    figure.append(document.createElement("h4"), document.createElement("div"));
    host.append(figure);
  }
  columns.forEach(([name, read, imagined, shift], i) => {
    const [title, place] = host.children[i].children;
    title.textContent = name;
    const truth = page.moments.map(read), lines = [], bands = [];
    const shown = (list, start) => list.filter((_, k) => start + k >= x[0] && start + k <= x[1]);
    const spans = [shown(truth, 0)];
    if (page.former) {
      const values = page.former.moments.map(read);
      lines.push({ from: page.former.from, values, kind: "dashed c-grey" });
    }
    if (imagined) {
      bands.push({ from: from + shift, low: imagined.low, high: imagined.high, kind: "c1" });
      lines.push({ from: from + shift, values: imagined.mean, kind: "line c1" });
      spans.push(imagined.low, imagined.high);
    }
    lines.push({ from: page.view, values: truth.slice(page.view), kind: "line later c0" });
    lines.push({ from: 0, values: truth.slice(0, page.view + 1), kind: "line c0" });
    const marks = [{ at: page.view, kind: "now" }];
    if (seen && from !== page.view) marks.push({ at: from, kind: "from" });
    const whole = page.about.entries[0] === "state" && i === 0;
    const y = steady(name, range(spans, whole ? 2 : 0.1 * Math.max(0.01, ...truth.map(Math.abs))));
    const told = imagined ? `; imagined from step ${from}: ends at ${digits(imagined.mean.at(-1))}, 80 % between ${digits(imagined.low.at(-1))} and ${digits(imagined.high.at(-1))}` : "";
    plot(place, { x, y, lines, bands, marks, label: `${name}: ${digits(truth[page.view])} at step ${page.view} of ${last}${told}` });
  });
}

const FRAME = 76; // pixels from one frame of a strip to the next

/** What is seen and what is imagined to be seen, frame by frame, of each image. */
function drawStrips() {
  const host = one("strips"), seen = page.imagined?.pictures?.length ? page.imagined : null;
  host.replaceChildren(...page.about.pictures.map((name, i) => {
    const strip = document.createElement("div"), from = seen ? seen.at : page.view;
    strip.className = "strip";
    const steps = seen ? seen.pictures[i].map((_, k) => from + k) : [page.view];
    const row = (title, sources) => {
      const label = document.createElement("span"), frames = document.createElement("div");
      label.textContent = title;
      frames.className = "frames";
      frames.tabIndex = 0;
      frames.setAttribute("role", "group");
      frames.setAttribute("aria-label", `${name} ${title}`.trim());
      frames.append(...sources.map((source, k) => {
        const image = document.createElement(source ? "img" : "i"); // nothing came there yet
        if (source) Object.assign(image, { src: source, alt: `${title}, step ${steps[k]}` });
        image.className = steps[k] === page.view ? "frame now-frame" : "frame";
        return image;
      }));
      strip.append(label, frames);
      requestAnimationFrame(() => { frames.scrollLeft = (page.view - from) * FRAME - frames.clientWidth / 2; });
    };
    row("truth", steps.map((step) => (step < page.moments.length ? `seen/${page.episode}/${step}/${i}` : null)));
    if (seen) row("imagined", seen.pictures[i]);
    return strip;
  }));
}

/** What was promised, and what came of it. */
function drawPromise() {
  const seen = page.imagined, full = Boolean(seen?.reward);
  one("said").textContent = !seen ? "" : full ? `From step ${seen.at}, ${seen.horizon} steps ahead: ${seen.said}. ${seen.particles} particle${seen.particles > 1 ? "s" : ""}.${seen.unseen ? " Its states cannot be shown: " + seen.unseen : ""}` : seen.said;
  one("promise").hidden = !full && seen?.value === undefined;
  if (one("promise").hidden) return;
  for (const id of ["p-promised", "p-so-far", "p-came"]) one(id).parentElement.hidden = !full;
  if (full) {
    const until = seen.way === "done" ? page.moments.length - 1 : page.view;
    const steps = Math.max(0, Math.min(until - seen.at, seen.horizon)), sum = (list) => list.reduce((a, b) => a + b, 0);
    one("p-promised").replaceChildren(digits(seen.promised.mean), small(`${digits(seen.promised.low)} to ${digits(seen.promised.high)}, in ${seen.horizon} steps`));
    one("p-so-far").replaceChildren(steps ? digits(sum(seen.reward.mean.slice(0, steps))) : "-", small(`${steps} of ${seen.horizon} steps`));
    one("p-came").replaceChildren(steps ? digits(sum(page.moments.slice(seen.at + 1, seen.at + 1 + steps).map((m) => m.reward))) : "-", small("in truth"));
  }
  const [within, of] = full && seen.way === "done" ? inside(seen) : [0, 0];
  one("p-inside-box").hidden = !of;
  one("p-inside").replaceChildren(`${Math.round((100 * within) / of)} %`, small(`of ${of} numbers; 80 % is right`));
  const alive = full ? seen.alive.at(-1) : 1, value = seen.value;
  one("p-alive-box").hidden = alive > 0.999 && value === undefined;
  one("p-alive-box").firstElementChild.textContent = value === undefined ? "not over by then" : "value of the state";
  one("p-alive").replaceChildren(value === undefined ? `${Math.round(100 * alive)} %` : digits(value), small(value === undefined ? "probability" : "the agent's own, discounted"));
}

/** How many numbers that came lie in their bands, and of how many; those with no band to speak of do not count. */
function inside(seen) {
  let [within, of] = [0, 0];
  seen.entries.forEach(({ low, high }, i) => {
    for (let k = 1; k < low.length && seen.at + k < page.moments.length; k++) {
      const came = page.moments[seen.at + k].numbers[i];
      if (high[k] - low[k] < 1e-6) continue;
      of++;
      if (came >= low[k] && came <= high[k]) within++;
    }
  });
  return [within, of];
}

function small(text) {
  const made = document.createElement("small");
  made.textContent = text;
  return made;
}
