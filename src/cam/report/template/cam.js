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

  const number = text => {
    const found = text.replace(/[,\s]/g, "").replace(/−/g, "-").match(/-?\d+(\.\d+)?/);
    return found ? Number(found[0]) : NaN;
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") === "descending";
        const key = row => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
        const rows = [...table.tBodies[0].rows];
        const numeric = head.classList.contains("num");
        rows.sort((a, b) => {
          const order = numeric ? number(key(a)) - number(key(b)) : key(a).localeCompare(key(b));
          return (Number.isNaN(order) ? 0 : order) * (up ? 1 : -1);
        });
        heads.forEach(other => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        table.tBodies[0].append(...rows);
      });
    });
  }
})();
