// Plays the boxes of a run over the frames that the page's other script holds. Works from file:// with no network.
(() => {
  const clip = window.soclClip, [WHITE, ORANGE] = ["#ffffff", "#e69f00"];

  function draw(context, box, colour) {
    if (!box) return;
    const place = box.map((value) => value * clip.scale);
    for (const [style, width] of [["#000000", 4], [colour, 2]]) {
      Object.assign(context, { strokeStyle: style, lineWidth: width });
      context.strokeRect(...place);
    }
  }

  async function show(figure) {
    const canvas = figure.querySelector("canvas"), context = canvas.getContext("2d");
    const boxes = JSON.parse(figure.dataset.boxes);
    [canvas.width, canvas.height] = clip.size;
    const images = await Promise.all(clip.frames.map(async (frame) => {
      const image = new Image();
      image.src = `data:image/jpeg;base64,${frame}`;
      await image.decode();
      return image;
    }));
    const button = document.createElement("button"), slider = document.createElement("input");
    const controls = document.createElement("div");
    controls.className = "controls";
    Object.assign(button, { type: "button", textContent: "Play" });
    Object.assign(slider, { type: "range", min: 0, max: images.length - 1, value: 0, ariaLabel: "frame" });
    controls.append(button, slider);
    canvas.after(controls);

    function paint() {
      const i = Number(slider.value);
      context.drawImage(images[i], 0, 0);
      draw(context, clip.truth[i], WHITE);
      draw(context, boxes[clip.indices[i]], ORANGE);
      slider.ariaValueText = `frame ${clip.indices[i] + 1}`;
      figure.dataset.frame = clip.indices[i];
    }
    let timer = 0;
    function play(on) {
      clearInterval(timer);
      timer = on ? setInterval(() => { slider.value = (Number(slider.value) + 1) % images.length; paint(); }, 80) : 0;
      button.textContent = on ? "Pause" : "Play";
    }
    button.addEventListener("click", () => play(!timer));
    slider.addEventListener("input", () => { play(false); paint(); });
    paint();
  }

  if (clip) document.querySelectorAll(".socl-player").forEach(show);
})();
