// The eta widget. All arithmetic is here: the slider needs no kernel. EtaWidget.compute is its Python twin.
// A page stores this text inside a script element: it must hold no closing script tag and no HTML comment.

const PAPER = [5, 10, 15, 20]; // per cent, Table 4
const MAX = 40; // right end of slider and charts, per cent
const STEP = 0.5;
const PIXELS = 352; // side of the canvases

// ---- arithmetic ------------------------------------------------------------------------------------------

// How many of n scores the top-eta fraction holds. The small number undoes the rounding of eta * n.
const topCount = (eta, n) => Math.max(1, Math.ceil(eta * n - 1e-9));

// The places of a score map averaged onto the feature cells: bilinear values in the middle of each cell.
function atCells(values, { places, grid }) {
  const side = places / grid, cells = new Float64Array(grid ** 2);
  values.forEach((value, i) => {
    const row = Math.floor(i / places / side), column = Math.floor((i % places) / side);
    cells[row * grid + column] += value / side ** 2;
  });
  return cells;
}

// What clip and softmax make of a score map of a frame, as training has it. `sorted`: its scores, falling.
export function measure(score, frame, eta, temperature = 1, sorted = descending(score)) {
  const count = topCount(eta, score.length);
  let clip = 0;
  for (let i = 0; i < count; i++) clip += sorted[i];
  clip /= count;
  const clipped = score.map((s) => Math.min(s, clip));
  const cells = atCells(clipped, frame), peak = Math.max(...cells);
  const weights = cells.map((s) => Math.exp((s - peak) / temperature));
  const total = weights.reduce((a, b) => a + b, 0);
  const top = weights.map((w) => w / total);
  const entropy = -top.reduce((sum, p) => (p > 0 ? sum + p * Math.log(p) : sum), 0);
  const mass = frame.mask ? top.reduce((sum, p, i) => sum + p * frame.mask[i], 0) : null;
  return { count, clip, clipped, top, entropy, effective: Math.exp(entropy), mass };
}

const descending = (score) => Float64Array.from(score).sort().reverse();

function sweep(score, frame, temperature, sorted) {
  const rows = [];
  for (let percent = STEP; percent <= MAX; percent += STEP) {
    rows.push({ percent, ...measure(score, frame, percent / 100, temperature, sorted) });
  }
  return rows;
}

// The score maps of a frame, one for each click, each of places * places. Stored as float32, used as float64.
function scoreMaps({ scores, places }) {
  const bytes = Uint8Array.from(atob(scores), (c) => c.charCodeAt(0));
  const all = Float64Array.from(new Float32Array(bytes.buffer));
  const size = places ** 2;
  return Array.from({ length: all.length / size }, (_, i) => all.slice(i * size, (i + 1) * size));
}

// Index of the point nearest to [x, y]; one across the direction [dx, dy], if given, counts as twice as far.
function nearest(points, [x, y], [dx, dy] = [0, 0]) {
  const far = points.map(([px, py]) => {
    const along = (px - x) * dx + (py - y) * dy, across = (px - x) * dy - (py - y) * dx;
    if (dx || dy) return along > 1e-9 ? along + 2 * Math.abs(across) : Infinity;
    return Math.hypot(px - x, py - y);
  });
  const best = far.indexOf(Math.min(...far));
  return Number.isFinite(far[best]) ? best : null;
}

// ---- words and numbers -----------------------------------------------------------------------------------

const percentEta = (eta) => `${(100 * eta).toFixed(1)} %`;

// ---- maps ------------------------------------------------------------------------------------------------

function place(context, frame, small, smooth) {
  const scale = PIXELS / frame.size;
  const [x, y, w, h] = frame.cells.map((v) => v * scale);
  context.imageSmoothingEnabled = smooth;
  context.imageSmoothingQuality = "high";
  context.drawImage(small, x, y, w, h);
}

