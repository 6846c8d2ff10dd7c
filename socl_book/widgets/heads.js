// The heads widget: a stored clip, tracked four times. The overlaps are computed here; HeadsWidget.compute is
// the Python twin. A page stores this text inside a script element: no closing script tag, no HTML comment.

const SIDE = 352; // width of the canvases
const PAUSE = 160; // milliseconds a frame

// ---- arithmetic ------------------------------------------------------------------------------------------

export function overlap([ax, ay, aw, ah], [bx, by, bw, bh]) {
  const w = Math.max(0, Math.min(ax + aw, bx + bw) - Math.max(ax, bx));
  const h = Math.max(0, Math.min(ay + ah, by + bh) - Math.max(ay, by));
  const union = aw * ah + bw * bh - w * h;
  return union > 0 ? (w * h) / union : 0;
}

const overlaps = (clip, run) => run.boxes.map((box, i) => (clip.truth[i] ? overlap(box, clip.truth[i]) : null));

function average(values) {
  const seen = values.filter((v) => v !== null);
  return seen.length ? seen.reduce((a, b) => a + b, 0) / seen.length : NaN;
}

// ---- pictures --------------------------------------------------------------------------------------------

function screen(title, [width, height]) {
  const canvas = html("canvas", { width: SIDE, height: Math.round((SIDE * height) / width), role: "img" });
  const figure = html("figure", {}, canvas, html("figcaption", {}, html("b", {}, title)));
  return { canvas, figure, scale: SIDE / width, say: (text) => canvas.setAttribute("aria-label", text) };
}

function background({ canvas }, image, grey) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (!image.complete || !image.naturalWidth) return context;
  context.filter = grey ? "grayscale(1) brightness(.8)" : "none";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  context.filter = "none";
  return context;
}

function outline(context, box, scale, style, dashes) {
  for (const [colour, width] of [["rgba(0,0,0,.55)", 6], [style, 3]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.setLineDash(colour === style ? dashes : []);
    context.strokeRect(...box.map((v) => v * scale));
  }
  context.setLineDash([]);
}

function drawMap(it, image, map, box, title) {
  const context = background(it, image, true);
  const low = Math.min(...map.values), high = Math.max(...map.values);
  const small = picture(map.values, map.grid, low, high, (t) => 0.25 + 0.55 * t);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(small, ...map.region.map((v) => v * it.scale));
  outline(context, box, it.scale, "#e69f00", []);
  it.say(`${title}, ${map.grid} by ${map.grid} cells, from ${show(low)} to ${show(high)} per cent`);
}

function drawOverlaps(it, clip, chosen, frame) {
  const count = clip.frames.length, x = across(1, Math.max(2, count)), y = upwards(0, 1);
  const ticks = [1, Math.ceil(count / 2), count].map((at) => ({ at, text: `${at}` }));
  axes(it, x, y, ticks, quarters(1, (v) => show(v)));
  const line = (run) => path(overlaps(clip, run).flatMap((v, i) => (v === null ? [] : [[x(i + 1), y(v)]])));
  for (const run of clip.runs.filter((run) => run !== chosen)) {
    it.root.append(svg("path", { class: "ghost", d: line(run) }));
  }
  it.root.append(svg("path", { class: "line", d: line(chosen) }));
  const at = x(frame + 1);
  it.root.append(svg("line", { class: "now", x1: at, x2: at, y1: PLOT.top, y2: PLOT.bottom }));
  it.say(`Mean ${show(average(overlaps(clip, chosen)))} over ${count} frames; the other runs dashed.`);
}

// ---- controls --------------------------------------------------------------------------------------------

function choices(label, names, pick) {
  const root = html("div", { class: "presets", role: "group", "aria-label": label });
  for (const [value, name] of names) {
    const button = html("button", { type: "button" }, name);
    button.addEventListener("click", () => pick(value));
    root.append(button);
  }
  const mark = (now) => {
    [...root.children].forEach((button, i) => button.setAttribute("aria-pressed", String(names[i][0] === now)));
  };
  return { root, mark };
}

function controls(model, clip, redraw) {
  const set = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  const trackers = [...new Set(clip.runs.map((run) => run.tracker))].map((name) => [name, name]);
  const tracker = choices("Tracker", trackers, (name) => set("tracker", name));
  const head = choices("Projection head", [[false, "without head"], [true, "with head"]], (on) => set("head", on));
  const slider = html("input", { type: "range", min: 0, max: clip.frames.length - 1, "aria-label": "Frame" });
  const output = html("output");
  const play = html("button", { type: "button", "aria-pressed": "false" }, "Play");
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
    play.setAttribute("aria-pressed", "false");
    redraw();
  };
  const start = () => {
    timer = setInterval(() => set("frame", (model.get("frame") + 1) % clip.frames.length), PAUSE);
    play.textContent = "Pause";
    play.setAttribute("aria-pressed", "true");
    redraw();
  };
  play.addEventListener("click", () => (timer === null ? start() : stop()));
  slider.addEventListener("input", () => {
    set("frame", Number(slider.value));
    stop();
  });
  const root = html(
    "div", { class: "controls" }, tracker.root, head.root, play,
    html("label", { class: "wide" }, html("span", {}, `${clip.name}, frame `, output), slider),
  );
  const update = (now) => {
    tracker.mark(now.tracker);
    head.mark(now.head);
    slider.value = now.frame;
    output.textContent = `${now.frame + 1} of ${clip.frames.length}`;
    slider.setAttribute("aria-valuetext", output.textContent);
  };
  return { root, update, playing: () => timer !== null, destroy: () => clearInterval(timer) };
}

