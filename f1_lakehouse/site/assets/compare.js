// Compares two laps that the reader chooses, from one file per driver beside the page, loaded when it is needed. No other network.
"use strict";
(() => {
  const BRAKING = 16, TABLE_STEP_M = 250;
  const box = document.getElementById("compare"), form = box.querySelector("form"), said = box.querySelector("[role=status]");
  const chart = box.querySelector(".chart"), table = box.querySelector("table");
  const { drivers, corners } = JSON.parse(box.querySelector("script").textContent);
  const choices = [...form.querySelectorAll("fieldset")].map(one => ({
    driver: one.querySelector("[name=driver]"), lap: one.querySelector("[name=lap]"),
  }));
  const loading = new Map();
  const plain = text => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

  const load = driver => {
    if (!loading.has(driver.number)) loading.set(driver.number, new Promise((done, failed) => {
      const script = Object.assign(document.createElement("script"), { src: driver.file });
      script.onload = () => done(window.f1Laps[driver.number]);
      script.onerror = () => { loading.delete(driver.number); failed(new Error(`The file ${driver.file} beside this page cannot be loaded.`)); };
      document.head.append(script);
    }));
    return loading.get(driver.number);
  };

  const numbers = packed => {
    if (Array.isArray(packed)) return packed;
    const bytes = Uint8Array.from(atob(packed.bdata), one => one.charCodeAt(0)).buffer;
    return [...(packed.dtype === "i1" ? new Int8Array(bytes) : new Int16Array(bytes))];
  };
  const summed = packed => { let sum = 0; return numbers(packed).map(one => sum += one); };

  // The value of a curve (x ascending) at x, linear between its points, constant beyond its ends.
  const at = (xs, ys, x) => {
    let low = 0, high = xs.length - 1;
    if (x <= xs[0]) return ys[0];
    if (x >= xs[high]) return ys[high];
    while (high - low > 1) { const middle = (low + high) >> 1; if (xs[middle] < x) low = middle; else high = middle; }
    const width = xs[high] - xs[low];
    return ys[low] + (ys[high] - ys[low]) * (width > 0 ? (x - xs[low]) / width : 1);
  };

  // Distances are speed over time and differ by some metres between cars: a lap is stretched to the length of the first one, so that
  // the gap is 0 at the start and the difference of the lap times at the end.
  const read = (lap, wanted) => {
    const t = summed(lap.t).map(one => one / 100), d = summed(lap.d), v = summed(lap.v).map(one => one + lap.start), last = t.length - 1;
    const own = d[last] + v[last] / 3.6 * Math.max(lap.time - t[last], 0), length = wanted ?? own;
    const x = d.map(one => one * length / own), inside = x.map((_, i) => i).filter(i => x[i] > 0 && x[i] < length);
    const pedals = numbers(lap.pedals);
    return {
      length, x, v, throttle: numbers(lap.throttle).map(one => one < 0 ? null : one),
      brake: pedals.map(one => one < 0 ? null : Math.floor(one / BRAKING)), gear: pedals.map(one => one < 0 ? null : one % BRAKING),
      timeX: [0, ...inside.map(i => x[i]), length], time: [0, ...inside.map(i => t[i]), lap.time],
    };
  };

  const drawn = (one, two) => {
    const names = [one, two].map(({ driver, lap }) => `${driver.label} lap ${lap.lap}`);
    const laps = [read(one.lap)];
    laps.push(read(two.lap, laps[0].length));
    const isAlike = one.driver.color === two.driver.color && one.driver.dash === two.driver.dash;
    const lines = [one, two].map(({ driver }, i) => ({ color: driver.color, dash: isAlike && i ? "dot" : driver.dash }));
    const delta = laps[0].timeX.map((x, i) => at(laps[1].timeX, laps[1].time, x) - laps[0].time[i]);
    const panel = (key, axis, hover, shape) => laps.map((lap, i) => ({
      name: plain(names[i]), x: lap.x, y: lap[key], yaxis: axis, line: { ...lines[i], shape }, connectgaps: false,
      hovertemplate: `%{fullData.name}, %{x:.0f} m: ${hover}<extra></extra>`,
    }));
    const data = [
      ...panel("v", "y", "%{y:d} km/h", "linear"),
      { x: laps[0].timeX, y: delta, yaxis: "y2", line: { color: "--ink" }, hovertemplate: `%{x:.0f} m: ${plain(names[1])} %{y:+.3f} s<extra></extra>` },
      ...panel("throttle", "y3", "%{y:d} % throttle", "linear"),
      ...panel("brake", "y4", "%{customdata}", "hv").map(one => ({ ...one, customdata: one.y.map(on => on ? "brakes on" : "brakes off") })),
      ...panel("gear", "y5", "gear %{y:d}", "hv"),
    ];
    const axis = (text, domain, rest) => ({ title: { text }, domain, zeroline: false, ...rest });
    const layout = {
      margin: { l: 64, r: 16, t: corners.length ? 36 : 16, b: 44 },
      annotations: corners.map(([x, label], i) => ({ x, y: 1, text: plain(label), yref: "paper", yanchor: "bottom", yshift: 12 * (i % 2), font: { size: 10 } })),
      xaxis: { title: { text: "Distance, m" }, anchor: "y5", zeroline: false, range: [0, Math.round(laps[0].length)] },
      yaxis: axis("Speed, km/h", [0.62, 1]),
      yaxis2: axis("Gap, s", [0.45, 0.58], { zeroline: true }),
      yaxis3: axis("Throttle, %", [0.29, 0.42], { range: [-5, 105], tickvals: [0, 50, 100] }),
      yaxis4: axis("Brake", [0.19, 0.25], { range: [-0.2, 1.2], tickvals: [0, 1], ticktext: ["off", "on"] }),
      yaxis5: axis("Gear", [0, 0.15], { range: [0.5, 8.5], tickvals: [2, 4, 6, 8] }),
    };
    return { figure: { data, layout }, laps, delta, names };
  };

  const tabulated = ({ laps, delta, names }) => {
    const cell = (tag, text, scope) => Object.assign(document.createElement(tag), { textContent: text, ...(scope ? { scope } : {}) });
    const row = (...cells) => { const made = document.createElement("tr"); made.append(...cells); return made; };
    const head = document.createElement("thead"), body = document.createElement("tbody");
    head.append(row(...["Distance, m", ...names.map(name => `${name}, km/h`), "Gap, s"].map(text => cell("th", text, "col"))));
    const steps = Array.from({ length: Math.ceil(laps[0].length / TABLE_STEP_M) }, (_, i) => i * TABLE_STEP_M);
    body.append(...[...steps, laps[0].length].map(x => row(
      cell("th", Math.round(x), "row"), ...laps.map(lap => cell("td", Math.round(at(lap.x, lap.v, x)))), cell("td", at(laps[0].timeX, delta, x).toFixed(3)))));
    table.classList.remove("stacked");
    delete table.dataset.prepared;
    table.replaceChildren(Object.assign(document.createElement("caption"), { textContent: `Every ${TABLE_STEP_M} m and at the line` }), head, body);
  };

  const chosen = async choice => {
    const driver = drivers[Number(choice.driver.value)], laps = await load(driver);
    return { driver, lap: laps.find(one => one.lap === Number(choice.lap.value)) };
  };

  let turn = 0;
  const update = async () => {
    const own = ++turn;
    said.textContent = "Loading the laps.";
    try {
      for (const choice of choices) {
        const driver = drivers[Number(choice.driver.value)], laps = await load(driver);
        if (choice.shown === driver) continue;
        choice.shown = driver;
        choice.lap.replaceChildren(...laps.map(one => new Option(
          [`${one.lap}`, window.f1Pages.lapTime(one.time), one.tyres, one.lap === driver.fastest ? "fastest" : ""].filter(Boolean).join(", "), one.lap)));
        choice.lap.value = laps.some(one => one.lap === driver.fastest) ? driver.fastest : laps[0].lap;
      }
      const [one, two] = await Promise.all(choices.map(chosen));
      if (own !== turn) return;
      const found = drawn(one, two), behind = two.lap.time - one.lap.time, [top, otherTop] = found.laps.map(lap => Math.max(...lap.v));
      const [first, second] = [one, two].map(({ driver, lap }) => `${driver.label} lap ${lap.lap} (${window.f1Pages.lapTime(lap.time)})`);
      const order = behind === 0 ? `${first} and ${second} are equally fast` : `${behind > 0 ? first : second} is ${Math.abs(behind).toFixed(3)} s faster than ${behind > 0 ? second : first}`;
      said.textContent = `${order}. Top speeds: ${top} and ${otherTop} km/h.`;
      chart.setAttribute("aria-label", `Speed, gap, throttle, brake and gear over the distance. ${said.textContent}`);
      tabulated(found);
      await window.f1Pages.draw(chart, found.figure);
      box.dataset.drawn = `${own}`;
    } catch (error) {
      said.textContent = error.message;
    }
  };

  choices.forEach(({ driver, lap }, i) => {
    driver.replaceChildren(...drivers.map((one, n) => new Option(`${one.label}, ${one.name}`, n)));
    driver.value = String(Math.min(i, drivers.length - 1));
    driver.addEventListener("change", update);
    lap.addEventListener("change", update);
  });
  form.addEventListener("submit", event => event.preventDefault());
  box.addEventListener("toggle", () => { if (box.open && !turn) update(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (turn) update(); });
  box.hidden = false;
})();
