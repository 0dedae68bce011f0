// Draws the charts of a page: each figure carries its Plotly JSON, this file what all of them share. No network.
"use strict";
(() => {
  const COLOURS = new Set(["color", "fillcolor", "bgcolor", "bordercolor", "linecolor"]);
  const root = document.documentElement;
  const css = name => getComputedStyle(root).getPropertyValue(name).trim();

  // Colours come as names of CSS variables, so that the same figure serves light and dark.
  const coloured = (value, key) => {
    if (Array.isArray(value)) return value.map(one => coloured(one, key));
    if (value && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v, k)]));
    return COLOURS.has(key) && typeof value === "string" && value.startsWith("--") ? css(value) : value;
  };

  const traced = (given, hover) => {
    const line = given.type === undefined || given.type === "box" ? { line: { width: 2, ...given.line } } : {};
    return { type: "scatter", mode: "lines", connectgaps: true, hovertemplate: hover, ...given, ...line };
  };

  const noted = given => ({ showarrow: false, ...given });

  const named = ([key, text, y]) => ({
    name: key, text, x: 1, y, xref: "paper", xanchor: "left", xshift: 4, font: { size: 11 },
  });

  const laidOut = given => {
    const line = css("--line"), font = { family: css("--font"), size: 12, color: css("--ink") };
    const made = {
      showlegend: false, hovermode: "closest", dragmode: matchMedia("(pointer: fine)").matches ? "zoom" : false,
      paper_bgcolor: css("--paper"), plot_bgcolor: css("--paper"), ...given,
      annotations: [...(given.annotations ?? []), ...(given.meta?.ends ?? []).map(named)].map(noted),
      font, hoverlabel: { bgcolor: css("--raised"), bordercolor: line, font },
    };
    for (const name of Object.keys(made).filter(k => /^[xy]axis\d*$/.test(k)))
      made[name] = {
        gridcolor: line, linecolor: line, zerolinecolor: line, automargin: true,
        fixedrange: made.dragmode === false, ...made[name],
        // With a distance of its own Plotly puts the title beside the labels however long they are, and makes room for both.
        title: { standoff: 8, ...made[name].title },
      };
    return made;
  };

  const charts = [...document.querySelectorAll("figure")].filter(one => one.querySelector(".chart"));
  const hidden = new Map(charts.map(one => [one, new Set()]));

  const draw = figure => {
    const given = JSON.parse(figure.querySelector("script").textContent);
    const off = hidden.get(figure);
    const data = given.data.map(trace => traced({ ...trace, visible: !off.has(trace.meta) }, given.layout.meta?.hover));
    const layout = laidOut(given.layout);
    layout.annotations = layout.annotations.filter(one => !off.has(one.name));
    return Plotly.react(figure.querySelector(".chart"), coloured(data, ""), coloured(layout, ""), {
      displayModeBar: false, responsive: true, doubleClick: "reset",
    });
  };

  // One after the other, so that the page can be scrolled meanwhile.
  const drawAll = async () => {
    for (const figure of charts) {
      await draw(figure);
      await new Promise(done => setTimeout(done));
    }
    root.dataset.drawn = "yes";
  };

  for (const figure of charts)
    for (const button of figure.querySelectorAll("button[data-trace]"))
      button.addEventListener("click", () => {
        const off = hidden.get(figure), trace = button.dataset.trace;
        const shown = off.delete(trace);
        if (!shown) off.add(trace);
        button.setAttribute("aria-pressed", String(shown));
        draw(figure);
      });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  drawAll();
})();