function marks(context, frame, point, faint) {
  const scale = PIXELS / frame.size;
  if (frame.box) {
    const [x, y, w, h] = frame.box.map((v) => v * scale);
    for (const [style, width] of [["rgba(0,0,0,.55)", 6.5], ["#fff", 3.5]]) {
      context.strokeStyle = style;
      context.lineWidth = width;
      context.setLineDash(style === "#fff" ? [14, 9] : []);
      context.globalAlpha = faint ? 0.75 : 1;
      context.strokeRect(x, y, w, h);
    }
    context.globalAlpha = 1;
    context.setLineDash([]);
  }
  const dot = ([x, y], style, radius) => {
    context.fillStyle = style;
    context.beginPath();
    context.arc(x * scale, y * scale, faint ? radius * 0.75 : radius, 0, 2 * Math.PI);
    context.fill();
  };
  if (!faint && frame.points.length > 1) {
    for (const place of frame.points) dot(place, "rgba(0,0,0,.55)", 3.5), dot(place, "rgba(255,255,255,.85)", 2);
  }
  for (const [style, radius] of [["rgba(0,0,0,.55)", 12.5], ["#fff", 11], ["#e4572e", 7.5]]) {
    dot(frame.points[point], style, radius);
  }
}

function drawMaps(panels, frame, image, point, score, now, sorted) {
  const [crop, summed, clipped, top] = panels.map((panel) => panel.canvas.getContext("2d"));
  const high = sorted[0], low = sorted[sorted.length - 1];
  for (const context of [crop, summed, clipped, top]) context.clearRect(0, 0, PIXELS, PIXELS);
  if (image.complete && image.naturalWidth) {
    crop.drawImage(image, 0, 0, PIXELS, PIXELS);
    top.filter = "grayscale(1) brightness(.8)";
    top.drawImage(image, 0, 0, PIXELS, PIXELS);
    top.filter = "none";
  }
  const peak = Math.max(...now.top);
  place(summed, frame, picture(score, frame.places, low, high), false);
  place(clipped, frame, picture(now.clipped, frame.places, low, high), false);
  place(top, frame, picture(now.top, frame.grid, 0, peak, (t) => 0.75 * Math.sqrt(t)), true);
  marks(crop, frame, point, false);
  for (const context of [summed, clipped, top]) marks(context, frame, point, true);

  const places = `${frame.places} by ${frame.places} places`, cells = `${frame.grid} by ${frame.grid} cells`;
  panels[0].say(`Search crop with the annotated point${frame.box ? " and the box" : ""}`);
  panels[1].say(`Score map, ${places}, from ${show(low)} to ${show(high)}`);
  panels[2].say(`Score map clipped at ${show(now.clip)}, ${places}`);
  panels[3].say(`TOP map over the crop, ${cells}, largest value ${show(peak)}`);
  panels[1].range(low, high, now.clip);
  panels[2].range(low, high, now.clip);
  panels[3].range(0, peak);
}

function panel(title, legend) {
  const canvas = html("canvas", { width: PIXELS, height: PIXELS, role: "img" });
  const caption = html("figcaption", {}, html("b", {}, title));
  const figure = html("figure", {}, html("div", { class: "map" }, canvas), caption);
  const result = { canvas, figure, say: (text) => canvas.setAttribute("aria-label", text) };
  if (legend) {
    caption.append(legend);
    return result;
  }
  const stops = VIRIDIS.map((rgb) => `rgb(${rgb})`).join(",");
  const tick = html("i");
  const bar = html("span", { class: "ramp", style: `background:linear-gradient(90deg,${stops})` }, tick);
  const [from, to] = [html("span"), html("span")];
  caption.append(html("span", { class: "range", "aria-hidden": "true" }, from, bar, to));
  result.range = (low, high, at) => {
    from.textContent = show(low);
    to.textContent = show(high);
    tick.style.display = at === undefined || high <= low ? "none" : "";
    if (high > low) tick.style.left = `${(100 * (at - low)) / (high - low)}%`;
  };
  return result;
}

function legend() {
  const item = (name, text) => html("span", {}, html("i", { class: name }), text);
  return html("span", { class: "legend" }, item("dot", "point, drag it"), item("dash", "box, not used"));
}

// ---- charts ----------------------------------------------------------------------------------------------

// A round number at or above `value`, for the top of an axis with four equal steps.
function roundUp(value) {
  const unit = 10 ** Math.floor(Math.log10(value || 1));
  return [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10].map((m) => m * unit).find((v) => v >= value) ?? value;
}

