// Brings the family tree to life. DATA holds the systems and what is highlighted; the page replaces it.
(() => {
  const DATA = __DATA__;
  const systems = new Map(DATA.systems.map((s) => [s.id, s]));
  const children = new Map(DATA.systems.map((s) => [s.id, []]));
  for (const s of DATA.systems) for (const p of s.parents) children.get(p).push(s.id);
  const closure = (id, next) => {
    const found = new Set();
    const todo = [id];
    while (todo.length) for (const n of next(todo.pop())) if (!found.has(n)) { found.add(n); todo.push(n); }
    return found;
  };
  const ancestors = (id) => closure(id, (i) => systems.get(i).parents);
  const descendants = (id) => closure(id, (i) => children.get(i));
  const make = (tag, text, attributes = {}) => {
    const node = document.createElement(tag);
    if (text) node.textContent = text;
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };

  // Where the page has an address for a system, its box becomes a link.
  const linked = (node) => {
    if (!DATA.links?.[node.dataset.id]) return node;
    const link = document.createElementNS(node.namespaceURI, "a");
    for (const { name, value } of node.attributes) link.setAttribute(name, value);
    link.setAttribute("href", DATA.links[node.dataset.id][0]);
    link.append(...node.childNodes);
    node.replaceWith(link);
    return link;
  };
  const lesson = (s) => {
    if (!DATA.links) return `lesson ${String(s.lesson).padStart(2, "0")}`;
    if (!DATA.links[s.id]) return `lesson ${String(s.lesson).padStart(2, "0")} is not written yet`;
    return make("a", DATA.links[s.id][1], { href: DATA.links[s.id][0] });
  };

  function start(root) {
    const img = root.querySelector("img");
    const bytes = Uint8Array.from(atob(img.src.split(",")[1]), (c) => c.charCodeAt(0));
    const parsed = new DOMParser().parseFromString(new TextDecoder().decode(bytes), "image/svg+xml");
    const svg = document.importNode(parsed.documentElement, true);
    svg.querySelector("style").remove();
    svg.removeAttribute("height");
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-label", `Family tree of the systems. Arrow keys move, Enter ${DATA.links ? "goes to the lesson" : "keeps, Escape lets go"}.`);
    const nodes = new Map([...svg.querySelectorAll(".n")].map((n) => [n.dataset.id, linked(n)]));
    const lines = [...svg.querySelectorAll(".e")];
    const search = make("input", "", { type: "search", placeholder: "Search", "aria-label": "Search the systems" });
    const ways = DATA.links ? "click to go to its lesson" : "click to keep it";
    const hint = make("span", `Point at a system, or use the arrow keys; ${ways}.`);
    const bar = make("div", "", { class: "bar" });
    bar.append(search, hint);
    const panel = make("div", "", { class: "panel", "aria-live": "polite" });
    const head = make("div", "", { class: "head" });
    head.append(bar, panel);
    const scroll = make("div", "", { class: "scroll" });
    scroll.append(svg);
    root.replaceChildren(root.querySelector("style"), head, scroll);
    // JupyterLab would take plain keys for its own: the arrows, and a letter such as "a" adds a cell.
    root.addEventListener("keydown", (event) => event.stopPropagation());

    let kept = null;
    // Lights up the chosen systems, the circles of systems around them, and the lines inside each circle.
    const light = (chosen, ...circles) => {
      const on = chosen.size > 0;
      for (const [id, node] of nodes) {
        node.classList.toggle("off", on && !chosen.has(id) && !circles.some((c) => c.has(id)));
        node.classList.toggle("chosen", chosen.has(id));
      }
      for (const line of lines) {
        const inside = circles.some((c) => c.has(line.dataset.p) && c.has(line.dataset.c));
        line.classList.toggle("on", inside);
        line.classList.toggle("off", on && !inside);
      }
    };
    const name = (id) => systems.get(id).label;
    const chips = (title, ids) => {
      const row = make("div", title, { class: "chips" });
      for (const id of ids) {
        const chip = make("button", name(id), { type: "button" });
        chip.onclick = () => keep(id);
        row.append(" ", chip);
      }
      return row;
    };
    const describe = (id) => {
      const s = systems.get(id);
      const title = make("div", "", { class: "title" });
      title.append(make("b", s.name));
      if (s.zh) title.append(" ", make("span", s.zh, { lang: "zh" }));
      title.append(` · ${[s.year, s.organisation, DATA.groups[s.group]].filter(Boolean).join(" · ")}`);
      title.append(" · ", lesson(s));
      if (s.link) {
        const link = make("a", s.title, { href: s.link, target: "_blank", rel: "noopener" });
        title.append(" · ", link);
      }
      panel.replaceChildren(title, make("div", [s.mechanism, s.note].filter(Boolean).join(" ")));
      if (s.parents.length) panel.append(chips("Built from", s.parents));
      if (children.get(id).length) panel.append(chips("Built on it", children.get(id)));
    };
    const show = (id) => {
      light(new Set([id]), ancestors(id).add(id), descendants(id).add(id));
      describe(id);
    };
    const rest = () => {
      if (kept) return show(kept);
      light(new Set(DATA.highlight), new Set(DATA.highlight.flatMap((id) => [id, ...ancestors(id)])));
      panel.replaceChildren(make("div", DATA.summary), chips("Start with", DATA.start));
    };
    const keep = (id) => {
      kept = id;
      id ? show(id) : rest();
      if (id && nodes.has(id)) focusOn(id);
    };

    // One node at a time is in the tab order; arrow keys move along the reading order.
    const order = [...nodes.keys()].sort((a, b) => position(a)[1] - position(b)[1] || position(a)[0] - position(b)[0]);
    function position(id) {
      return nodes.get(id).getAttribute("transform").match(/[\d.]+/g).map(Number);
    }
    function focusOn(id) {
      for (const [other, node] of nodes) node.setAttribute("tabindex", other === id ? "0" : "-1");
      nodes.get(id).focus({ preventScroll: false });
    }
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    for (const [id, node] of nodes) {
      const s = systems.get(id);
      const goes = node.hasAttribute("href");
      if (!goes) node.setAttribute("role", "button");
      node.classList.toggle("unwritten", !!DATA.links && !goes);
      node.setAttribute("tabindex", id === order[0] ? "0" : "-1");
      node.setAttribute("aria-label", [s.name, s.year, s.organisation, s.mechanism].filter(Boolean).join(". "));
      // What was searched stays: the picture moves under a pointer that rests while the panel grows.
      node.onpointerenter = () => kept || search.value || show(id);
      node.onpointerleave = () => kept || search.value || rest();
      node.onfocus = () => kept || show(id);
      node.onblur = () => kept || rest();
      if (!goes) node.onclick = () => keep(kept === id ? null : id);
      node.onkeydown = (event) => {
        if (event.key in steps) {
          const next = order[(order.indexOf(id) + steps[event.key] + order.length) % order.length];
          kept = null;
          focusOn(next);
        } else if (!goes && (event.key === "Enter" || event.key === " ")) keep(kept === id ? null : id);
        else if (event.key === "Escape") keep(null);
        else return;
        event.preventDefault();
        event.stopPropagation();
      };
    }

    const text = (s) => [s.id, s.name, s.label, s.zh, s.year, s.organisation, s.title, s.mechanism].join(" ").toLowerCase();
    const texts = new Map(DATA.systems.map((s) => [s.id, text(s)]));
    search.oninput = () => {
      const wanted = search.value.trim().toLowerCase();
      kept = null;
      if (!wanted) return rest();
      const found = DATA.systems.filter((s) => texts.get(s.id).includes(wanted)).map((s) => s.id);
      const first = found.filter((id) => name(id).toLowerCase().includes(wanted));
      light(new Set(found.length ? found : ["none"]));
      panel.replaceChildren(chips(`${found.length} found`, [...new Set([...first, ...found])].slice(0, 24)));
    };
    search.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === "Escape") { search.value = ""; search.oninput(); }
      if (event.key === "Enter") panel.querySelector("button")?.click();
    };

    // The page is dark when its text is light: true of JupyterLab, of Colab and of the site.
    const suit = () => {
      const rgb = getComputedStyle(root).color.match(/[\d.]+/g).map(Number);
      root.classList.toggle("dark", 0.3 * rgb[0] + 0.6 * rgb[1] + 0.1 * rgb[2] > 140);
    };
    const watch = new MutationObserver(suit);
    for (const page of [document.documentElement, document.body]) watch.observe(page, { attributes: true });
    suit();
    rest();
  }

  for (const root of document.querySelectorAll('.course-tree[data-tree="__ID__"]:not([data-on])')) {
    root.dataset.on = "yes";
    start(root);
  }
})();
