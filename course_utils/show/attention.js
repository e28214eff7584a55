// Brings a picture of attention to life. DATA holds the tokens and, in percent, the weights [head][row][column].
(() => {
  const DATA = __DATA__;
  const make = (tag, attributes = {}, text = "") => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.textContent = text;
    return node;
  };

  function start(root) {
    const bytes = Uint8Array.from(atob(root.querySelector("img").src.split(",")[1]), (c) => c.charCodeAt(0));
    const parsed = new DOMParser().parseFromString(new TextDecoder().decode(bytes), "image/svg+xml");
    const svg = document.importNode(parsed.documentElement, true);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", DATA.alt);
    const say = make("div", { class: "say", "aria-live": "polite" });
    const line = (name, nodes, more = {}) => {
      const row = make("div", { class: "line", ...more });
      row.append(make("span", { class: "name" }, name), ...nodes);
      return row;
    };
    const buttons = (texts) => texts.map((text) => make("button", { type: "button" }, text));
    const heads = buttons(DATA.weights.map((_, h) => `${h + 1}`));
    const asks = buttons(DATA.rows);
    const keys = DATA.columns.map((text) => make("span", { class: "key" }, text));
    for (const key of keys) key.append(make("small"));
    const view = make("div", { class: "view" });
    if (DATA.title) view.append(make("div", { class: "title" }, DATA.title));
    if (heads.length > 1) view.append(line("head", heads, { role: "group", "aria-label": "Choose a head" }));
    view.append(line("this token", asks, { role: "group", "aria-label": "Choose a token. Arrow keys move." }),
      line("looks at", keys), say, make("div", { class: "name" }, "Point at a token or at a picture; click to keep it."), svg);
    root.replaceChildren(root.querySelector("style"), view);
    // JupyterLab would take plain keys for its own: the arrows, and a letter such as "a" adds a cell.
    root.addEventListener("keydown", (event) => event.stopPropagation());
    const panels = [...svg.querySelectorAll(".head")];

    let head = 0, row = 0, kept = null; // kept: the row that was clicked, to which the view returns
    const draw = () => {
      const weights = DATA.weights[head][row];
      keys.forEach((key, k) => {
        key.style.background = `rgba(var(--shade),${weights[k] / 100})`;
        key.lastChild.textContent = `${weights[k]} %`;
      });
      for (const [nodes, chosen] of [[heads, head], [asks, row]]) nodes.forEach((node, i) => {
        node.setAttribute("aria-pressed", i === chosen);
        node.tabIndex = i === chosen ? 0 : -1;
      });
      panels.forEach((panel, h) => {
        panel.classList.toggle("chosen", h === head);
        panel.querySelector(".row").setAttribute("y", row * DATA.cell);
      });
      const best = [...weights.keys()].sort((a, b) => weights[b] - weights[a]).slice(0, 3).filter((k) => weights[k] > 0);
      const who = heads.length > 1 ? `In head ${head + 1}, token ${row + 1}` : `Token ${row + 1}`;
      say.textContent = `${who}, ${DATA.rows[row]}, looks at ${best.map((k) => `${DATA.columns[k]} ${weights[k]} %`).join(", ")}`;
    };
    const pick = (h, r) => { head = h; row = r; draw(); };

    const move = (nodes, i, act) => (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      const next = (i + step + nodes.length) % nodes.length;
      act(next);
      nodes[next].focus();
    };
    const choose = (r) => { kept = r; pick(head, r); };
    heads.forEach((node, h) => {
      node.onclick = () => pick(h, row);
      node.onkeydown = move(heads, h, (next) => pick(next, row));
    });
    asks.forEach((node, r) => {
      node.onpointerenter = () => pick(head, r);
      node.onpointerleave = () => { if (kept !== null) pick(head, kept); };
      node.onclick = () => choose(r);
      node.onfocus = () => pick(head, r);
      node.onkeydown = move(asks, r, choose);
    });
    panels.forEach((panel, h) => {
      const frame = panel.querySelector(".f");
      const at = (event) => {
        const box = frame.getBoundingClientRect();
        const r = Math.floor(((event.clientY - box.top) / box.height) * DATA.rows.length);
        return Math.max(0, Math.min(DATA.rows.length - 1, r));
      };
      frame.onpointermove = (event) => pick(h, at(event));
      frame.onclick = (event) => { kept = at(event); pick(h, kept); };
    });

    // The page is dark when its text is light: true of JupyterLab, of Colab and of the site.
    const suit = () => {
      const rgb = getComputedStyle(root).color.match(/[\d.]+/g).map(Number);
      root.classList.toggle("dark", 0.3 * rgb[0] + 0.6 * rgb[1] + 0.1 * rgb[2] > 140);
    };
    const watch = new MutationObserver(suit);
    for (const page of [document.documentElement, document.body]) watch.observe(page, { attributes: true });
    suit();
    draw();
  }

  for (const root of document.querySelectorAll('.course-attention[data-attention="__ID__"]:not([data-on])')) {
    root.dataset.on = "yes";
    start(root);
  }
})();
