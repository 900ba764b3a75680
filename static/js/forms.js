/* Long forms: says that something is not saved yet, and asks before a stored key goes to another
   host. Without it the bar only saves, and the question comes once the form is sent. */
(() => {
  "use strict";
  const form = () => document.getElementById("form");
  const filled = () =>
    new URLSearchParams([...new FormData(form())].filter(([name]) => name !== "csrf_token")).toString();
  const saved = filled();

  const tell = () => {
    const mistaken = form().querySelector("[aria-invalid=true]");
    form().querySelector("[data-unsaved]").hidden = !mistaken && filled() === saved;
  };

  const place = (address) => {
    try {
      return new URL(address.trim());
    } catch {
      return null; // not typed to its end
    }
  };
  const ask = () => {
    const key = form().querySelector("[data-key]");
    const moved = key?.querySelector("[data-moved]");
    if (!moved || moved.querySelector(".error")) return;
    // A port that is the usual one is empty: http and https of one host are one place.
    const old = place(key.dataset.stored), now = place(form().elements.api_endpoint.value);
    const elsewhere = old && now && now.hostname &&
      (old.hostname !== now.hostname || old.port !== now.port || (old.protocol === "https:" && now.protocol === "http:"));
    moved.hidden = !elsewhere;
    if (!elsewhere) moved.querySelector("input").checked = false;
  };

  const look = () => {
    ask();
    tell();
  };
  for (const kind of ["input", "change", "click", "htmx:after:swap"]) {
    document.addEventListener(kind, ({ target }) => {
      if (kind.startsWith("htmx") || target.closest?.("#form")) setTimeout(look);
    });
  }
  look();
})();
