/* What htmx leaves to the page: the person's time zone, live parts, menus, rows that open, the
   question before something is deleted. Everything works without it, with one page load more. */
(() => {
  "use strict";
  const EVERY = 1000; // milliseconds between two looks at a part that grows; others take every second
  const root = document.documentElement;
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);

  root.dataset.scripted = ""; // shows what is of no use without JavaScript

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

  // Live parts ask again while somebody looks at them, and at once when somebody looks again.
  const refresh = (which) => {
    if (document.visibilityState !== "visible") return;
    for (const part of $$(which)) part.dispatchEvent(new CustomEvent("refresh"));
  };
  let looks = 0;
  setInterval(() => refresh(looks++ % 2 ? "[data-live]" : "[data-live=fast]"), EVERY);
  document.addEventListener("visibilitychange", () => refresh("[data-live]"));

  const offline = (yes) => {
    if (byId("offline")) byId("offline").hidden = !yes;
  };
  document.addEventListener("htmx:before:response", () => offline(false));
  document.addEventListener("htmx:error", ({ detail }) => {
    if (detail.ctx && !detail.ctx.response) offline(true);
  });

  // A morph would take away what only this page knows: which menus and rows are open.
  const isOurs = (element, name) =>
    (name === "open" && element.matches("details, dialog")) ||
    (name === "aria-expanded" && element.matches(".opener")) ||
    (name === "hidden" && element.matches("[data-row] > .more"));
  // A growing answer gets what is new at its end, so that what is read or marked in it stays where
  // it is; it follows its end only while somebody is there.
  const grow = (old, fresh) => {
    const text = old.firstChild, whole = fresh.textContent;
    if (!old.matches("pre.growing") || text?.nodeType !== Node.TEXT_NODE || !whole.startsWith(text.data)) return;
    const atEnd = old.scrollTop + old.clientHeight >= old.scrollHeight - 4;
    text.appendData(whole.slice(text.length));
    if (atEnd) old.scrollTop = old.scrollHeight;
  };
  window.htmx?.registerExtension("autoai", {
    htmx_before_morph_node: (element, { oldNode, newNode }) => grow(oldNode, newNode),
    htmx_before_morph_attr: (element, { attrName, newValue }) =>
      !(isOurs(element, attrName) && (newValue === null || attrName !== "open")),
  });

  // A row that somebody has opened stays on the page, also when newer rows push it out.
  document.addEventListener("htmx:before:swap", ({ detail }) => {
    for (const { target, fragment, swapSpec } of detail.tasks) {
      const old = target instanceof Element && target.querySelector("table.runs");
      const fresh = fragment?.querySelector("table.runs");
      if (!old || !fresh || swapSpec?.style !== "outerMorph" || swapSpec.show) continue;
      for (const row of $$("[data-row]:has(> .more:not([hidden]))", old)) {
        if (!fresh.querySelector("#" + CSS.escape(row.id))) fresh.append(row.cloneNode(true));
      }
      stay($$("[data-row] > .more:not([hidden])", old).find(inSight));
    }
  });

  // Nor does it move while it is read. The browser sees to that where rows come in above the window,
  // not where they come in between its upper edge and the open row.
  const inSight = (element) => {
    const { top, bottom } = element.getBoundingClientRect();
    return top < innerHeight && bottom > 0;
  };
  const stay = (element) => {
    if (!element) return;
    const before = element.getBoundingClientRect().top;
    document.addEventListener("htmx:after:swap", () => {
      const moved = element.isConnected ? element.getBoundingClientRect().top - before : 0;
      if (moved) scrollBy({ top: moved, behavior: "instant" });
    }, { once: true });
  };

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
