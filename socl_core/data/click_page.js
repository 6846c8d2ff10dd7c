// Click targets in the images of a video, or in a video file; saves clicks.csv, or a zip of images and clicks.
// All stays in the page: no server, no network.
(() => {
  const COST = 4.5; // a box takes so many times as long as a point [S]
  const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"]; // of targets

  function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  const number = (name) => Number(name.match(/(\d+)\.[^.]+$/)?.[1] ?? NaN);
  const middle = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const minutes = (seconds) => (seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`);
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  // ---- what is clicked: frames with a name and a way to load them ----

  const imageFrames = (files) => [...files].map((file) => (
    { name: file.name, load: () => createImageBitmap(file), bytes: () => file.arrayBuffer() }));

  async function openVideo(file) {
    const video = element("video", { muted: true, preload: "auto", src: URL.createObjectURL(file) });
    await new Promise((ready, failed) => Object.assign(video, { onloadeddata: ready, onerror: failed }));
    let last = Promise.resolve(); // one seek after the other
    const load = (ms) => (last = last.catch(() => {}).then(async () => {
      await new Promise((ready, failed) => {
        Object.assign(video, { onseeked: ready, onerror: failed });
        video.currentTime = ms / 1000;
      });
      return createImageBitmap(video);
    }));
    // A name tells the time in milliseconds, so that clicks of another day find their frames.
    const at = (ms) => ({ name: `${String(ms).padStart(8, "0")}.jpg`, load: () => load(ms), bytes: async () => {
      const image = await load(ms), canvas = new OffscreenCanvas(image.width, image.height);
      canvas.getContext("2d").drawImage(image, 0, 0);
      return (await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 })).arrayBuffer();
    } });
    return { at, end: 1000 * video.duration };
  }

  // ---- a zip file whose members are stored as they are ----

  const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
    for (let i = 0; i < 8; i++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
  });

  function zip(members) {
    const record = (signature, fields) => { // numbers of two bytes, or of four where they say so
      const view = new DataView(new ArrayBuffer(4 + fields.reduce((sum, [size]) => sum + size, 0)));
      view.setUint32(0, signature, true);
      let place = 4;
      for (const [size, value] of fields) {
        size === 2 ? view.setUint16(place, value, true) : view.setUint32(place, value, true);
        place += size;
      }
      return view.buffer;
    };
    const parts = [], index = [];
    let offset = 0, length = 0;
    for (const [name, bytes] of members) {
      const label = new TextEncoder().encode(name), content = new Uint8Array(bytes);
      let crc = 0xffffffff;
      for (const byte of content) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
      // version, flags (a name in UTF-8), no compression, time, date (1980-01-01), checksum, sizes, length of the name
      const shared = [[2, 20], [2, 0x800], [2, 0], [2, 0], [2, 33], [4, ~crc >>> 0], [4, content.length],
        [4, content.length], [2, label.length], [2, 0]];
      const entry = record(0x02014b50, [[2, 20], ...shared, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]);
      parts.push(record(0x04034b50, shared), label, content);
      index.push(entry, label);
      offset += 30 + label.length + content.length;
      length += entry.byteLength + label.length;
    }
    const count = members.length;
    const end = record(0x06054b50, [[2, 0], [2, 0], [2, count], [2, count], [4, length], [4, offset], [2, 0]]);
    return new Blob([...parts, ...index, end], { type: "application/zip" });
  }

  function build(root) {
    const targets = [new Map()]; // of each target, by the name of a frame: [x, y]
    let frames = [], asked = [], at = 0, target = 0, seconds = [], shownAt = 0, saved = true;
    let image = null, cursor = [0, 0], zoom = 1, video = null, title = "clicks";

    const choose = element("input", { type: "file", multiple: true, accept: "image/jpeg,image/png,video/mp4,video/webm" });
    const every = element("input", { type: "number", min: 1, value: 1 });
    const interval = element("input", { type: "number", min: 0.02, step: 0.02, value: 0.2 });
    const which = element("input", { type: "number", min: 1, max: COLOURS.length, value: 1 });
    const earlier = element("input", { type: "file", accept: ".csv" });
    const canvas = element("canvas", { width: 640, height: 360, tabIndex: 0 });
    const words = element("p", { className: "summary" });
    const back = element("button", { type: "button", textContent: "Back" });
    const skip = element("button", { type: "button", textContent: "Not in sight" });
    const closer = element("button", { type: "button", textContent: "Zoom" });
    const save = element("button", { type: "button", textContent: "Save clicks.csv" });
    canvas.setAttribute("role", "application");
    words.setAttribute("role", "status");
    root.replaceChildren(
      element("div", { className: "controls" },
        element("label", {}, "Images of one video, or an mp4 or webm ", choose),
        element("label", {}, "click one image of every ", every),
        element("label", {}, "of a video, a frame every ", interval, " s"),
        element("label", {}, "target ", which),
        element("label", {}, "go on from a clicks.csv ", earlier)),
      canvas, element("div", { className: "controls" }, back, skip, closer, save), words);

    const clicks = () => targets[target];
    const packed = () => video || targets.filter((each) => each.size).length > 1; // more than a clicks.csv

    // The part of the image that is shown: left, top, width and height.
    function shown() {
      const [w, h] = [image.width / zoom, image.height / zoom];
      return [clamp(cursor[0] + 0.5 - w / 2, 0, image.width - w), clamp(cursor[1] + 0.5 - h / 2, 0, image.height - h), w, h];
    }

    function cross([x, y], colour) {
      const context = canvas.getContext("2d"), arm = canvas.width / 40, [left, top] = shown();
      const [px, py] = [(x + 0.5 - left) * zoom, (y + 0.5 - top) * zoom];
      for (const [style, width] of [["#000000", arm / 3], [colour, arm / 6]]) {
        Object.assign(context, { strokeStyle: style, lineWidth: width });
        context.beginPath();
        for (const [dx, dy] of [[arm, 0], [0, arm]]) {
          context.moveTo(px - dx, py - dy);
          context.lineTo(px + dx, py + dy);
        }
        context.stroke();
      }
    }

    function paint() {
      const context = canvas.getContext("2d"), name = asked[at].name, click = clicks().get(name);
      context.imageSmoothingEnabled = zoom === 1;
      context.drawImage(image, ...shown(), 0, 0, canvas.width, canvas.height);
      targets.forEach((each, i) => each.get(name) && cross(each.get(name), COLOURS[i]));
      if (!click && document.activeElement === canvas) cross(cursor, "#ffffff");
      canvas.setAttribute("aria-label", `${name}, image ${at + 1} of ${asked.length}, target ${target + 1}, ` +
        (click ? `clicked at ${click.join(", ")}` : `cross at ${cursor.join(", ")}; arrow keys move it, Enter clicks`));
    }

    function tell(problem = "") {
      const left = asked.filter((frame) => !clicks().has(frame.name)).length, pace = seconds.length ? middle(seconds) : 0;
      root.dataset.clicks = clicks().size;
      root.dataset.at = asked.length ? asked[at].name : "";
      words.textContent = problem || (!asked.length ? "Choose the images of one video, or a video." :
        `${targets.length > 1 ? `Target ${target + 1}: ` : ""}${clicks().size} clicked, ${left} of ${asked.length} without a click` +
        (pace ? `; ${pace.toFixed(1)} s a click, so about ${minutes(left * pace)} to go. Boxes around all of ` +
          `them would take about ${minutes(COST * pace * asked.length)}, at ${COST} times a click.` : "."));
      save.textContent = packed() ? `Save ${title}.zip` : "Save clicks.csv";
      const none = targets.every((each) => !each.size);
      [back.disabled, skip.disabled, save.disabled] = [!asked.length || !at, !asked.length, none];
    }

    async function go(to) {
      if (!asked.length) return tell();
      at = clamp(to, 0, asked.length - 1);
      const frame = asked[at];
      let next;
      try {
        next = await frame.load();
      } catch {
        return tell(`${frame.name} is no image that this browser can show.`);
      }
      if (frame !== asked[at]) return; // another one was asked for meanwhile
      if (!image || image.width !== next.width) cursor = [next.width >> 1, next.height >> 1];
      [image, canvas.width, canvas.height] = [next, next.width, next.height];
      shownAt = performance.now();
      paint();
      tell();
    }

    function click(x, y) {
      if (!image) return;
      const inside = (value, size) => clamp(Math.round(value * 10) / 10, 0, size - 1);
      cursor = [inside(x, image.width), inside(y, image.height)];
      clicks().set(asked[at].name, cursor);
      seconds.push((performance.now() - shownAt) / 1000);
      saved = false;
      go(at + 1);
    }

    function ask() {
      if (video) {
        const step = Math.max(20, Math.round(1000 * Number(interval.value)) || 200), times = new Set();
        for (let ms = 0; ms < video.end; ms += step) times.add(ms);
        for (const each of targets) for (const name of each.keys()) times.add(number(name));
        frames = asked = [...times].sort((a, b) => a - b).map(video.at);
      } else {
        const step = Math.max(1, Math.floor(Number(every.value)) || 1);
        asked = frames.filter((_, i) => i % step === 0);
      }
      go(Math.max(0, asked.findIndex((frame) => !clicks().has(frame.name))));
    }

    function turnTo(wanted) {
      target = clamp(wanted, 0, Math.min(targets.length, COLOURS.length - 1));
      if (target === targets.length) targets.push(new Map());
      which.value = target + 1;
      seconds = [];
      ask();
    }

    function magnify(wanted) {
      zoom = wanted;
      if (image) paint();
    }

    choose.addEventListener("change", async () => {
      const files = [...choose.files], film = files.find((file) => file.type.startsWith("video/"));
      [frames, asked, video, title] = [[], [], null, "clicks"];
      if (film) {
        title = film.name.replace(/\.[^.]*$/, "");
        try {
          video = await openVideo(film);
        } catch {
          return tell(`${film.name} is no video that this browser can show; cut it with socl data frames.`);
        }
        return ask();
      }
      const bad = files.find((file) => Number.isNaN(number(file.name)));
      if (bad) return tell(`${bad.name} has no frame number: expected names such as 0001.jpg.`);
      frames = imageFrames(files.sort((a, b) => number(a.name) - number(b.name)));
      ask();
    });
    for (const field of [every, interval]) field.addEventListener("change", ask);
    which.addEventListener("change", () => turnTo(Math.floor(Number(which.value)) - 1 || 0));
    earlier.addEventListener("change", async () => {
      const [head, ...rows] = (await earlier.files[0].text()).trim().split(/\r?\n/);
      if (head.trim() !== "image,x,y") return tell("That file is no clicks.csv: its first line is not image,x,y.");
      for (const row of rows) {
        const [name, x, y] = row.split(",");
        clicks().set(name, [Number(x), Number(y)]);
      }
      ask();
    });
    canvas.addEventListener("click", (event) => {
      // Pixel i covers i - 1/2 .. i + 1/2.
      const box = canvas.getBoundingClientRect(), [left, top, w, h] = shown();
      click(left + ((event.clientX - box.left) / box.width) * w - 0.5, top + ((event.clientY - box.top) / box.height) * h - 0.5);
    });
    canvas.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      const action = {
        Enter: () => click(...cursor),
        PageDown: () => go(at + 1),
        PageUp: () => go(at - 1),
        "+": () => magnify(Math.min(2 * zoom, 8)),
        "-": () => magnify(Math.max(zoom / 2, 1)),
      }[event.key] ?? (/^[1-7]$/.test(event.key) ? () => turnTo(Number(event.key) - 1) : null);
      if (!image || !(move || action)) return;
      event.preventDefault();
      if (action) return action();
      const size = [image.width, image.height], step = event.shiftKey ? 1 : 8;
      cursor = cursor.map((value, i) => clamp(value + step * move[i], 0, size[i] - 1));
      clicks().delete(asked[at].name);
      paint();
    });
    for (const kind of ["focus", "blur"]) canvas.addEventListener(kind, () => image && paint());
    back.addEventListener("click", () => go(at - 1));
    closer.addEventListener("click", () => magnify(zoom < 8 ? 2 * zoom : 1));
    skip.addEventListener("click", () => {
      clicks().delete(asked[at].name);
      go(at + 1);
    });

    function table(each) {
      const rows = frames.filter((frame) => each.has(frame.name)).map((frame) => [frame.name, ...each.get(frame.name)]);
      return [["image", "x", "y"], ...rows].map((row) => row.join(",")).join("\n") + "\n";
    }

    async function everything() {
      const members = [];
      for (const [i, each] of targets.entries()) {
        if (!each.size) continue;
        const folder = i ? `${title}-${i + 1}` : title;
        members.push([`${folder}/clicks.csv`, new TextEncoder().encode(table(each))]);
        for (const frame of frames.filter((one) => each.has(one.name))) {
          members.push([`${folder}/${frame.name}`, await frame.bytes()]);
        }
      }
      return zip(members);
    }

    save.addEventListener("click", async () => {
      const blob = packed() ? await everything() : new Blob([table(targets.find((each) => each.size))]);
      const link = element("a", { download: packed() ? `${title}.zip` : "clicks.csv", href: URL.createObjectURL(blob) });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000); // the browser may not have read it yet
      saved = true;
    });
    addEventListener("beforeunload", (event) => saved || event.preventDefault());
    tell();
  }

  document.querySelectorAll(".socl-click").forEach(build);
})();
