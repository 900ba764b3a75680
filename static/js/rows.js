/* Lists of rows in a form: another row, or one less, without losing what stands in the others.
   Without it empty rows are always there, and an emptied row is one taken away. */
(() => {
  "use strict";
  const items = (list) => [...list.querySelectorAll("[data-item]")];
  const numberOf = (item) => Number(/-(\d+)-/.exec(item.querySelector("[name]").name)[1]);

  const empty = (item) => {
    for (const part of item.querySelectorAll("[name]")) {
      if (part.tagName === "SELECT") part.selectedIndex = 0;
      else part.value = "";
    }
  };

  const add = (list) => {
    const rows = items(list);
    const next = Math.max(...rows.map(numberOf)) + 1;
    const fresh = rows.at(-1).cloneNode(true);
    for (const part of fresh.querySelectorAll("[id], [for]")) {
      for (const name of ["id", "for", "name"]) {
        if (part.hasAttribute(name)) {
          part.setAttribute(name, part.getAttribute(name).replace(/-\d+-/, `-${next}-`));
        }
      }
    }
    empty(fresh);
    rows.at(-1).after(fresh);
    fresh.querySelector("[name]").focus();
  };

  const remove = (list, item) => {
    const rows = items(list);
    const near = rows[rows.indexOf(item) + 1] ?? rows[rows.indexOf(item) - 1];
    if (near) item.remove();
    else empty(item);
    (near ?? item).querySelector("[name]").focus();
  };

  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-add], [data-remove]");
    const list = button?.closest("[data-rows]");
    if (!list) return;
    if (button.matches("[data-add]")) add(list);
    else remove(list, button.closest("[data-item]"));
    const full = items(list).length >= Number(list.dataset.rows);
    list.querySelector("[data-add]").hidden = full;
  });
})();
