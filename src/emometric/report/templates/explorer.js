// The map of embeddings: Vega-Lite draws it and moves it; this gives it clips and colours, and says
// what lies under the pointer, the finger or the arrow keys.
(() => {
  const root = document.getElementById("explorer");
  if (!root) return;
  const maps = JSON.parse(document.getElementById("explorer-maps").textContent);
  const outlines = JSON.parse(document.getElementById("explorer-outlines").textContent);
  const find = (name) => root.querySelector(`[data-part=${name}]`);
  const [chart, card, legend, said] = ["chart", "card", "legend", "said"].map(find);
  const [which, colourBy, tested, wanted, names] =
    ["which", "colour", "tested", "wanted", "names"].map(find);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let view, map, rows, chosen = -1, pinned = false;

  const make = (tag, text, attributes = {}) => {
    const made = document.createElement(tag);
    if (text !== null) made.textContent = text;
    for (const [name, set] of Object.entries(attributes)) made.setAttribute(name, set);
    return made;
  };
  const mark = (outline, colour) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "-1 -1 2 2");
    svg.setAttribute("class", "mark");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", outline);
    path.setAttribute("fill", colour);
    svg.append(path);
    return svg;
  };
  const emotionMark = (emotion) => {
    const key = map.keys.emotion.find(([label]) => label === emotion);
    return mark(outlines[emotion] ?? outlines.neutral, key ? key[dark.matches ? 2 : 1] : "gray");
  };

  // -- What is drawn
  const palette = () => Object.fromEntries(
    Object.entries(map.keys).map(([colouring, keys]) =>
      [colouring, Object.fromEntries(keys.map((key) => [key[0], key[dark.matches ? 2 : 1]]))]));
  const inks = () => {
    const style = getComputedStyle(document.documentElement);
    view.signal("ink", style.getPropertyValue("--ink").trim())
      .signal("surface", style.getPropertyValue("--surface").trim())
      .signal("palette", palette());
  };
  const fit = () => {
    // One unit is as long across as upwards: t-SNE's shape is the data's, not the window's.
    const { x, y } = map.columns;
    const [width, height] = [chart.clientWidth, chart.clientHeight];
    const ends = (values) => values.reduce(
      ([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);
    const [[left, right], [down, up]] = [ends(x), ends(y)];
    const unit = 1.08 * Math.max((right - left) / width, (up - down) / height, 1e-9);
    const around = (low, high, size) => [(low + high - size) / 2, (low + high + size) / 2];
    const [across, upwards] = [around(left, right, unit * width), around(down, up, unit * height)];
    view.signal("x_low", across[0]).signal("x_high", across[1])
      .signal("y_low", upwards[0]).signal("y_high", upwards[1])
      .signal("grid_x", across).signal("grid_y", upwards)
      .signal("dot", Math.min(110, Math.max(22, (0.09 * width * height) / rows.length)));
    moved(false);
  };
  const moved = (is) => chart.classList.toggle("moved", is); // then a finger moves the map
  const reach = (axis) => view.scale(axis).domain();
  const zoom = (factor) => {
    for (const axis of ["x", "y"]) {
      const [low, high] = reach(axis);
      const half = (factor * (high - low)) / 2;
      view.signal(`grid_${axis}`, [(low + high) / 2 - half, (low + high) / 2 + half]);
    }
    moved(true);
    view.runAsync().then(place);
  };
  const pan = (right, up) => {
    for (const [axis, share] of [["x", right], ["y", up]]) {
      const [low, high] = reach(axis);
      view.signal(`grid_${axis}`, [low + share * (high - low), high + share * (high - low)]);
    }
    moved(true);
    view.runAsync().then(place);
  };

  // -- The clip looked at
  const position = (row) =>
    [view.scale("x")(rows[row].x), view.scale("y")(rows[row].y)];
  const place = () => {
    if (chosen < 0 || card.hidden) return;
    const [x, y] = position(chosen);
    const [width, height] = [chart.clientWidth, chart.clientHeight];
    const left = x + 18 + card.offsetWidth > width ? x - 18 - card.offsetWidth : x + 18;
    const top = y + 18 + card.offsetHeight > height ? y - 18 - card.offsetHeight : y + 18;
    card.style.left = `${Math.max(4, Math.min(left, width - card.offsetWidth - 4))}px`;
    card.style.top = `${Math.max(4, Math.min(top, height - card.offsetHeight - 4))}px`;
  };
  const fill = (row) => {
    const list = make("dl", null);
    const line = (name, ...contents) => {
      const cell = make("dd", null);
      cell.append(...contents);
      list.append(make("dt", name), cell);
    };
    line("speaker", row.speaker);
    line("truth", emotionMark(row.emotion), ` ${row.emotion}`);
    if (row.predicted) line("predicted", emotionMark(row.predicted), ` ${row.predicted}`);
    line("part", row.role);
    if (row.activation_value !== null) line("activation", row.activation_value.toFixed(2));
    const near = map.near[row.row].map((other) => rows[other]);
    line(`nearest in ${map.near_in}`, ...near.flatMap((other) => {
      const one = make("div", null);
      one.append(emotionMark(other.emotion), ` ${other.clip}, ${other.emotion}`);
      return [one];
    }));
    card.replaceChildren(make("strong", row.clip), list);
  };
  const choose = (row, aloud = false) => {
    if (row === chosen) return;
    chosen = row;
    card.hidden = row < 0;
    if (row >= 0) {
      fill(rows[row]);
      view.signal("chosen_x", rows[row].x).signal("chosen_y", rows[row].y);
    }
    view.signal("chosen", row).signal("near", row < 0 ? [] : map.near[row]);
    view.runAsync().then(place);
    if (aloud) said.textContent = row < 0 ? "" : card.innerText;
  };
  const seen = (row) => (!tested.checked || rows[row].role === "test");
  const nearest = (x, y, within) => {
    let [best, least] = [-1, within * within];
    for (let row = 0; row < rows.length; row += 1) {
      if (!seen(row)) continue;
      const [left, top] = position(row);
      const far = (left - x) ** 2 + (top - y) ** 2;
      if (far < least) [best, least] = [row, far];
    }
    return best;
  };
  const step = (right, down) => {
    if (chosen < 0) return nearest(chart.clientWidth / 2, chart.clientHeight / 2, Infinity);
    const [x, y] = position(chosen);
    let [best, least] = [chosen, Infinity];
    for (let row = 0; row < rows.length; row += 1) {
      if (row === chosen || !seen(row)) continue;
      const [left, top] = position(row);
      const along = (left - x) * right + (top - y) * down;
      const aside = Math.abs((left - x) * down) + Math.abs((top - y) * right);
      if (along > 0.5 && along + 3 * aside < least) [best, least] = [row, along + 3 * aside];
    }
    return best;
  };

  // -- Controls
  const drawLegend = () => {
    legend.replaceChildren(...map.keys[colourBy.value].map(([label, light, night, clips]) => {
      const button = make("button", null, { type: "button", "aria-pressed": "false" });
      const outline = colourBy.value === "emotion" ? outlines[label] : undefined;
      button.append(mark(outline ?? outlines.happiness, dark.matches ? night : light), label);
      button.append(make("small", String(clips)));
      button.addEventListener("click", () => {
        const on = button.getAttribute("aria-pressed") !== "true";
        for (const other of legend.children) other.setAttribute("aria-pressed", "false");
        button.setAttribute("aria-pressed", String(on));
        view.signal("only", on ? label : null).runAsync();
      });
      return button;
    }));
  };
  const recolour = () => {
    view.signal("colour_by", colourBy.value).signal("only", null).runAsync();
    drawLegend();
  };
  const openMap = () => {
    map = maps[Number(which.value)];
    const columns = Object.entries(map.columns);
    rows = map.columns.clip.map((_, row) =>
      Object.fromEntries([["row", row], ...columns.map(([name, values]) => [name, values[row]])]));
    for (const option of colourBy.options) option.disabled = !(option.value in map.keys);
    if (!(colourBy.value in map.keys)) colourBy.value = "emotion";
    names.replaceChildren(...rows.map((row) => make("option", null, { value: row.clip })));
    choose(-1);
    inks();
    view.data("clips", rows);
    fit();
    recolour();
    root.dataset.clips = String(rows.length);
  };
  const keys = {
    ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  };
  const listen = () => {
    const spot = (event) => {
      const box = chart.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    chart.addEventListener("pointermove", (event) => {
      if (event.buttons) { moved(true); place(); return; }
      if (!pinned && event.pointerType === "mouse") choose(nearest(...spot(event), 26));
    });
    chart.addEventListener("pointerleave", () => { if (!pinned) choose(-1); });
    chart.addEventListener("click", (event) => {
      const row = nearest(...spot(event), 26);
      pinned = row >= 0;
      choose(row, true);
    });
    chart.addEventListener("wheel", () => setTimeout(place, 60), { passive: true });
    chart.addEventListener("keydown", (event) => {
      const way = keys[event.key];
      if (way && event.shiftKey) pan(0.15 * way[0], -0.15 * way[1]);
      else if (way) { pinned = true; choose(step(...way), true); }
      else if (event.key === "+" || event.key === "=") zoom(0.7);
      else if (event.key === "-") zoom(1 / 0.7);
      else if (event.key === "0") { fit(); view.runAsync().then(place); }
      else if (event.key === "Escape") { pinned = false; choose(-1, true); }
      else return;
      event.preventDefault();
    });
    find("in").addEventListener("click", () => zoom(0.7));
    find("out").addEventListener("click", () => zoom(1 / 0.7));
    find("whole").addEventListener("click", () => { fit(); view.runAsync().then(place); });
    which.addEventListener("change", openMap);
    colourBy.addEventListener("change", recolour);
    tested.addEventListener("change", () => view.signal("tested_only", tested.checked).runAsync());
    wanted.addEventListener("input", () => {
      const row = rows.findIndex(({ clip }) => clip === wanted.value);
      if (row >= 0) { pinned = true; choose(row, true); }
    });
    dark.addEventListener("change", () => { inks(); drawLegend(); view.runAsync(); });
    new ResizeObserver(() => { view.resize(); fit(); view.runAsync().then(place); }).observe(chart);
  };
  const start = async () => {
    const script = make("script", document.getElementById("vega").textContent);
    document.head.append(script);
    const spec = JSON.parse(document.getElementById("explorer-chart").textContent);
    const made = await vegaEmbed(chart, spec, { actions: false, renderer: "canvas", tooltip: false });
    view = made.view;
    chart.querySelector("canvas").setAttribute("aria-hidden", "true"); // the card speaks for it
    openMap();
    listen();
    root.dataset.ready = "yes";
  };
  // The drawing library is 0.9 MB: nobody waits for it before the map comes near.
  const watch = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watch.disconnect();
    start();
  }, { rootMargin: "800px" });
  watch.observe(root);
})();