// ---- the widget ------------------------------------------------------------------------------------------

function render({ model, el }) {
  const clip = model.get("clip");
  const images = clip.frames.map((source) => Object.assign(new Image(), { src: source, onload: () => draw() }));
  const control = controls(model, clip, () => draw());
  const frame = screen("tracked box, truth dashed", clip.size);
  const response = screen("response", clip.size), similarity = screen("similarity to the first target", clip.size);
  const chart_ = chart("overlap with the truth", "frame");
  const summary = html("p", { class: "summary", "aria-live": "polite" });
  const panels = [frame, response, similarity].map((it) => it.figure);
  const root = html(
    "div", { class: "socl-panel socl-heads", role: "group", "aria-label": "Trackers with and without a head" },
    control.root, html("div", { class: "maps" }, ...panels, chart_.figure), summary,
  );
  el.append(root);

  const draw = () => {
    const now = { tracker: model.get("tracker"), head: model.get("head"), frame: model.get("frame") };
    const run = clip.runs.find((one) => one.tracker === now.tracker && one.head === now.head);
    control.update(now);
    if (!run) {
      summary.textContent = "This run was not there when the page was built.";
      return;
    }
    const image = images[now.frame], box = run.boxes[now.frame], truth = clip.truth[now.frame];
    const each = overlaps(clip, run), here = each[now.frame], mean = average(each);
    const context = background(frame, image, false);
    if (truth) outline(context, truth, frame.scale, "#fff", [9, 6]);
    outline(context, box, frame.scale, "#e69f00", []);
    frame.say(`Frame ${now.frame + 1} with the tracked box${truth ? " and the true one" : ""}`);
    drawMap(response, image, run.response[now.frame], box, "Response map");
    drawMap(similarity, image, run.similarity[now.frame], box, "Similarity map");
    drawOverlaps(chart_, clip, run, now.frame);
    // Full precision, for the test that compares this page with Python.
    Object.assign(root.dataset, { ...now, overlap: here ?? "", mean });
    const name = `${now.tracker} ${now.head ? "with" : "without"} head`;
    const words = here === null ? "has no truth to compare with" : `overlaps the truth by ${percent(here)}`;
    // Of the frame only at rest: while it plays, a reader's voice would never come to an end.
    const sentence = control.playing() ? "" : `this frame ${words}; `;
    summary.textContent = `${name}: ${sentence}the mean of all frames is ${percent(mean)}.`;
  };
  const watched = ["tracker", "head", "frame"].map((name) => `change:${name}`);
  for (const event of watched) model.on(event, draw);
  draw();
  return () => {
    control.destroy();
    for (const event of watched) model.off(event, draw);
  };
}

export default { render };
