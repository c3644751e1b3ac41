// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const collator = new Intl.Collator("en", { numeric: true });
  const order = { column: -1, down: false };
  let current = "";

  const say = (text) => { const live = $("#live"); if (live && live.textContent !== text) live.textContent = text; };

  // filter hides the rows and the details of the components that are not asked for.
  const filter = () => {
    const text = $("#filter-text").value.trim().toLocaleLowerCase();
    const category = $("#filter-category").value;
    const state = $("#filter-state").value;
    let shown = 0;
    for (const row of all("#components tbody tr")) {
      const hit = (!text || row.dataset.text.toLocaleLowerCase().includes(text)) &&
        (!category || row.dataset.category === category) &&
        (!state || row.dataset.state === state || (state === "bad" && "bad" in row.dataset) || (state === "differs" && "differs" in row.dataset));
      row.hidden = !hit;
      const details = document.getElementById(row.dataset.details);
      if (details) details.hidden = !hit;
      if (hit) shown++;
    }
    $("#filter-count").textContent = shown + " of " + all("#components tbody tr").length + " components";
  };

  // sort orders the rows; equal ones keep the order of the table.
  const sort = () => {
    const body = $("#components tbody");
    const key = (row) => {
      if (order.column < 0) return row.dataset.index;
      const cell = row.cells[order.column];
      return cell.dataset.sort ?? cell.textContent.trim();
    };
    const rows = all("tr", body).sort((a, b) =>
      (order.down ? -1 : 1) * collator.compare(key(a), key(b)) || a.dataset.index - b.dataset.index);
    body.append(...rows);
    all("#components thead th").forEach((th, i) => {
      if (i === order.column) th.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    });
  };

  // show opens the details of a component and goes there.
  const show = (id) => {
    const details = document.getElementById(id);
    if (!details || !details.matches("details")) return false;
    details.hidden = false;
    details.open = true;
    details.scrollIntoView();
    $("summary", details).focus({ preventScroll: true });
    return true;
  };

  // prepare adds to a fresh page what needs a script.
  const prepare = () => {
    const form = $("#filter");
    form.hidden = false;
    form.addEventListener("input", filter);
    form.addEventListener("submit", (e) => e.preventDefault());
    form.addEventListener("reset", () => setTimeout(filter));
    all("#components thead th").forEach((th, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.id = "sort-" + i;
      button.append(...th.childNodes);
      button.addEventListener("click", () => {
        order.down = order.column === i && !order.down;
        order.column = i;
        sort();
      });
      th.append(button);
    });
  };

  document.addEventListener("click", (e) => {
    const box = e.target.closest && e.target.closest("[data-component]");
    const row = box && all("#components tbody tr").find((r) => r.dataset.name === box.dataset.component);
    if (row) show(row.dataset.details);
    const link = e.target.closest && e.target.closest('a[href^="#component-"]');
    if (link && show(decodeURIComponent(link.hash.slice(1)))) e.preventDefault();
  });
  addEventListener("hashchange", () => show(decodeURIComponent(location.hash.slice(1))));
  let opened = [];
  addEventListener("beforeprint", () => { opened = all("details:not([open])"); for (const d of opened) d.open = true; });
  addEventListener("afterprint", () => { for (const d of opened) d.open = false; });

  // update puts a newer picture in the place of this one. What the reader has chosen, opened and focused stays.
  const update = (html) => {
    if (html === current) return;
    current = html;
    const fresh = new DOMParser().parseFromString(html, "text/html").querySelector("main");
    if (!fresh) return;
    const active = document.activeElement;
    const focus = { id: active && active.id, start: null, end: null };
    if (active && active.id === "filter-text") { focus.start = active.selectionStart; focus.end = active.selectionEnd; }
    const chosen = all("#filter input, #filter select").map((f) => [f.id, f.value]);
    const open = new Map(all("details").map((d) => [d.id, d.open]));
    const scrolled = all(".scroll").map((s) => [s.id, s.scrollLeft]);
    const place = [scrollX, scrollY];

    const main = $("main");
    main.replaceChildren(...document.adoptNode(fresh).childNodes);
    main.dataset.title = fresh.dataset.title;
    document.title = fresh.dataset.title;
    prepare();
    for (const [id, value] of chosen) { const f = document.getElementById(id); if (f) f.value = value; }
    for (const [id, isOpen] of open) { const d = document.getElementById(id); if (d) d.open = isOpen; }
    sort();
    filter();
    for (const [id, left] of scrolled) { const s = document.getElementById(id); if (s) s.scrollLeft = left; }
    const again = focus.id && document.getElementById(focus.id);
    if (again) {
      again.focus({ preventScroll: true });
      if (focus.start !== null) again.setSelectionRange(focus.start, focus.end);
    }
    scrollTo({ left: place[0], top: place[1], behavior: "instant" });
    say("Updated: " + $("#verdict-text").textContent.trim());
  };

  // A page that is served is told of every newer picture.
  const events = document.body.dataset.events;
  if (events) {
    const source = new EventSource(events);
    source.addEventListener("main", (e) => update(e.data));
    source.addEventListener("open", () => say("Live"));
    source.addEventListener("error", () => say("The connection is lost; what is shown may be old. Trying again."));
  }
  globalThis.archmap = { update };

  prepare();
  filter();
  if (location.hash) show(decodeURIComponent(location.hash.slice(1)));
})();
