"use strict";
// Curves drawn by hand: bands, lines and marks over steps, as large as the place they are in, so that text keeps its size.

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 44, RIGHT = 8, TOP = 6, BOTTOM = 20; // pixels around the drawing

/** An SVG element with attributes. */
function shape(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** A number in few digits, with a true minus. */
function digits(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "-";
  const size = Math.abs(value);
  const text = size >= 1000 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : size >= 0.01 || size === 0 ? value.toFixed(2) : value.toExponential(1);
  return text.replace("-", "\u2212");
}

/** About so many round numbers from low to high. */
function ticks(low, high, count) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((one) => one * power >= rough) * power;
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(i * step);
  return found;
}

/** Range of all finite numbers, at least so wide, with some air. */
function range(lists, least) {
  let [low, high] = [Infinity, -Infinity];
  for (const list of lists) for (const one of list) if (Number.isFinite(one)) { low = Math.min(low, one); high = Math.max(high, one); }
  if (low > high) return [0, 1];
  const wide = Math.max(high - low, least), air = 0.06 * wide, middle = (low + high) / 2;
  return [Math.min(low - air, middle - wide / 2), Math.max(high + air, middle + wide / 2)];
}

/** Numbers in as many digits as tell them apart, or as they are where all are whole. */
function alike(values, step) {
  const places = step === undefined ? (values.every(Number.isInteger) ? 0 : null) : Math.min(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)), 6);
  return values.map((value) => (places === null ? digits(value) : value.toFixed(places).replace("-", "\u2212").replace(/^\u2212(0(\.0*)?)$/, "$1")));
}

/** The path of whole numbers, each held for one step. */
function stairs(values, from, x, y) {
  return values.map((value, i) => `${i ? "V" : `M${x(from).toFixed(1)} `}${y(value).toFixed(1)}H${x(from + i + 1).toFixed(1)}`).join("");
}

/** The path of values from step `from` on; gaps where there is none. */
function trail(values, from, x, y) {
  let path = "", pen = "M";
  values.forEach((value, i) => {
    if (value === null || !Number.isFinite(value)) { pen = "M"; return; }
    path += `${pen}${x(from + i).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
  });
  return path;
}

/**
 * Draws into `host`: x and y are ranges; bands {from, low, high, kind}, lines {from, values, kind, held}, marks {at, kind};
 * `label` says it in words; `names`, where there are such, stand at the whole numbers of y.
 */
function plot(host, { x, y, bands = [], lines = [], marks = [], height = 130, label, names = null }) {
  const width = Math.max(host.clientWidth, 120);
  const wide = Math.max(x[1] - x[0], 1), tall = y[1] - y[0] || 1;
  const px = (step) => LEFT + ((step - x[0]) / wide) * (width - LEFT - RIGHT);
  const py = (value) => TOP + (1 - (Math.min(Math.max(value, y[0] - tall), y[1] + tall) - y[0]) / tall) * (height - TOP - BOTTOM);
  const drawing = shape("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": label });
  const levels = names ? names.map((_, i) => i) : ticks(y[0], y[1], 3);
  const told = names ?? alike(levels, levels[1] - levels[0]);
  levels.forEach((level, i) => {
    drawing.append(shape("path", { class: "grid", d: `M${LEFT} ${py(level)}H${width - RIGHT}` }));
    drawing.append(shape("text", { x: LEFT - 6, y: py(level) + 4, "text-anchor": "end" }, told[i]));
  });
  for (const step of ticks(x[0], x[0] + wide, Math.max(2, Math.floor(width / 90)))) {
    if (Math.abs(step - Math.round(step)) > 1e-6) continue;
    drawing.append(shape("text", { x: px(step), y: height - 4, "text-anchor": "middle" }, String(Math.round(step))));
  }
  const clip = shape("svg", { x: LEFT, y: TOP, width: width - LEFT - RIGHT, height: height - TOP - BOTTOM, viewBox: `${LEFT} ${TOP} ${width - LEFT - RIGHT} ${height - TOP - BOTTOM}` });
  for (const { from, low, high, kind } of bands) {
    const back = [...low].reverse().map((value, i) => `L${px(from + low.length - 1 - i).toFixed(1)} ${py(value ?? 0).toFixed(1)}`).join("");
    clip.append(shape("path", { class: `fill band ${kind}`, d: trail(high, from, px, py) + back + "Z" }));
  }
  for (const { at, kind } of marks) clip.append(shape("path", { class: kind, d: `M${px(at)} ${TOP}V${height - BOTTOM}` }));
  for (const { from, values, kind, held } of lines) {
    clip.append(shape("path", { class: kind, d: (held ? stairs : trail)(values, from, px, py) }));
    if (values.length === 1 && Number.isFinite(values[0]) && !kind.includes("plan")) clip.append(shape("circle", { class: `mark ${kind.split(" ").pop()}`, cx: px(from), cy: py(values[0]), r: 3.5 }));
  }
  drawing.append(clip);
  host.replaceChildren(drawing);
}
