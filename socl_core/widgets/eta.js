// The eta widget. All arithmetic is here: the slider needs no kernel. EtaWidget.compute is its Python twin.
// A page stores this text inside a script element: it must hold no closing script tag and no HTML comment.

const VIRIDIS = [
  [68, 1, 84], [72, 24, 106], [71, 45, 123], [66, 64, 134], [59, 82, 139], [51, 99, 141],
  [44, 114, 142], [38, 130, 142], [33, 145, 140], [31, 160, 136], [40, 174, 128], [63, 188, 115],
  [94, 201, 98], [132, 212, 75], [173, 220, 48], [216, 226, 25], [253, 231, 37],
];
const PAPER = [5, 10, 15, 20]; // per cent, Table 4
const MAX = 40; // right end of slider and charts, per cent
const STEP = 0.5;
const PIXELS = 352; // side of the canvases

// ---- arithmetic ------------------------------------------------------------------------------------------

// How many of n scores the top-eta fraction holds. The small number undoes the rounding of eta * n.
const topCount = (eta, n) => Math.max(1, Math.ceil(eta * n - 1e-9));

export function measure(score, mask, eta, sorted = descending(score)) {
  const count = topCount(eta, score.length);
  let clip = 0;
  for (let i = 0; i < count; i++) clip += sorted[i];
  clip /= count;
  const clipped = score.map((s) => Math.min(s, clip));
  const peak = Math.min(sorted[0], clip);
  const weights = clipped.map((s) => Math.exp(s - peak));
  const total = weights.reduce((a, b) => a + b, 0);
  const top = weights.map((w) => w / total);
  const entropy = -top.reduce((sum, p) => (p > 0 ? sum + p * Math.log(p) : sum), 0);
  const mass = mask ? top.reduce((sum, p, i) => sum + p * mask[i], 0) : null;
  return { count, clip, clipped, top, entropy, effective: Math.exp(entropy), mass };
}

const descending = (score) => Float64Array.from(score).sort().reverse();

function sweep(frame, sorted) {
  const rows = [];
  for (let percent = STEP; percent <= MAX; percent += STEP) {
    rows.push({ percent, ...measure(frame.score, frame.mask, percent / 100, sorted) });
  }
  return rows;
}

// ---- words and numbers -----------------------------------------------------------------------------------

const show = (x, digits = 3) => (x == null ? "none" : Number(x.toPrecision(digits)).toString());
const percent = (x) => `${show(100 * x)} %`;
const percentEta = (eta) => `${(100 * eta).toFixed(1)} %`;

