// Copyright The archmap Authors.
// SPDX-License-Identifier: Apache-2.0
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const rows = (root = document) => all("#components tbody tr", root);
  const collator = new Intl.Collator("en", { numeric: true });
  const order = { column: -1, down: false };
  let unfolded = false;

  // filter hides the rows and the details of the components that are not asked for. Without a filter it folds the rows of
  // what is not installed into one.
  const filter = (root = document) => {
    const text = $("#filter-text").value.trim().toLocaleLowerCase();
    const category = $("#filter-category").value;
    const state = $("#filter-state").value;
    const everything = !text && !category && !state;
    const evidence = new Map(all("details.component", root).map((details) => [details.id, details]));
    let shown = 0;
    for (const row of rows(root)) {
      const hit = (!text || row.dataset.text.includes(text)) &&
        (!category || row.dataset.category === category) &&
        (!state || row.dataset.state === state || (state === "bad" && "bad" in row.dataset) || (state === "differs" && "differs" in row.dataset));
      const folded = everything && !unfolded && "folded" in row.dataset;
      row.hidden = !hit || folded;
      const details = evidence.get(row.dataset.details);
      details.hidden = !hit;
      details.classList.toggle("folded", folded && !details.open); // on paper there is room for it
      if (hit) shown++;
    }
    const fold = $("#fold", root);
    if (fold) {
      fold.closest("tfoot").hidden = !everything;
      fold.setAttribute("aria-expanded", unfolded);
    }
    $("#filter-count", root).textContent = everything ? "" : shown + " of " + rows(root).length + " components";
  };

  // sort orders the rows; equal ones keep the order of the table.
  const sort = (root = document) => {
    const key = (row) => {
      if (order.column < 0) return row.dataset.index;
      const cell = row.cells[order.column];
      return cell.dataset.sort ?? cell.textContent.trim();
    };
    $("#components tbody", root).append(...rows(root).sort((a, b) =>
      (order.down ? -1 : 1) * collator.compare(key(a), key(b)) || a.dataset.index - b.dataset.index));
    all("#components thead th", root).forEach((th, i) => {
      if (i === order.column) th.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    });
  };

  // show opens the details of a component and goes there.
  const show = (id) => {
    const details = document.getElementById(id);
    if (!details || !details.matches("details")) return false;
    details.hidden = false;
    details.classList.remove("folded");
    details.open = true;
    details.scrollIntoView();
    $("[role=group]", details).focus({ preventScroll: true }); // not the summary: the key that led here would close it again
    return true;
  };

  const button = (id, text) => {
    const button = document.createElement("button");
    button.type = "button";
    button.id = id;
    button.append(text);
    return button;
  };

  // prepare adds to a fresh page what needs a script: the filter, and buttons that sort, unfold and copy.
  const prepare = (root = document) => {
    $("#filter", root).hidden = false;
    all("#components thead th", root).forEach((th, i) => {
      const sorter = button("sort-" + i, th.textContent);
      sorter.dataset.column = i;
      th.replaceChildren(sorter);
    });
    const folded = rows(root).filter((row) => "folded" in row.dataset);
    if (folded.length) {
      const cell = $("#components", root).createTFoot().insertRow().insertCell();
      cell.colSpan = $("#components thead tr", root).cells.length;
      cell.append(button("fold", "Not installed (optional)"), " " + folded.map((row) => row.cells[0].textContent).join(", "));
    }
    all(".next", root).forEach((next, i) => {
      const copier = button("copy-" + i, "Copy");
      copier.setAttribute("aria-live", "polite");
      next.append(copier);
    });
  };

  // copy copies a command; where that is not allowed, it marks the command for the reader to copy.
  const copy = (button) => {
    const code = $("code", button.parentNode);
    getSelection().selectAllChildren(code);
    navigator.clipboard?.writeText(code.textContent).then(() => {
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    }, () => {});
  };

  addEventListener("input", (e) => { if (e.target.closest("#filter")) filter(); });
  addEventListener("submit", (e) => e.preventDefault());
  addEventListener("reset", () => setTimeout(filter));
  addEventListener("click", (e) => {
    const at = (selector) => e.target.closest(selector);
    const sorter = at("button[data-column]");
    if (sorter) {
      const column = Number(sorter.dataset.column);
      order.down = order.column === column && !order.down;
      order.column = column;
      sort();
    }
    const copier = at(".next button");
    if (copier) copy(copier);
    if (at("#fold")) {
      unfolded = !unfolded;
      filter();
    }
    const count = at("[data-filter]");
    if (count) {
      $("#filter").reset();
      $("#filter-state").value = count.dataset.filter;
      filter();
    }
    const link = at('a[href^="#component-"]');
    if (link && show(decodeURIComponent(link.getAttribute("href").slice(1)))) e.preventDefault();
  });
  const visit = () => { if (location.hash) show(decodeURIComponent(location.hash.slice(1))); };
  addEventListener("hashchange", visit);
  let opened = [];
  addEventListener("beforeprint", () => { opened = all("details:not([open])"); for (const d of opened) d.open = true; });
  addEventListener("afterprint", () => { for (const d of opened) d.open = false; });

  // morph makes a node like a fresh one and touches only what differs: what the reader has focused, marked, opened or
  // scrolled stays as it is.
  const key = (node) => (node.nodeType === Node.ELEMENT_NODE && (node.id || node.dataset.name)) || "";
  const morph = (node, fresh) => {
    if (node.isEqualNode(fresh)) return;
    if (node.nodeType !== Node.ELEMENT_NODE) { node.nodeValue = fresh.nodeValue; return; }
    for (const { name } of [...node.attributes]) if (!fresh.hasAttribute(name)) node.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (node.getAttribute(name) !== value) node.setAttribute(name, value);
    const known = new Map([...node.childNodes].map((child) => [key(child), child]));
    let next = node.firstChild;
    for (const wanted of [...fresh.childNodes]) {
      const same = key(wanted) ? known.get(key(wanted)) : next;
      if (!same || same.nodeName !== wanted.nodeName || key(same) !== key(wanted)) { node.insertBefore(wanted, next); continue; }
      if (same === next) next = next.nextSibling;
      else node.insertBefore(same, next);
      morph(same, wanted);
    }
    while (next) { const gone = next; next = next.nextSibling; gone.remove(); }
  };

  // say tells how current the page is. Screen readers announce changes.
  const live = $("#live");
  let news = "";
  const say = (text, doubt) => {
    live.classList.toggle("doubt", Boolean(doubt));
    if (live.textContent !== text) live.textContent = text;
  };

  // update puts a newer picture in the place of this one.
  const update = (html) => {
    const main = $("main");
    const fresh = $("main", new DOMParser().parseFromString(html, "text/html"));
    if (!fresh) return;
    const before = new Map(rows().map((row) => [row.dataset.name, row.dataset.state]));
    const active = document.activeElement;
    prepare(fresh);
    for (const d of all("details", fresh)) d.open = document.getElementById(d.id)?.open ?? d.open;
    sort(fresh);
    filter(fresh);
    morph(main, fresh);
    filter(); // a choice may be gone
    document.title = main.dataset.title;
    if (active !== document.activeElement && active.isConnected) active.focus({ preventScroll: true });

    const changed = rows().filter((row) => before.get(row.dataset.name) !== row.dataset.state);
    for (const row of changed) {
      const boxes = all(".drawing [data-component]").filter((box) => box.dataset.component === row.dataset.name);
      for (const element of [row, ...boxes]) {
        element.classList.add("changed");
        setTimeout(() => element.classList.remove("changed"), 4000);
      }
    }
    if (changed.length) {
      const told = changed.slice(0, 3).map((row) => row.cells[0].textContent.trim() + " " + $(".state", row).textContent.replace(/^\S+\s+/, ""));
      if (changed.length > 3) told.push(changed.length - 3 + " more");
      news = ". Changed at " + new Date().toLocaleTimeString() + ": " + told.join(", ");
    }
  };

  // A page that is served is told of every newer picture, and every few seconds whether what it shows is current.
  const follow = (address) => {
    let heard = Date.now();
    let lost = false;
    const lose = () => {
      if (lost) return;
      lost = true;
      say("The connection to archmap is lost since " + new Date(heard).toLocaleTimeString() + ": what is shown may be old. Trying again.", true);
    };
    const connect = () => {
      const source = new EventSource(address);
      source.addEventListener("main", (e) => update(e.data));
      source.addEventListener("beat", (e) => {
        heard = Date.now();
        lost = false;
        say(e.data || "Live" + news, e.data);
      });
      source.addEventListener("error", () => {
        lose();
        if (source.readyState === EventSource.CLOSED) setTimeout(connect, 5000);
      });
    };
    connect();
    setInterval(() => { if (Date.now() - heard > 20000) lose(); }, 5000);
  };

  prepare();
  filter();
  visit();
  if (document.body.dataset.events) follow(document.body.dataset.events);
})();
