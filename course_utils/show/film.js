// Turns the still picture of a film into a player. DATA holds all frames in one strip, one below the other.
(() => {
  const DATA = __DATA__;
  const PAUSE = 90; // milliseconds that a frame stays
  const make = (tag, attributes = {}, text = "") => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.textContent = text;
    return node;
  };

  function start(root) {
    const { captions, width, height, zoom } = DATA, last = captions.length - 1;
    const canvas = make("canvas", { width, height, role: "img", "aria-label": DATA.alt });
    canvas.style.width = `${width * zoom}px`;
    const play = make("button", { type: "button" }, "play");
    const slider = make("input", { type: "range", min: 0, max: last, value: 0, "aria-label": "Frame" });
    const say = make("div", { "aria-live": "polite" });
    const bar = make("div", { class: "bar" });
    bar.append(play, slider);
    const pen = canvas.getContext("2d"), strip = new Image();
    let timer = null;
    // JupyterLab would take plain keys for its own: the arrows, and a letter such as "a" adds a cell.
    root.addEventListener("keydown", (event) => event.stopPropagation());

    const draw = () => {
      const k = +slider.value;
      pen.drawImage(strip, 0, k * height, width, height, 0, 0, width, height);
      slider.setAttribute("aria-valuetext", captions[k]);
      say.textContent = captions[k];
    };
    const stop = () => {
      clearInterval(timer);
      timer = null;
      play.textContent = "play";
      say.setAttribute("aria-live", "polite");
    };
    const step = () => {
      if (+slider.value >= last) return stop();
      slider.value = +slider.value + 1;
      draw();
    };
    play.onclick = () => {
      if (timer !== null) return stop();
      if (+slider.value >= last) slider.value = 0;
      draw();
      play.textContent = "pause";
      say.setAttribute("aria-live", "off"); // nobody wants every frame read out
      timer = setInterval(step, PAUSE);
    };
    slider.oninput = () => { stop(); draw(); };
    strip.onload = () => {
      root.replaceChildren(root.querySelector("style"), canvas, bar, say);
      draw();
    };
    strip.src = DATA.strip;
  }

  for (const root of document.querySelectorAll('.course-film[data-film="__ID__"]:not([data-on])')) {
    root.dataset.on = "yes";
    start(root);
  }
})();
