// Click the target in the images of a video; saves clicks.csv. All stays in the page: no server, no network.
(() => {
  const COST = 4.5; // a box takes so many times as long as a point [S]

  function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  const number = (name) => Number(name.match(/(\d+)\.[^.]+$/)?.[1] ?? NaN);
  const middle = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const minutes = (seconds) => (seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`);

  function build(root) {
    const clicks = new Map(); // by the name of an image: [x, y]
    let files = [], asked = [], at = 0, seconds = [], shownAt = 0, saved = true, image = null, cursor = [0, 0];

    const choose = element("input", { type: "file", multiple: true, accept: "image/jpeg,image/png" });
    const every = element("input", { type: "number", min: 1, value: 1 });
    const earlier = element("input", { type: "file", accept: ".csv" });
    const canvas = element("canvas", { width: 640, height: 360, tabIndex: 0 });
    const words = element("p", { className: "summary" });
    const back = element("button", { type: "button", textContent: "Back" });
    const skip = element("button", { type: "button", textContent: "Not in sight" });
    const save = element("button", { type: "button", textContent: "Save clicks.csv" });
    canvas.setAttribute("role", "application");
    words.setAttribute("role", "status");
    root.replaceChildren(
      element("div", { className: "controls" },
        element("label", {}, "Images of one video ", choose),
        element("label", {}, "click one image of every ", every),
        element("label", {}, "go on from a clicks.csv ", earlier)),
      canvas, element("div", { className: "controls" }, back, skip, save), words);

    function cross([x, y], colour) {
      const context = canvas.getContext("2d"), arm = canvas.width / 40;
      for (const [style, width] of [["#000000", arm / 3], [colour, arm / 6]]) {
        Object.assign(context, { strokeStyle: style, lineWidth: width });
        context.beginPath();
        for (const [dx, dy] of [[arm, 0], [0, arm]]) {
          context.moveTo(x + 0.5 - dx, y + 0.5 - dy);
          context.lineTo(x + 0.5 + dx, y + 0.5 + dy);
        }
        context.stroke();
      }
    }

    function paint() {
      canvas.getContext("2d").drawImage(image, 0, 0);
      const name = asked[at].name, click = clicks.get(name);
      if (click) cross(click, "#e69f00");
      else if (document.activeElement === canvas) cross(cursor, "#ffffff");
      canvas.setAttribute("aria-label", `${name}, image ${at + 1} of ${asked.length}, ` +
        (click ? `clicked at ${click.join(", ")}` : `cross at ${cursor.join(", ")}; arrow keys move it, Enter clicks`));
    }

    function tell(problem = "") {
      const left = asked.filter((file) => !clicks.has(file.name)).length, pace = seconds.length ? middle(seconds) : 0;
      root.dataset.clicks = clicks.size;
      root.dataset.at = asked.length ? asked[at].name : "";
      words.textContent = problem || (!asked.length ? "Choose the images of one video." :
        `${clicks.size} clicked, ${left} of ${asked.length} without a click` +
        (pace ? `; ${pace.toFixed(1)} s a click, so about ${minutes(left * pace)} to go. Boxes around all of ` +
          `them would take about ${minutes(COST * pace * asked.length)}, at ${COST} times a click.` : "."));
      [back.disabled, skip.disabled, save.disabled] = [!asked.length || !at, !asked.length, !clicks.size];
    }

    async function go(to) {
      if (!asked.length) return tell();
      at = Math.min(Math.max(to, 0), asked.length - 1);
      const file = asked[at], url = URL.createObjectURL(file), next = new Image();
      next.src = url;
      try {
        await next.decode();
      } catch {
        return tell(`${file.name} is no image that this browser can show.`);
      } finally {
        URL.revokeObjectURL(url);
      }
      if (file !== asked[at]) return; // another one was asked for meanwhile
      if (!image || image.width !== next.width) cursor = [next.width >> 1, next.height >> 1];
      [image, canvas.width, canvas.height] = [next, next.width, next.height];
      shownAt = performance.now();
      paint();
      tell();
    }

    function click(x, y) {
      if (!image) return;
      const inside = (value, size) => Math.min(Math.max(Math.round(value * 10) / 10, 0), size - 1);
      cursor = [inside(x, image.width), inside(y, image.height)];
      clicks.set(asked[at].name, cursor);
      seconds.push((performance.now() - shownAt) / 1000);
      saved = false;
      go(at + 1);
    }

    function ask() {
      const step = Math.max(1, Math.floor(Number(every.value)) || 1);
      asked = files.filter((_, i) => i % step === 0);
      go(Math.max(0, asked.findIndex((file) => !clicks.has(file.name))));
    }

    choose.addEventListener("change", () => {
      files = [...choose.files];
      const bad = files.find((file) => Number.isNaN(number(file.name)));
      if (bad) {
        files = asked = [];
        return tell(`${bad.name} has no frame number: expected names such as 0001.jpg.`);
      }
      files.sort((a, b) => number(a.name) - number(b.name));
      ask();
    });
    every.addEventListener("change", ask);
    earlier.addEventListener("change", async () => {
      const [head, ...rows] = (await earlier.files[0].text()).trim().split(/\r?\n/);
      if (head.trim() !== "image,x,y") return tell("That file is no clicks.csv: its first line is not image,x,y.");
      for (const row of rows) {
        const [name, x, y] = row.split(",");
        clicks.set(name, [Number(x), Number(y)]);
      }
      ask();
    });
    canvas.addEventListener("click", (event) => {
      // Pixel i covers i - 1/2 .. i + 1/2.
      const box = canvas.getBoundingClientRect();
      click(((event.clientX - box.left) / box.width) * canvas.width - 0.5,
        ((event.clientY - box.top) / box.height) * canvas.height - 0.5);
    });
    canvas.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!image || !(move || event.key === "Enter")) return;
      event.preventDefault();
      if (!move) return click(...cursor);
      const size = [image.width, image.height], step = event.shiftKey ? 1 : 8;
      cursor = cursor.map((value, i) => Math.min(Math.max(value + step * move[i], 0), size[i] - 1));
      clicks.delete(asked[at].name);
      paint();
    });
    for (const kind of ["focus", "blur"]) canvas.addEventListener(kind, () => image && paint());
    back.addEventListener("click", () => go(at - 1));
    skip.addEventListener("click", () => {
      clicks.delete(asked[at].name);
      go(at + 1);
    });
    save.addEventListener("click", () => {
      const rows = files.filter((file) => clicks.has(file.name)).map((file) => [file.name, ...clicks.get(file.name)]);
      const text = [["image", "x", "y"], ...rows].map((row) => row.join(",")).join("\n") + "\n";
      const link = element("a", { download: "clicks.csv", href: URL.createObjectURL(new Blob([text])) });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000); // the browser may not have read it yet
      saved = true;
    });
    addEventListener("beforeunload", (event) => saved || event.preventDefault());
    tell();
  }

  document.querySelectorAll(".socl-click").forEach(build);
})();
