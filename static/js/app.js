/* What htmx leaves to the page: the person's time zone, menus, rows that open, the question before
   something is deleted (what is live is in live.js). Everything works without it, with one page load more. */
(() => {
  "use strict";
  const root = document.documentElement;
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);

  // The server writes times in the person's zone; the cookie tells it which one that is.
  const cookie = (name) =>
    document.cookie.split("; ").find((part) => part.startsWith(name + "="))?.slice(name.length + 1);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (/^[\w+/-]+$/.test(zone) && cookie("timezone") !== zone) {
    const safe = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `timezone=${zone}; path=/; max-age=31536000; SameSite=Lax${safe}`;
    // This page was written in the other zone: read it again, once, where it shows any times.
    if (root.dataset.times === "yes" && cookie("timezone")) location.reload();
  }

  // Where the tabs do not fit, the one of this page is in sight.
  const here = document.querySelector(".tabs [aria-current]");
  if (here) here.parentElement.scrollLeft = here.offsetLeft - (innerWidth - here.offsetWidth) / 2;

  document.addEventListener("htmx:after:swap", ({ detail }) => {
    // Messages of a form stand beside its fields: go to the first one.
    if (detail.ctx.response?.status === 422) document.querySelector("[aria-invalid=true]")?.focus();
    // What is wrong while somebody types arrives apart from the field that it is about.
    for (const slot of $$("[data-slot]")) {
      const field = byId(slot.dataset.slot);
      if (slot.firstElementChild) field?.setAttribute("aria-invalid", "true");
      else field?.removeAttribute("aria-invalid");
    }
    // What was chosen is done; the next choice begins anew.
    if (detail.ctx.sourceElement?.closest?.(".bulk")) for (const box of $$("[form=several]:checked, [data-all]")) box.checked = false;
    for (const note of $$("#toasts .flash:not(.trouble)")) setTimeout(() => note.remove(), 6000);
    const ask = byId("ask");
    if (ask?.querySelector("form") && !ask.open && ask.contains(detail.ctx.target)) ask.showModal();
  });

  // An address need not name the filters that are not set.
  document.addEventListener("htmx:config:request", ({ detail }) => {
    const { method, body } = detail.ctx.request;
    if (method !== "GET" || !(body instanceof FormData)) return;
    for (const [name, value] of [...body]) if (value === "") body.delete(name);
  });

  document.addEventListener("click", (event) => {
    const { target } = event;
    for (const menu of $$("details.menu[open]")) {
      const chosen = target.closest("a, button") && !target.closest("summary");
      if (menu.contains(target) && !chosen) continue;
      // Not into nothing: a question that is asked now gives the focus back to where it was.
      if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
      menu.open = false;
    }
    if (target.closest("[data-dismiss]")) target.closest(".flash")?.remove();
    const dialog = target.closest("dialog");
    if (dialog && (target === dialog || target.closest("[data-close]"))) {
      event.preventDefault();
      dialog.close();
    }

    const line = target.closest("[data-row] > .line");
    const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.button);
    const other = target.closest("a, button, input, label");
    if (line && plain && (!other || other.matches(".opener")) && !String(getSelection())) {
      event.preventDefault();
      toggle(line.parentElement);
    }
  });

  document.addEventListener("change", ({ target }) => {
    if (!target.dataset.all) return;
    for (const box of $$(`input[name="${target.dataset.all}"]`)) box.checked = target.checked;
  });

  function toggle(row) {
    const more = row.querySelector(".more");
    more.hidden = !more.hidden;
    row.querySelector(".opener").setAttribute("aria-expanded", String(!more.hidden));
    if (!more.hidden) more.querySelector("[hx-get]").dispatchEvent(new CustomEvent("reveal"));
  }

  // A menu near the window's lower edge opens in sight.
  document.addEventListener("toggle", ({ target }) => {
    if (target.matches("details.menu[open]")) target.lastElementChild.scrollIntoView({ block: "nearest" });
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of $$("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
})();
