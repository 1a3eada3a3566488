(() => {
  const contents = document.querySelector(".contents details");
  if (contents) {
    const wide = matchMedia("(min-width: 1100px)");
    const unfold = () => { contents.open = wide.matches; };
    wide.addEventListener("change", unfold);
    unfold();
    for (const link of contents.querySelectorAll("a")) {
      link.addEventListener("click", () => { if (!wide.matches) contents.open = false; });
    }
    const links = new Map([...contents.querySelectorAll("a")].map(a => [decodeURIComponent(a.hash.slice(1)), a]));
    const mark = () => {
      let here = links.values().next().value;
      for (const [id, link] of links) {
        const heading = document.getElementById(id);
        if (heading && heading.getBoundingClientRect().top < innerHeight / 3) here = link;
        link.removeAttribute("aria-current");
      }
      here?.setAttribute("aria-current", "location");
    };
    addEventListener("scroll", mark, { passive: true });
    mark();
  }

  const words = document.currentScript.dataset;
  const put = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const told = document.createElement("p");
  told.className = "told";
  told.setAttribute("role", "status");
  document.body.append(told);

  // A table sorts by the head that is pressed: one way, the other way, and as it was.
  const collator = new Intl.Collator(document.documentElement.lang, { numeric: true });
  const sortable = table => {
    const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells], rows = [...body.rows];
    const value = cell => cell.dataset.sort === undefined ? cell.textContent.trim() : Number(cell.dataset.sort);
    const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : collator.compare(a, b);
    heads.forEach((head, column) => {
      const first = head.classList.contains("num") ? "descending" : "ascending";
      const second = first === "ascending" ? "descending" : "ascending";
      const name = head.firstChild.textContent; // without its unit
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const way = before === first ? second : before === second ? "" : first;
        heads.forEach(each => each.removeAttribute("aria-sort"));
        if (way) head.setAttribute("aria-sort", way);
        const key = row => way ? value(row.cells[column]) : rows.indexOf(row);
        const last = row => row.classList.contains("total") ? 2 : way && ["", "–"].includes(key(row)) ? 1 : 0;
        const sign = way === "descending" ? -1 : 1;
        body.append(...[...rows].sort((a, b) => (way ? last(a) - last(b) : 0) || sign * compare(key(a), key(b))));
        told.textContent = way ? put(words[way], { column: name }) : words.unsorted;
      });
    });
    if (rows.length <= 15) return;
    const label = document.createElement("label"), input = document.createElement("input");
    const left = document.createElement("span");
    input.type = "search";
    left.setAttribute("role", "status");
    label.className = "filter";
    label.append(words.filter, input, left);
    table.parentElement.before(label);
    const texts = new Map(rows.map(row => [row, row.textContent.toLowerCase()]));
    input.addEventListener("input", () => {
      const wanted = input.value.toLowerCase().split(/\s+/);
      for (const [row, text] of texts) row.hidden = !wanted.every(word => text.includes(word));
      left.textContent = put(words.left, { shown: rows.filter(row => !row.hidden).length, all: rows.length });
    });
  };
  document.querySelectorAll("table.sortable").forEach(sortable);

  // What does not scroll needs no stop of the tab key.
  const kinds = ".scroll, .chart figure, pre, .formula";
  const boxes = document.querySelectorAll(kinds);
  const check = box => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  };
  // What is inside grows on its own, as a table does when its font has come.
  const stops = new ResizeObserver(entries => entries.forEach(({ target }) => check(target.closest(kinds))));
  boxes.forEach(box => [box, ...box.children].forEach(part => stops.observe(part)));
  document.fonts.ready.then(() => boxes.forEach(check));
})();
