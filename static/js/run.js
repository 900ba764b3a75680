/* A run's page: copy its answer or its address, go to the runs beside it by keys, keep the look that
   was chosen in the address. Without it there are links for all of that. */
(() => {
  "use strict";

  // Where the browser has no clipboard for pages (plain http), the old way.
  const copyOldWay = (text) => {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "sr";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  };
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return copyOldWay(text);
    }
  };
  const fetched = async (address) => {
    const response = await fetch(address);
    if (!response.ok) throw new Error(response.status);
    return response.text();
  };

  // On the button for who sees it, and in the page's live region for who hears it.
  const say = (button, text) => {
    const words = button.querySelector("[data-words]");
    const usual = (words.dataset.usual ??= words.textContent);
    const heard = document.createElement("p");
    heard.className = "sr";
    words.textContent = heard.textContent = text;
    document.getElementById("toasts").append(heard);
    setTimeout(() => { words.textContent = usual; heard.remove(); }, 2000);
  };
  document.addEventListener("click", async ({ target }) => {
    const button = target.closest("[data-copy], [data-copy-link]");
    if (!button) return;
    const { copy: file, copyLink, done, failed } = button.dataset;
    const focused = document.activeElement;
    try {
      const text = copyLink ? new URL(copyLink, location.href).href : await fetched(file);
      say(button, (await copy(text)) ? done : failed);
    } catch {
      say(button, failed);
    }
    focused?.focus();
  });

  // The address names what is looked at, so that it can be shared; under a row of the log it stays.
  // What a link said when it was clicked: the new part may have made another one of it.
  const asked = new WeakMap();
  document.addEventListener("click", ({ target }) => {
    const link = target.closest("a[data-look]");
    if (link) asked.set(link, link.href);
  }, true);
  document.addEventListener("htmx:after:swap", ({ detail }) => {
    const href = asked.get(detail.ctx.sourceElement);
    if (!href || new URL(href).pathname !== location.pathname) return;
    history.replaceState(history.state, "", href);
    // The runs beside it are looked at in the same way, but for texts in full.
    const query = new URLSearchParams(location.search);
    query.delete("whole");
    for (const beside of document.querySelectorAll(".beside a[rel]:not(.further)")) beside.search = query;
  });

  const KEYS = { "[": "prev", "]": "next" };
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    if (!("shortcuts" in document.documentElement.dataset)) return; // switched off by the reader
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.closest("input, textarea, select, [contenteditable], dialog[open]")) return;
    const name = KEYS[event.key];
    if (name) document.querySelector(`.beside a[rel=${name}]`)?.click();
  });
})();