// A quantity against eta, with the paper's four values and the current one marked.
function againstEta(it, rows, value, high, text, now, eta) {
  if (value(rows[0]) === null) {
    const middle = { class: "tick mid", x: PLOT.width / 2, y: 70 };
    it.root.replaceChildren(svg("text", middle, "this frame has no box"));
    it.say("This frame has no box.");
    return;
  }
  const x = across(0, MAX), y = upwards(0, high);
  const ticks = [0, ...PAPER, 30, MAX].map((at) => ({ at, text: `${at}` }));
  axes(it, x, y, ticks, quarters(high, text), PAPER);
  it.root.append(svg("path", { class: "line", d: path(rows.map((r) => [x(r.percent), y(value(r))])) }));
  for (const row of rows.filter((r) => PAPER.includes(r.percent))) {
    it.root.append(svg("circle", { class: "mark", cx: x(row.percent), cy: y(value(row)), r: 3 }));
  }
  const at = x(Math.min(MAX, 100 * eta));
  it.root.append(svg("line", { class: "now", x1: at, x2: at, y1: PLOT.top, y2: PLOT.bottom }));
  it.root.append(svg("circle", { class: "now", cx: at, cy: y(value(now)), r: 5 }));
  it.say(`${text(value(now))} at eta ${percentEta(eta)}.`);
}

// The scores from largest to smallest: the top-eta fraction, and its mean, the clip level.
function ranked(it, sorted, now) {
  const n = sorted.length, low = Math.min(0, sorted[n - 1]), high = sorted[0] > low ? sorted[0] : low + 1;
  const x = across(0, n), y = upwards(low, high);
  const ticks = [0, Math.round(n / 2), n].map((at) => ({ at, text: `${at}` }));
  axes(it, x, y, ticks, [low, (low + high) / 2, high].map((at) => ({ at, text: show(at, 2) })));
  const points = Array.from(sorted, (s, i) => [x(i + 0.5), y(s)]);
  const edge = x(now.count);
  const start = [[x(0), y(low)], [x(0), y(sorted[0])]];
  const end = [[edge, y(sorted[now.count - 1])], [edge, y(low)]];
  const taken = [...start, ...points.slice(0, now.count), ...end];
  const clipped = points.map(([px, py]) => [px, Math.max(py, y(now.clip))]);
  it.root.append(svg("path", { class: "taken", d: `${path(taken)}Z` }));
  it.root.append(svg("path", { class: "ghost", d: path(points) }));
  it.root.append(svg("path", { class: "line", d: path([[x(0), clipped[0][1]], ...clipped]) }));
  const c = y(now.clip);
  it.root.append(svg("line", { class: "now", x1: PLOT.left, x2: PLOT.right, y1: c, y2: c }));
  const words = `c = ${show(now.clip)} (${now.count} place${now.count > 1 ? "s" : ""})`;
  const above = c > PLOT.top + 13;
  it.root.append(svg("text", { class: "tick end strong", x: PLOT.right, y: above ? c - 5 : c + 15 }, words));
  it.say(`Clip level ${show(now.clip)}, mean of the ${now.count} largest of ${n} scores.`);
}

// ---- the widget ------------------------------------------------------------------------------------------

function put(model, values) {
  for (const [name, value] of Object.entries(values)) model.set(name, value);
  model.save_changes();
}

