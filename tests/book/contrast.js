// Text of a page with less contrast than WCAG AA asks for: by element, the text. Disabled controls are exempt;
// formulas have the colour of their text.
() => {
  const parse = (c) => {
    const [r, g, b, a = 1] = c.match(/[\d.]+(e-?\d+)?/g).map(Number), unit = c.startsWith('color(') ? 255 : 1;
    return [r * unit, g * unit, b * unit, a];
  };
  const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3]));
  const light = (c) => c.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const parents = (e) => (e ? [e, ...parents(e.parentElement)] : []);
  const bad = {}, walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); ) {
    const e = node.parentElement, style = getComputedStyle(e), [x, y, z, a] = parse(style.color);
    const shown = e.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    if (!node.textContent.trim() || !shown || e.closest('script, style, option, svg, :disabled, mjx-container')) continue;
    const styles = parents(e).map((at) => getComputedStyle(at));
    const under = styles.map((at) => parse(at.backgroundColor)).reverse().reduce((low, c) => over(c, low), [255, 255, 255]);
    const opacity = styles.reduce((product, at) => product * at.opacity, 1);
    const [high, low] = [light(over([x, y, z, a * opacity], under)), light(under)].sort((p, q) => q - p);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if ((high + 0.05) / (low + 0.05) < (large ? 3 : 4.5) - 0.005) bad[`${e.tagName}.${e.className}`] = node.textContent.trim();
  }
  return bad;
}
