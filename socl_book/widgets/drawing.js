// What the widgets share: elements, the colour scale of maps, charts. Python puts this text before a widget's own.
// A page stores this text inside a script element: it must hold no closing script tag and no HTML comment.

const VIRIDIS = [
  [68, 1, 84], [72, 24, 106], [71, 45, 123], [66, 64, 134], [59, 82, 139], [51, 99, 141],
  [44, 114, 142], [38, 130, 142], [33, 145, 140], [31, 160, 136], [40, 174, 128], [63, 188, 115],
  [94, 201, 98], [132, 212, 75], [173, 220, 48], [216, 226, 25], [253, 231, 37],
];

// ---- words and elements ----------------------------------------------------------------------------------

const show = (x, digits = 3) => (x == null ? "none" : Number(x.toPrecision(digits)).toString());
const percent = (x) => `${show(100 * x)} %`;

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

const quarters = (high, text) => [0, 0.5, 1].map((f) => ({ at: f * high, text: text(f * high) }));
