/* The log: days and periods that put each other out, and files that show how far they are. Without
   it the form does the same when it is sent, and the browser shows the download. */
(() => {
  "use strict";
  const ASK_EVERY = 500; // milliseconds between two looks at how far a file of Excel is
  const byId = (id) => document.getElementById(id);
  const numbers = new Intl.NumberFormat(document.documentElement.lang);

  // Typed days go before a period: what was set last is meant. Before htmx sends the form.
  document.addEventListener("change", ({ target }) => {
    const form = target.form;
    if (form?.id !== "filter" || !target.value) return;
    const clear = (name) => { if (form.elements[name]) form.elements[name].value = ""; };
    if (target.name === "period") ["from", "to"].forEach(clear);
    if (target.name === "from" || target.name === "to") clear("period");
  }, true);

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-export]")) return;
    event.preventDefault();
    form.closest("details").open = false;
    void save(form);
  });

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_all, name) => numbers.format(values[name]));

  // Lines of a CSV file end outside of quotes; a row of JSON Lines is a line.
  function counter(format) {
    let rows = format === "csv" ? -1 : 0, quoted = false;
    return (bytes) => {
      for (const byte of bytes) {
        if (byte === 34 && format === "csv") quoted = !quoted;
        else if (byte === 10 && !quoted) rows += 1;
      }
      return Math.max(rows, 0);
    };
  }

  async function save(form) {
    const box = byId("export"), bar = box.querySelector("progress"), told = box.querySelector(".told");
    const stop = box.querySelector("[data-stop]"), away = box.querySelector("[data-away]");
    const words = form.dataset, query = new URLSearchParams(new FormData(form));
    const format = query.get("format"), token = crypto.getRandomValues(new Uint32Array(4)).join("-");
    query.set("token", token);
    const ended = new AbortController();
    let rows = 0, total = null, asking = 0;
    const show = () => {
      if (total) { bar.max = total; bar.value = Math.min(rows, total); }
      told.textContent = fill(total ? words.of : words.running, { rows, total });
    };
    const look = async () => {
      const answer = await fetch(`/logs/export/progress?token=${token}`, { signal: ended.signal });
      if (answer.status === 200) ({ rows, total } = await answer.json());
      show();
    };
    box.hidden = false;
    box.classList.remove("wrong");
    stop.hidden = false;
    away.hidden = true;
    bar.hidden = false;
    bar.removeAttribute("value");
    box.querySelector(".name strong").textContent = box.getAttribute("aria-label");
    show();
    stop.onclick = () => ended.abort();
    away.onclick = () => { box.hidden = true; };
    stop.focus();
    try {
      if (format === "xlsx") asking = setInterval(() => look().catch(() => {}), ASK_EVERY);
      const answer = await fetch(`${form.action}?${query}`, { signal: ended.signal });
      const kind = answer.headers.get("Content-Disposition");
      if (!answer.ok || !kind) throw new Error(await sentence(answer));
      const name = /filename="([^"]+)"/.exec(kind)[1];
      box.querySelector(".name strong").textContent = name;
      total = Number(answer.headers.get("X-Total-Rows")) || total;
      const count = counter(format), parts = [];
      for (const reader = answer.body.getReader(); ;) {
        const { done, value } = await reader.read();
        if (done) break;
        parts.push(value);
        if (format !== "xlsx") { rows = count(value); show(); }
      }
      if (format === "xlsx" && total) rows = total;
      hand(new Blob(parts, { type: answer.headers.get("Content-Type") }), name);
      told.textContent = fill(words.done, { rows });
      bar.max = 1;
      bar.value = 1;
    } catch (error) {
      if (error.name === "AbortError") { box.hidden = true; return; }
      told.textContent = error.name === "Error" && error.message ? error.message : words.wrong;
      box.classList.add("wrong");
      bar.hidden = true;
    } finally {
      clearInterval(asking);
      ended.abort();
      stop.hidden = true;
      away.hidden = false;
    }
    away.focus();
  }

  // An error's own page says what is wrong.
  async function sentence(answer) {
    if (answer.ok) return "";
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return page.querySelector(".problem p")?.textContent ?? "";
  }

  function hand(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }
})();
