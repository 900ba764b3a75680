/* The command palette and the keys that need no mouse. Without it, the palette's button leads to a
   page with the same, and the keys do nothing. */
(() => {
  "use strict";
  const root = document.documentElement;
  const dialog = document.getElementById("palette");
  if (!dialog) return;
  const input = dialog.querySelector("input"), list = dialog.querySelector("[role=listbox]");
  const none = dialog.querySelector(".none");
  const sprite = dialog.querySelector("use").getAttribute("href").split("#")[0];
  const SVG = "http://www.w3.org/2000/svg";
  const PAUSE = 90; // milliseconds after the last key before the server is asked
  let items = [], active = -1, asked = 0, timer = 0;
  let answered = null; // the text that `items` fit

  const element = (name, attributes, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const icon = (name) => {
    const svg = document.createElementNS(SVG, "svg"), use = document.createElementNS(SVG, "use");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    use.setAttribute("href", `${sprite}#${name}`);
    svg.append(use);
    return svg;
  };

  function show(found) {
    items = found;
    list.replaceChildren();
    let group = null;
    items.forEach((item, number) => {
      if (group?.dataset.name !== item.group) {
        const title = element("p", { class: "group-name", id: `palette-group-${number}` }, item.group);
        group = element("div", { role: "group", "aria-labelledby": title.id, "data-name": item.group }, title);
        list.append(group);
      }
      const option = { role: "option", id: `palette-${number}`, class: "option", "aria-selected": "false" };
      group.append(element("div", { ...option, "data-number": number }, icon(item.icon), element("span", {}, item.label)));
    });
    say(items.length ? "" : dialog.dataset.none);
    input.setAttribute("aria-expanded", String(items.length > 0));
    choose(items.length ? 0 : -1);
  }

  const say = (words) => {
    none.textContent = words;
  };

  function choose(number) {
    list.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    active = number;
    const option = document.getElementById(`palette-${active}`);
    if (!option) return input.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    input.setAttribute("aria-activedescendant", option.id);
    const top = option.previousElementSibling?.matches(".option") ? option : option.parentElement.firstChild;
    top.scrollIntoView({ block: "nearest" });
    option.scrollIntoView({ block: "nearest" });
  }

  async function ask() {
    const mine = ++asked, text = input.value;
    let answer;
    try {
      answer = await fetch(`/find/items?q=${encodeURIComponent(text)}`, { redirect: "manual" });
    } catch {
      if (mine !== asked || !dialog.open) return;
      say(dialog.dataset.trouble);
      timer = setTimeout(ask, 2000);
      return;
    }
    if (answer.type === "opaqueredirect") { // the login has ended
      location.reload();
      return;
    }
    const found = answer.ok ? (await answer.json()).items : [];
    if (mine !== asked || !dialog.open) return;
    answered = text;
    show(found);
  }

  function go(number, event) {
    const item = items[number];
    if (!item) return;
    if (item.href) {
      if (event.ctrlKey || event.metaKey) window.open(item.href);
      else location.assign(item.href);
      return dialog.close();
    }
    const fields = { next: location.pathname + location.search, ...item.fields };
    fields.csrf_token = document.querySelector("meta[name=csrf-token]").content;
    const hidden = Object.entries(fields).map(([name, value]) => element("input", { type: "hidden", name, value }));
    const form = element("form", { method: "post", action: item.post, hidden: "" }, ...hidden);
    document.body.append(form);
    form.submit();
  }

  function open() {
    if (dialog.open || document.querySelector("dialog[open]")) return;
    for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
    input.value = "";
    answered = null;
    dialog.showModal();
    input.focus();
    ask();
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return; // an input method's own Enter and arrows
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && items.length) choose((active + step + items.length) % items.length);
    else if (event.key === "Enter") {
      if (answered === input.value) go(active, event);
      else {
        clearTimeout(timer); // what was typed last has not been answered yet
        ask().then(() => answered === input.value && go(active, event));
      }
    } else return;
    event.preventDefault();
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest(".option");
    if (option) go(Number(option.dataset.number), event);
  });
  dialog.addEventListener("close", () => {
    clearTimeout(timer);
    asked++;
  });

  document.addEventListener("click", (event) => {
    const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.button);
    if (!plain || !event.target.closest("[data-palette]")) return;
    event.preventDefault();
    open();
  });

  // Single keys, where nobody types; they can be switched off.
  const PLACES = { d: "/", t: "/tasks", l: "/logs", u: "/usage", g: "/gallery", a: "/accounts", s: "/settings", h: "/health" };
  const ROWS = "main :is(.opener, td .name, .pickable h3 a, .offers .name)";
  const LATER = 1500; // milliseconds between the two keys of a pair
  let waiting = 0;

  function step(by) {
    const rows = [...document.querySelectorAll(ROWS)].filter((row) => row.checkVisibility());
    const here = rows.indexOf(document.activeElement);
    const near = here >= 0 ? here + by : by > 0 ? 0 : rows.length - 1;
    rows[Math.min(Math.max(near, 0), rows.length - 1)]?.focus();
    return rows.length > 0;
  }

  function key(name) {
    if (waiting > Date.now()) {
      waiting = 0;
      if (PLACES[name]) location.assign(PLACES[name]);
      return Boolean(PLACES[name]);
    }
    if (name === "g") waiting = Date.now() + LATER;
    else if (name === "n") location.assign("/tasks/new");
    else if (name === "?") document.querySelector("[data-keys]")?.click();
    else if (name === "j" || name === "k") return step(name === "j" ? 1 : -1);
    else if (name === "ArrowDown" || name === "ArrowUp")
      return document.activeElement?.matches(ROWS) && step(name === "ArrowDown" ? 1 : -1);
    else if (name === "/") {
      const field = document.querySelector("main :is(input[type=search], .filter :is(input, select, summary))");
      field?.focus();
      return Boolean(field);
    } else return false;
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      return dialog.open ? dialog.close() : open();
    }
    const typing = event.target.closest?.("input, textarea, select, [contenteditable], dialog, .sheet");
    const modified = event.ctrlKey || event.metaKey || event.altKey || event.isComposing;
    if (typing || modified || event.defaultPrevented || !("shortcuts" in root.dataset)) return;
    if (document.querySelector("dialog[open]")) return;
    if (key(event.key)) event.preventDefault();
  });
})();