function html(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function svg(tag, attributes = {}, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

// ---- maps ------------------------------------------------------------------------------------------------

function colour(t) {
  const x = Math.min(1, Math.max(0, t)) * (VIRIDIS.length - 1);
  const i = Math.min(VIRIDIS.length - 2, Math.floor(x));
  return VIRIDIS[i].map((low, k) => low + (x - i) * (VIRIDIS[i + 1][k] - low));
}

// values (G*G) as a G x G picture; `alpha` gives the opacity of a value scaled to 0..1
function picture(values, grid, low, high, alpha = () => 1) {
  const small = html("canvas", { width: grid, height: grid });
  const pixels = new ImageData(grid, grid);
  values.forEach((value, i) => {
    const t = high > low ? (value - low) / (high - low) : 1;
    pixels.data.set([...colour(t), 255 * alpha(t)], 4 * i);
  });
  small.getContext("2d").putImageData(pixels, 0, 0);
  return small;
}

function place(context, frame, small, smooth) {
  const scale = PIXELS / frame.size;
  const [x, y, w, h] = frame.cells.map((v) => v * scale);
  context.imageSmoothingEnabled = smooth;
  context.imageSmoothingQuality = "high";
  context.drawImage(small, x, y, w, h);
}

function marks(context, frame, faint) {
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
  const [x, y] = frame.point.map((v) => v * scale);
  for (const [style, radius] of [["rgba(0,0,0,.55)", 12.5], ["#fff", 11], ["#e4572e", 7.5]]) {
    context.fillStyle = style;
    context.beginPath();
    context.arc(x, y, faint ? radius * 0.75 : radius, 0, 2 * Math.PI);
    context.fill();
  }
}

function drawMaps(panels, frame, image, now, sorted) {
  const [crop, score, clipped, top] = panels.map((panel) => panel.canvas.getContext("2d"));
  const high = sorted[0], low = sorted[sorted.length - 1];
  for (const context of [crop, score, clipped, top]) context.clearRect(0, 0, PIXELS, PIXELS);
  if (image.complete && image.naturalWidth) {
    crop.drawImage(image, 0, 0, PIXELS, PIXELS);
    top.filter = "grayscale(1) brightness(.8)";
    top.drawImage(image, 0, 0, PIXELS, PIXELS);
    top.filter = "none";
  }
  const peak = Math.max(...now.top);
  place(score, frame, picture(frame.score, frame.grid, low, high), false);
  place(clipped, frame, picture(now.clipped, frame.grid, low, high), false);
  place(top, frame, picture(now.top, frame.grid, 0, peak, (t) => 0.75 * Math.sqrt(t)), true);
  marks(crop, frame, false);
  for (const context of [score, clipped, top]) marks(context, frame, true);

  const cells = `${frame.grid} by ${frame.grid} cells`;
  panels[0].say(`Search crop with the annotated point${frame.box ? " and the box" : ""}`);
  panels[1].say(`Score map, ${cells}, from ${show(low)} to ${show(high)}`);
  panels[2].say(`Score map clipped at ${show(now.clip)}, ${cells}`);
  panels[3].say(`TOP map over the crop, ${cells}, largest value ${show(peak)}`);
  panels[1].range(low, high, now.clip);
  panels[2].range(low, high, now.clip);
  panels[3].range(0, peak);
}

function panel(title, legend) {
  const canvas = html("canvas", { width: PIXELS, height: PIXELS, role: "img" });
  const caption = html("figcaption", {}, html("b", {}, title));
  const figure = html("figure", {}, canvas, caption);
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
  return html("span", { class: "legend" }, item("dot", "point"), item("dash", "box, not used"));
}

// ---- charts ----------------------------------------------------------------------------------------------

const PLOT = { left: 44, right: 226, top: 10, bottom: 112, width: 236, height: 148 };

function chart(title, xTitle) {
  const root = svg("svg", { viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, role: "img" });
  const figure = html("figure", {}, html("figcaption", {}, html("b", {}, title)), root);
  return { root, figure, xTitle, say: (text) => root.setAttribute("aria-label", `${title}. ${text}`) };
}

function axes({ root, xTitle }, x, y, xTicks, yTicks, emphasised = []) {
  root.replaceChildren();
  for (const tick of yTicks) {
    const at = y(tick.at);
    root.append(svg("line", { class: "grid", x1: PLOT.left, x2: PLOT.right, y1: at, y2: at }));
    root.append(svg("text", { class: "tick end", x: PLOT.left - 5, y: at + 4 }, tick.text));
  }
  for (const tick of xTicks) {
    const strong = emphasised.includes(tick.at);
    const at = x(tick.at);
    if (strong) root.append(svg("line", { class: "paper", x1: at, x2: at, y1: PLOT.top, y2: PLOT.bottom }));
    const style = strong ? "tick mid strong" : "tick mid";
    root.append(svg("text", { class: style, x: at, y: PLOT.bottom + 15 }, tick.text));
  }
  const { left, right, bottom } = PLOT;
  root.append(svg("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }));
  root.append(svg("text", { class: "tick mid", x: (PLOT.left + PLOT.right) / 2, y: PLOT.height - 3 }, xTitle));
}

const across = (low, high) => (v) => PLOT.left + ((PLOT.right - PLOT.left) * (v - low)) / (high - low || 1);
const upwards = (low, high) => (v) => PLOT.bottom - ((PLOT.bottom - PLOT.top) * (v - low)) / (high - low || 1);
const step = ([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
const path = (points) => points.map(step).join("");

// A round number at or above `value`, for the top of an axis with four equal steps.
function roundUp(value) {
  const unit = 10 ** Math.floor(Math.log10(value || 1));
  return [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10].map((m) => m * unit).find((v) => v >= value) ?? value;
}

const quarters = (high, text) => [0, 0.5, 1].map((f) => ({ at: f * high, text: text(f * high) }));

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
  const kept = points.map(([px, py]) => [px, Math.max(py, y(now.clip))]);
  it.root.append(svg("path", { class: "taken", d: `${path(taken)}Z` }));
  it.root.append(svg("path", { class: "ghost", d: path(points) }));
  it.root.append(svg("path", { class: "line", d: path([[x(0), kept[0][1]], ...kept]) }));
  const c = y(now.clip);
  it.root.append(svg("line", { class: "now", x1: PLOT.left, x2: PLOT.right, y1: c, y2: c }));
  const words = `c = ${show(now.clip)} (${now.count} cell${now.count > 1 ? "s" : ""})`;
  const above = c > PLOT.top + 13;
  it.root.append(svg("text", { class: "tick end strong", x: PLOT.right, y: above ? c - 5 : c + 15 }, words));
  it.say(`Clip level ${show(now.clip)}, mean of the ${now.count} largest of ${n} scores.`);
}

// ---- the widget ------------------------------------------------------------------------------------------

function controls(model) {
  const chooser = html("select", { "aria-label": "Frame" });
  const range = { type: "range", min: 0, max: MAX, step: STEP };
  const slider = html("input", { ...range, "aria-label": "Clip fraction eta, per cent" });
  const output = html("output");
  const presets = html("div", { class: "presets", role: "group", "aria-label": "Values of eta in the paper" });
  const set = (eta) => {
    model.set("eta", eta);
    model.save_changes();
  };
  // Zero would take no cell at all. One cell is the least: its mean is the maximum, so nothing is clipped.
  const oneCell = () => 1 / current(model).score.length;
  slider.addEventListener("input", () => set(Number(slider.value) / 100 || oneCell()));
  chooser.addEventListener("change", () => {
    model.set("frame", Number(chooser.value));
    model.save_changes();
  });
  for (const value of [0, ...PAPER]) {
    const button = html("button", { type: "button" }, value ? `${value} %` : "no clip");
    button.addEventListener("click", () => set(value / 100 || oneCell()));
    presets.append(button);
  }
  const root = html(
    "div", { class: "controls" },
    html("label", {}, html("span", {}, "Frame"), chooser),
    html("label", { class: "wide" }, html("span", {}, "Clip fraction η ", output), slider),
    presets,
  );
  const update = (eta, now) => {
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
    ranked: chart("scores in order", "rank of the cell"),
    effective: chart("effective cells", "η, %"),
    mass: chart("mass inside the box", "η, %"),
  };
  const summary = html("p", { class: "summary", "aria-live": "polite" });
  const root = html(
    "div", { class: "socl-eta", role: "group", "aria-label": "From score map to TOP map" },
    control.root,
    html("div", { class: "maps" }, ...panels.map((p) => p.figure)),
    numbers.root,
    html("div", { class: "charts" }, ...Object.values(charts).map((c) => c.figure)),
    summary,
  );
  el.append(root);

  let frame, sorted, rows, image;
  const load = () => {
    frame = current(model);
    sorted = descending(frame.score);
    rows = sweep(frame, sorted);
    image = new Image();
    image.onload = draw;
    image.src = frame.image;
    control.list(model.get("frames"), model.get("frame"));
  };
  const draw = () => {
    const eta = model.get("eta");
    const now = measure(frame.score, frame.mask, eta, sorted);
    control.update(eta, now);
    drawMaps(panels, frame, image, now, sorted);
    ranked(charts.ranked, sorted, now);
    const widest = roundUp(Math.max(...rows.map((r) => r.effective), now.effective));
    againstEta(charts.effective, rows, (r) => r.effective, widest, (v) => show(v), now, eta);
    againstEta(charts.mass, rows, (r) => r.mass, 1, percent, now, eta);
    numbers.all.clip.value.textContent = show(now.clip, 4);
    numbers.all.entropy.value.textContent = show(now.entropy, 4);
    numbers.all.effective.value.textContent = `${show(now.effective, 4)} of ${frame.score.length}`;
    numbers.all.mass.value.textContent = now.mass === null ? "no box" : percent(now.mass);
    // Full precision, for the test that compares this page with Python.
    const exact = { eta, clip: now.clip, entropy: now.entropy, effective: now.effective, mass: now.mass ?? "" };
    for (const [name, value] of Object.entries(exact)) root.dataset[name] = String(value);
    root.dataset.frame = model.get("frame");
    const inside = now.mass === null ? "" : `, ${percent(now.mass)} of it inside the box`;
    summary.textContent =
      `With η = ${percentEta(eta)}, the clip level is the mean of the ${now.count} highest of ` +
      `${frame.score.length} scores; the TOP map is as wide as ${show(now.effective)} equal cells${inside}.`;
  };
  const reload = () => {
    load();
    draw();
  };
  model.on("change:eta", draw);
  model.on("change:frame", reload);
  model.on("change:frames", reload);
  reload();
  return () => {
    model.off("change:eta", draw);
    model.off("change:frame", reload);
    model.off("change:frames", reload);
  };
}

export default { render };