// The softmax temperature: off, which is T = 1, unless its box is ticked.
function temperatureControl(model) {
  const box = html("input", { type: "checkbox" });
  const range = { type: "range", min: -1, max: 1.5, step: 0.05, value: 0 };
  const slider = html("input", { ...range, "aria-label": "Softmax temperature, logarithm to base 10" });
  const output = html("output");
  const row = html("label", { class: "wide" }, html("span", {}, "TOP = softmax(S̃ / T), T = ", output), slider);
  const apply = () => {
    put(model, { temperature: box.checked ? 10 ** Number(slider.value) : 1 });
    update(); // at T = 1 nothing else has changed
  };
  for (const control of [box, slider]) control.addEventListener("input", apply);
  const root = html(
    "div", { class: "temperature" },
    html("label", { class: "tick-box" }, box, html("span", {}, "softmax temperature (not in the paper)")), row,
  );
  const update = () => {
    const value = model.get("temperature");
    if (value !== 1) box.checked = true;
    row.hidden = !box.checked;
    if (box.checked) slider.value = Math.log10(value);
    output.textContent = show(value);
    slider.setAttribute("aria-valuetext", `T = ${show(value)}`);
  };
  return { root, update };
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// The handle of the click, over the picture of the frame: dragged, or moved by the arrow keys; Home takes it back.
function clickHandle(model, parent) {
  const root = html("button", { type: "button", class: "handle" });
  const go = (point) => {
    if (point !== null && point !== model.get("point")) put(model, { point });
  };
  const drag = (event) => {
    const { left, top, width } = parent.getBoundingClientRect(), { size, points } = current(model);
    go(nearest(points, [event.clientX - left, event.clientY - top].map((v) => (v / width) * size)));
  };
  root.addEventListener("pointerdown", (event) => root.setPointerCapture(event.pointerId));
  root.addEventListener("pointermove", (event) => {
    if (root.hasPointerCapture(event.pointerId)) drag(event);
  });
  root.addEventListener("keydown", (event) => {
    const { points } = current(model);
    if (event.key === "Home") go(0);
    else if (event.key in ARROWS) go(nearest(points, points[pointOf(model)], ARROWS[event.key]));
    else return;
    event.preventDefault(); // the page would scroll
  });
  parent.append(root);
  return () => {
    const { points, size } = current(model), point = pointOf(model);
    const [x, y] = points[point], [x0, y0] = points[0];
    root.style.left = `${(100 * x) / size}%`;
    root.style.top = `${(100 * y) / size}%`;
    root.hidden = points.length < 2;
    const moved = [show(x - x0), show(y - y0)];
    const where = point ? `moved ${moved[0]} right, ${moved[1]} down, of ${size} pixels` : "as annotated";
    root.setAttribute("aria-label", `Click, ${where}. Arrow keys move it, Home takes it back`);
    root.title = "Drag the click, or move it with the arrow keys; Home takes it back";
  };
}

function controls(model) {
  const temperature = temperatureControl(model);
  const chooser = html("select", { "aria-label": "Frame" });
  const range = { type: "range", min: 0, max: MAX, step: STEP };
  const slider = html("input", { ...range, "aria-label": "Clip fraction eta, per cent" });
  const output = html("output");
  const presets = html("div", { class: "presets", role: "group", "aria-label": "Values of eta in the paper" });
  const set = (eta) => put(model, { eta });
  // Zero would take no score at all. One is the least: its mean is the maximum, so nothing is clipped.
  const oneScore = () => 1 / current(model).places ** 2;
  slider.addEventListener("input", () => set(Number(slider.value) / 100 || oneScore()));
  chooser.addEventListener("change", () => put(model, { point: 0, frame: Number(chooser.value) }));
  for (const value of [0, ...PAPER]) {
    const button = html("button", { type: "button" }, value ? `${value} %` : "no clip");
    button.addEventListener("click", () => set(value / 100 || oneScore()));
    presets.append(button);
  }
  const root = html(
    "div", { class: "controls" },
    html("label", {}, html("span", {}, "Frame"), chooser),
    html("label", { class: "wide" }, html("span", {}, "Clip fraction η ", output), slider),
    presets,
    temperature.root,
  );
  const update = (eta, now) => {
    temperature.update();
    slider.value = 100 * eta;
    output.textContent = percentEta(eta);
    slider.setAttribute("aria-valuetext", `${percentEta(eta)}, ${show(now.effective)} effective cells`);
    [...presets.children].forEach((button, i) => {
      const on = i ? Math.abs(100 * eta - PAPER[i - 1]) < 1e-9 : now.count === 1;
      button.setAttribute("aria-pressed", String(on));
    });
  };
  const list = (frames, index) => {
    chooser.replaceChildren(...frames.map((frame, i) => html("option", { value: i }, frame.name)));
    chooser.value = index;
  };
  return { root, update, list };
}

function tiles() {
  const cell = (name, hint) => {
    const value = html("dd");
    return { value, node: html("div", { title: hint }, html("dt", {}, name), value) };
  };
  const all = {
    clip: cell("clip level c", "mean of the top-eta fraction of the scores"),
    entropy: cell("entropy, nats", "entropy of the TOP map"),
    effective: cell("effective cells", "exp(entropy): the number of equal cells with the same entropy"),
    mass: cell("mass inside the box", "share of the TOP map on the target; the box is only used to measure it"),
  };
  const root = html("dl", {}, ...Object.values(all).map((entry) => entry.node));
  return { root, all };
}

const current = (model) => model.get("frames")[model.get("frame")] ?? model.get("frames")[0];
const pointOf = (model) => (model.get("point") in current(model).points ? model.get("point") : 0);

function render({ model, el }) {
  if (!model.get("frames").length) {
    const words = "No frame to show: the data of this page were absent when it was built.";
    el.append(html("p", { class: "socl-missing", role: "note" }, words));
    return;
  }
  const control = controls(model);
  const panels = [panel("frame", legend()), panel("score map S"), panel("clipped map S̃"), panel("TOP map")];
  const numbers = tiles();
  const charts = {
    ranked: chart("scores in order", "rank of the score"),
    effective: chart("effective cells", "η, %"),
    mass: chart("mass inside the box", "η, %"),
  };
  const summary = html("p", { class: "summary", "aria-live": "polite" });
  const root = html(
    "div", { class: `socl-panel socl-eta${model.get("compact") ? " compact" : ""}`, role: "group", "aria-label": "From score map to TOP map" },
    control.root,
    html("div", { class: "maps" }, ...panels.map((p) => p.figure)),
    numbers.root,
    html("div", { class: "charts" }, ...Object.values(charts).map((c) => c.figure)),
    summary,
  );
  el.append(root);

  const moveHandle = clickHandle(model, panels[0].canvas.parentElement);
  let frame, maps, score, sorted, rows, image;
  const load = () => {
    frame = current(model);
    maps = scoreMaps(frame);
    image = new Image();
    image.onload = draw;
    image.src = frame.image;
    control.list(model.get("frames"), model.get("frame"));
    select();
  };
  const select = () => {
    score = maps[pointOf(model)];
    sorted = descending(score);
    rows = sweep(score, frame, model.get("temperature"), sorted);
    draw();
  };
  const draw = () => {
    const eta = model.get("eta"), temperature = model.get("temperature"), point = pointOf(model);
    const now = measure(score, frame, eta, temperature, sorted);
    control.update(eta, now);
    moveHandle();
    drawMaps(panels, frame, image, point, score, now, sorted);
    ranked(charts.ranked, sorted, now);
    const widest = roundUp(Math.max(...rows.map((r) => r.effective), now.effective));
    againstEta(charts.effective, rows, (r) => r.effective, widest, (v) => show(v), now, eta);
    againstEta(charts.mass, rows, (r) => r.mass, 1, percent, now, eta);
    numbers.all.clip.value.textContent = show(now.clip, 4);
    numbers.all.entropy.value.textContent = show(now.entropy, 4);
    numbers.all.effective.value.textContent = `${show(now.effective, 4)} of ${now.top.length}`;
    numbers.all.mass.value.textContent = now.mass === null ? "no box" : percent(now.mass);
    // Full precision, for the test that compares this page with Python.
    const { clip, entropy, effective, mass } = now;
    const exact = { eta, temperature, point, clip, entropy, effective, mass: mass ?? "" };
    for (const [name, value] of Object.entries(exact)) root.dataset[name] = String(value);
    root.dataset.frame = model.get("frame");
    const inside = mass === null ? "" : `, ${percent(mass)} of it inside the box`;
    summary.textContent =
      `${point ? "With the click moved and" : "With"} η = ${percentEta(eta)}, the clip level is the mean of the ` +
      `${now.count} highest of ${score.length} scores; the TOP map is as wide as ${show(effective)} equal cells${inside}.`;
  };
  const events = { "change:eta": draw, "change:point": select, "change:temperature": select };
  Object.assign(events, { "change:frame": load, "change:frames": load });
  for (const [name, work] of Object.entries(events)) model.on(name, work);
  load();
  return () => {
    for (const [name, work] of Object.entries(events)) model.off(name, work);
  };
}

export default { render };
