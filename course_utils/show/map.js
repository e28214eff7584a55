// Brings a map of words to life. DATA holds the words with their places; the page replaces it.
(() => {
  const DATA = __DATA__;
  const NS = "http://www.w3.org/2000/svg";
  const WIDTH = 720, HEIGHT = 480, MARGIN = 40;
  const make = (tag, attributes = {}, text = "", ns = null) => {
    const node = ns ? document.createElementNS(ns, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.textContent = text;
    return node;
  };

  function start(root) {
    const search = make("input", { type: "search", placeholder: "Search", "aria-label": "Search the words" });
    const bar = make("div", { class: "bar" });
    const say = make("div", { class: "say", "aria-live": "polite" }, DATA.hint);
    const svg = make("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`, tabindex: "0", role: "img", "aria-label": DATA.alt,
    }, "", NS);
    const button = (text, label, act) => {
      const node = make("button", { type: "button", "aria-label": label }, text);
      node.onclick = act;
      return node;
    };
    const home = () => { view = { x: WIDTH / 2, y: HEIGHT / 2, zoom: 1 }; draw(); };
    bar.append(search, button("+", "Zoom in", () => zoom(1.5)), button("−", "Zoom out", () => zoom(1 / 1.5)),
      button("⌂", "Show all", home), say);
    root.replaceChildren(root.querySelector("style"), bar, svg);
    // JupyterLab would take plain keys for its own: the arrows, and a letter such as "a" adds a cell.
    root.addEventListener("keydown", (event) => event.stopPropagation());

    const nodes = DATA.words.map((word, i) => {
      const group = make("g", {}, "", NS);
      const colour = DATA.colours[i];
      group.append(make("circle", { r: 2.5, fill: colour }, "", NS), make("text", { x: 5, y: 3.5, fill: colour }, word, NS));
      group.onpointerenter = () => { if (kept === null) light(i); };
      group.onpointerleave = () => { if (kept === null) light(null); };
      group.onclick = () => { kept = kept === i ? null : i; light(kept); };
      svg.append(group);
      return group;
    });
    let view = { x: WIDTH / 2, y: HEIGHT / 2, zoom: 1 }, kept = null, lit = new Set();

    // Every dot is drawn; a label where no label before it stands, and always those of the lit words.
    const draw = () => {
      const taken = [];
      const order = [...lit, ...DATA.words.keys()];
      const place = DATA.points.map(([x, y]) => [
        (MARGIN + x * (WIDTH - 2 * MARGIN) - view.x) * view.zoom + WIDTH / 2,
        (MARGIN + (1 - y) * (HEIGHT - 2 * MARGIN) - view.y) * view.zoom + HEIGHT / 2,
      ]);
      const done = new Set();
      for (const i of order) {
        if (done.has(i)) continue;
        done.add(i);
        const [x, y] = place[i];
        const box = [x, y - 7, x + 8 + 6.4 * DATA.words[i].length, y + 7];
        const inside = x > -20 && x < WIDTH + 20 && y > -20 && y < HEIGHT + 20;
        const free = !taken.some((b) => b[0] < box[2] && box[0] < b[2] && b[1] < box[3] && box[1] < b[3]);
        nodes[i].setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
        nodes[i].style.display = inside ? "" : "none";
        nodes[i].lastChild.style.display = free || lit.has(i) ? "" : "none";
        nodes[i].classList.toggle("off", lit.size > 0 && !lit.has(i));
        if (inside && (free || lit.has(i))) taken.push(box);
      }
    };
    const light = (i) => {
      lit = i === null ? new Set() : new Set([i, ...DATA.near[i]]);
      say.textContent = i === null ? DATA.hint : `${DATA.words[i]}: near ${DATA.near[i].map((j) => DATA.words[j]).join(", ")}`;
      draw();
    };
    const zoom = (factor) => { view.zoom = Math.min(20, Math.max(0.7, view.zoom * factor)); draw(); };
    const pan = (x, y) => { view.x -= x / view.zoom; view.y -= y / view.zoom; draw(); };
    search.oninput = () => {
      const wanted = search.value.trim().toLowerCase();
      let i = DATA.words.findIndex((word) => word.toLowerCase() === wanted);
      if (i < 0 && wanted) i = DATA.words.findIndex((word) => word.toLowerCase().startsWith(wanted));
      kept = i < 0 ? null : i;
      if (kept === null) { light(null); if (wanted) say.textContent = `${wanted} is not on the map`; return; }
      const [x, y] = DATA.points[i];
      view = { x: MARGIN + x * (WIDTH - 2 * MARGIN), y: MARGIN + (1 - y) * (HEIGHT - 2 * MARGIN), zoom: Math.max(view.zoom, 3) };
      light(i);
    };
    let drag = null;
    svg.onpointerdown = (event) => { drag = [event.clientX, event.clientY]; };
    svg.onpointermove = (event) => {
      if (!drag || !event.buttons) return;
      const scale = WIDTH / svg.getBoundingClientRect().width;
      pan((event.clientX - drag[0]) * scale, (event.clientY - drag[1]) * scale);
      drag = [event.clientX, event.clientY];
    };
    svg.onpointerup = () => { drag = null; };
    // Without Ctrl the wheel scrolls the page, as everywhere.
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2);
    }, { passive: false });
    svg.onkeydown = (event) => {
      const act = {
        ArrowLeft: () => pan(40, 0), ArrowRight: () => pan(-40, 0), ArrowUp: () => pan(0, 40), ArrowDown: () => pan(0, -40),
        "+": () => zoom(1.5), "-": () => zoom(1 / 1.5), Escape: () => { kept = null; light(null); },
      }[event.key];
      if (act) { event.preventDefault(); act(); }
    };
    draw();
  }
  for (const root of document.querySelectorAll('[data-map="__ID__"]')) if (root.querySelector("img")) start(root);
})();
