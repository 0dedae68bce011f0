// Draws the charts of a page: each figure carries its Plotly JSON, this file what all of them share. No network.
"use strict";
(() => {
  const COLOURS = new Set(["color", "fillcolor", "bgcolor", "bordercolor", "linecolor"]);
  const TICK_STEPS_S = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300];
  const MIN_CONTROLLED = 3;
  const NARROW = 500;
  const root = document.documentElement;
  const css = name => getComputedStyle(root).getPropertyValue(name).trim();

  // Colours come as names of CSS variables, so that the same figure serves light and dark.
  const coloured = (value, key) => {
    if (Array.isArray(value)) return value.map(one => coloured(one, key));
    if (value && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v, k)]));
    return COLOURS.has(key) && typeof value === "string" && value.startsWith("--") ? css(value) : value;
  };

  // 1:08.345, or 54.321 below a minute. Lap times are seconds in the data and minutes to the reader.
  const lapTime = seconds => {
    const ms = Math.round(seconds * 1000), minutes = Math.floor(ms / 60000), rest = ((ms % 60000) / 1000).toFixed(3);
    return minutes ? `${minutes}:${rest.padStart(6, "0")}` : rest;
  };

  const timeTicks = (range, most) => {
    const low = Math.min(...range), high = Math.max(...range);
    const step = TICK_STEPS_S.find(one => (high - low) / one <= most) ?? (high - low) / most;
    const tickvals = [];
    for (let i = Math.ceil(low / step); i * step <= high; i++) tickvals.push(i * step);
    return { tickmode: "array", tickvals, ticktext: tickvals.map(lapTime) };
  };

  const traced = (given, meta) => {
    const line = given.type === undefined || given.type === "box" ? { line: { width: 2, ...given.line } } : {};
    const times = meta?.times?.[0][0], text = times ? { text: given[times]?.map?.(lapTime) } : {};
    return { type: "scatter", mode: "lines", connectgaps: true, hovertemplate: meta?.hover, ...text, ...given, ...line };
  };

  // Numbers come as base64 of whole numbers, which is half as long; -32768 is a missing one.
  const unpacked = (packed, per, start) => {
    let numbers = packed;
    if (packed.bdata !== undefined) {
      const bytes = Uint8Array.from(atob(packed.bdata), one => one.charCodeAt(0)).buffer;
      numbers = [...(packed.dtype === "i1" ? new Int8Array(bytes) : new Int16Array(bytes))];
    }
    return numbers.map(one => one === null || one === -32768 ? null : one / per + start);
  };

  const noted = given => ({ showarrow: false, ...given });

  const named = ([key, text, y]) => ({
    name: key, text, x: 1, y, xref: "paper", xanchor: "left", xshift: 4, font: { size: 11 },
  });

  const laidOut = (given, width) => {
    const ends = width >= (given.meta?.ends_need_px ?? 0) ? given.meta?.ends ?? [] : [];
    const margin = given.meta?.ends?.length && !ends.length ? { margin: { ...given.margin, r: 16 } } : {};
    const line = css("--line"), font = { family: css("--font"), size: 12, color: css("--ink") };
    const made = {
      showlegend: false, hovermode: "closest", dragmode: matchMedia("(pointer: fine)").matches ? "zoom" : false,
      paper_bgcolor: css("--paper"), plot_bgcolor: css("--paper"), ...given, ...margin,
      annotations: [...(given.annotations ?? []), ...ends.map(named)].map(noted),
      font, hoverlabel: { bgcolor: css("--raised"), bordercolor: line, font },
    };
    for (const name of Object.keys(made).filter(k => /^[xy]axis\d*$/.test(k)))
      made[name] = {
        gridcolor: line, linecolor: line, zerolinecolor: line, automargin: true,
        fixedrange: made.dragmode === false, ...made[name],
        // With a distance of its own Plotly puts the title beside the labels however long they are, and makes room for both.
        title: { standoff: 8, ...made[name].title },
        ...(made[name].type === "category" && name[0] === "x" && width < NARROW ? { tickfont: { size: 9 } } : {}),
        ...(given.meta?.times?.includes(name) ? timeTicks(made[name].range, mostTicks(name, width)) : {}),
      };
    return made;
  };

  const mostTicks = (name, width) => name[0] === "x" ? Math.max(2, Math.floor(width / 100)) : 8;

  // Draws a figure into an element; `off` has the keys of the traces that are not shown.
  const draw = async (element, given, off = new Set()) => {
    const meta = given.layout.meta, width = element.clientWidth;
    const scale = meta?.scale, valued = trace => scale && trace.y ? { ...trace, y: unpacked(trace.y, ...scale) } : trace;
    const data = given.data.map(trace => traced({ ...valued(trace), visible: !off.has(trace.meta) }, meta));
    const layout = laidOut(given.layout, width);
    layout.annotations = layout.annotations.filter(one => !off.has(one.name));
    const isNew = !element.on;
    await Plotly.react(element, coloured(data, ""), coloured(layout, ""), {
      displayModeBar: false, responsive: true, doubleClick: "reset",
    });
    if (isNew && meta?.times) element.on("plotly_relayout", changed => {
      for (const name of meta.times.filter(one => Object.keys(changed).some(key => key.startsWith(`${one}.`) && key.includes("range")))) {
        const ticks = timeTicks(element.layout[name].range, mostTicks(name, element.clientWidth));
        Plotly.relayout(element, Object.fromEntries(Object.entries(ticks).map(([key, value]) => [`${name}.${key}`, value])));
      }
    });
  };

  const charts = [...document.querySelectorAll("figure")].filter(one => one.querySelector("script[type='application/json']"));
  const given = new Map();
  const off = new Set(), other = new Set();

  const figureOf = figure => {
    if (!given.has(figure)) given.set(figure, JSON.parse(figure.querySelector("script").textContent));
    const { alternative, ...own } = given.get(figure);
    if (!alternative || !other.has(figure)) return own;
    return {
      data: own.data.map((trace, i) => ({ ...trace, y: alternative.y[i] })),
      layout: { ...own.layout, ...alternative.layout },
    };
  };

  const drawFigure = figure => draw(figure.querySelector(".chart"), figureOf(figure), off);

  // One after the other, so that the page can be scrolled meanwhile.
  const drawEach = async figures => {
    for (const figure of figures) {
      await drawFigure(figure);
      await new Promise(done => setTimeout(done));
    }
  };

  const buttons = [...document.querySelectorAll("figure button[data-trace]")];
  const only = new Map();

  // Shows or hides lines in all charts that have them; `alone`: the only one that is shown.
  const show = (wanted, alone = "") => {
    const changed = new Set([...wanted].filter(([key, shown]) => off.has(key) === shown).map(([key]) => key));
    for (const key of changed) if (!off.delete(key)) off.add(key);
    for (const button of buttons) button.setAttribute("aria-pressed", String(!off.has(button.dataset.trace)));
    for (const [select, keys] of only) select.value = keys.includes(alone) ? alone : "";
    return drawEach(charts.filter(figure => figureOf(figure).data.some(trace => changed.has(trace.meta))));
  };

  const made = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // All, none or a single one of the lines of a legend.
  const control = list => {
    const own = [...list.querySelectorAll("button[data-trace]")], keys = own.map(one => one.dataset.trace);
    if (keys.length < MIN_CONTROLLED) return;
    const button = (text, shown) => made("button", { type: "button", textContent: text, title: `${text} of these lines, in all charts of the page`,
      onclick: () => show(keys.map(key => [key, shown])) });
    const select = made("select", {}, new Option("…", ""), ...own.map(one => new Option(one.textContent.trim(), one.dataset.trace)));
    select.addEventListener("change", () => select.value && show(keys.map(key => [key, key === select.value]), select.value));
    only.set(select, keys);
    list.append(made("li", { className: "control" }, button("All", true), button("None", false), made("label", {}, "Only ", select)));
  };

  for (const list of document.querySelectorAll("figure .keys")) control(list);
  for (const button of buttons)
    button.addEventListener("click", () => show([[button.dataset.trace, off.has(button.dataset.trace)]]));
  for (const select of document.querySelectorAll("figure select[data-views]"))
    select.addEventListener("change", () => {
      const figure = select.closest("figure");
      if (select.value) other.add(figure); else other.delete(figure);
      drawFigure(figure);
    });

  const drawAll = async () => {
    await drawEach(charts);
    root.dataset.drawn = "yes";
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  window.f1Pages = { draw, lapTime };
  drawAll();
})();
