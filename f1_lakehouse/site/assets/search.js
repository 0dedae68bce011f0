// The search of the first page: finds names of seasons, drivers, constructors, circuits and sessions. No network.
"use strict";
(() => {
  const MAX_SHOWN = 12;
  const form = document.querySelector("form[role=search]");
  const input = form.querySelector("input"), list = form.querySelector("ul"), said = form.querySelector("[role=status]");
  const folded = text => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

  const entries = Object.entries(JSON.parse(document.getElementById("names").textContent)).flatMap(([kind, rows]) =>
    rows.map(([name, address, hint]) => ({
      name, address, hint: [kind, hint].filter(Boolean).join(", "),
      words: folded(`${name} ${hint}`).split(/[^\p{L}\p{N}]+/u), text: folded(name),
    })));

  // Each word of the query begins a word of the name. Names that begin with the query come first, then the order of the file.
  const find = query => {
    const wanted = folded(query).split(/[^\p{L}\p{N}]+/u).filter(Boolean);
    if (!wanted.length) return [];
    const found = entries.filter(one => wanted.every(part => one.words.some(word => word.startsWith(part))));
    const begins = one => one.text.startsWith(wanted.join(" "));
    return [...found.filter(begins), ...found.filter(one => !begins(one))];
  };

  const show = () => {
    const found = find(input.value);
    list.replaceChildren(...found.slice(0, MAX_SHOWN).map(one => {
      const item = document.createElement("li"), link = document.createElement("a"), hint = document.createElement("span");
      link.href = one.address;
      link.textContent = one.name;
      hint.textContent = one.hint;
      item.append(link, " ", hint);
      return item;
    }));
    const more = found.length - MAX_SHOWN;
    said.textContent = !input.value.trim() ? "" : !found.length ? "Nothing has this name."
      : more > 0 ? `${found.length} names; the first ${MAX_SHOWN} are shown.` : "";
  };

  input.addEventListener("input", show);
  form.addEventListener("submit", event => {
    event.preventDefault();
    const first = list.querySelector("a");
    if (first) first.click();
  });
  form.hidden = false;
  show();
})();
