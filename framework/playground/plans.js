// What the agent weighed: candidate plans as lines, discrete actions as bars.

/** The candidates as faint lines, the best on top, the chosen plan bold. */
function drawPlans() {
  const plans = page.imagined?.plans;
  one("plans-card").hidden = !plans;
  if (!plans) return;
  const from = page.imagined.at, { values, levels, chosen, count, what, best, worst } = plans;
  one("h-plans").textContent = what === "rollouts" ? "Imagined ways" : "Candidate plans";
  const words = {
    candidates: `${values.length} of the ${count} plans that the search asked about last, at step ${from}; bold: the plan that it chose.`,
    rollouts: `What the agent does in each of ${count} particles.`,
    followed: `No search at step ${from}: a plan made before is followed, bold.`,
  };
  one("plans-said").textContent = words[what];
  one("ramp").hidden = best === null || best === worst;
  one("r-worst").textContent = `promised ${digits(worst)}`;
  one("r-best").textContent = digits(best);
  const discrete = page.about.discrete, apart = (i) => (discrete && values.length > 1 ? 0.6 * (i / (values.length - 1) - 0.5) : 0); // side by side
  const lines = values.map((line, i) => ({ from, values: line.map((value) => value + apart(i)), kind: `plan r${levels[i]}`, held: discrete }));
  if (chosen) lines.push({ from, values: chosen, kind: "chosen", held: discrete });
  const names = discrete ? Array.from({ length: page.about.actions }, (_, i) => String(i)) : null;
  const length = (values[0] ?? chosen).length;
  plot(one("plans"), {
    x: [from, from + length - (discrete ? 0 : 1)], y: names ? [-0.4, page.about.actions - 0.6] : [-1.08, 1.08], lines, height: 210, names,
    marks: page.view > from ? [{ at: page.view, kind: "now" }] : [],
    label: `${one("h-plans").textContent}: the action over ${length} steps from step ${from}; promised returns from ${digits(worst)} to ${digits(best)}`,
  });
}

/** One bar for each discrete action. */
function drawChoices() {
  const found = page.imagined?.choices;
  one("choices-card").hidden = !found;
  if (!found) return;
  one("choices-what").textContent = `At step ${page.imagined.at}: ${found.what}`;
  const low = Math.min(0, ...found.values), high = Math.max(...found.values, low + 1e-9);
  const told = alike(found.values);
  one("choices").replaceChildren(...found.values.map((value, i) => {
    const row = document.createElement("div"), name = document.createElement("span"), track = document.createElement("span");
    const bar = document.createElement("span"), words = document.createElement("span");
    row.className = i === found.chosen ? "bar-row picked" : "bar-row";
    name.textContent = `action ${i}`;
    track.className = "track";
    bar.className = "value";
    bar.style.width = `${(100 * (value - low)) / (high - low)}%`;
    words.textContent = told[i] + (found.more[i] ? `, ${found.more[i]}` : "");
    track.append(bar);
    row.append(name, track, words);
    return row;
  }));
}
