/* Keeps a page up to date while somebody looks at it. The server tells in one stream of events when
   there is something new, and the parts with data-live ask for it; without a stream they ask by
   themselves every few seconds. What is read, marked, open or typed stays where it is. */
(() => {
  "use strict";
  // Seconds:
  const REST = 30; // until a part asks again without being told, for times go by; data-every says otherwise
  const POLL = 2 + 3 * Math.random(); // the same without a stream; not all tabs at once
  const DEAF = 45; // of silence after which a stream is given up; the server speaks every 15
  const LATER = 60; // until a stream that was refused is tried again
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const now = () => Date.now() / 1000;
  const isSeen = () => document.visibilityState === "visible";
  const parts = (which = "[data-live]") => $$(which).filter((part) => !part.closest("[hidden]"));

  // A part that is told while it asks already asks once more: its answer may be from before.
  const askedAt = new WeakMap(), asking = new WeakSet(), again = new WeakSet();
  const ask = (part) => {
    if (!isSeen() || !part.isConnected) return;
    askedAt.set(part, now());
    if (asking.has(part)) again.add(part);
    else part.dispatchEvent(new CustomEvent("refresh"));
  };
  document.addEventListener("htmx:before:request", ({ detail }) => asking.add(detail.ctx.sourceElement));
  document.addEventListener("htmx:finally:request", ({ detail }) => {
    const part = detail.ctx.sourceElement;
    asking.delete(part);
    if (again.delete(part)) setTimeout(() => ask(part)); // once htmx has let go of it
  });

  let stream = null, watched = "", last = "", heardAt = 0, notBefore = 0;
  const close = () => {
    stream?.close();
    stream = null;
  };
  const follow = () => {
    const wanted = isSeen() && parts().length > 0;
    const runs = parts("[data-live=fast][data-run]").map((part) => ["run", part.dataset.run]);
    const watch = String(new URLSearchParams(runs));
    if (!wanted || watch !== watched || now() - heardAt > DEAF) close();
    if (!wanted || stream || !window.EventSource || now() < notBefore) return;
    watched = watch;
    heardAt = now();
    stream = new EventSource("/events?" + new URLSearchParams(last ? [["since", last], ...runs] : runs));
    const on = (name, act) => stream.addEventListener(name, (event) => {
      if (event.target !== stream) return; // given up meanwhile
      heardAt = now();
      act(event);
    });
    on("open", () => isFound());
    on("beat", () => {});
    on("grow", () => parts("[data-live=fast]").forEach(ask));
    on("change", (event) => {
      last = event.lastEventId;
      parts().forEach(ask);
    });
    on("over", () => { // somebody has logged out: the answer leads to the login
      close();
      parts().forEach(ask);
    });
    on("error", () => { // the browser tries again by itself, unless it was told not to
      if (stream.readyState !== EventSource.CLOSED) return;
      close();
      notBefore = now() + LATER;
    });
  };

  const look = () => {
    follow();
    const limit = stream?.readyState === EventSource.OPEN ? REST : POLL;
    for (const part of parts()) {
      if (!askedAt.has(part)) askedAt.set(part, now());
      if (now() - askedAt.get(part) >= Math.min(limit, Number(part.dataset.every) || limit)) ask(part);
    }
  };
  setInterval(look, 1000);
  document.addEventListener("htmx:after:swap", follow);
  document.addEventListener("visibilitychange", () => {
    follow();
    parts().forEach(ask);
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", follow);

  // Notices: the connection is lost, and it is back.
  const show = (id, yes) => {
    if (byId(id)) byId(id).hidden = !yes;
  };
  const isLost = () => {
    show("offline", true);
    show("online", false);
  };
  const isFound = () => {
    if (!byId("offline") || byId("offline").hidden) return;
    show("offline", false);
    show("online", true);
    setTimeout(show, 4000, "online", false);
    notBefore = 0;
    parts().forEach(ask);
  };
  document.addEventListener("htmx:before:response", isFound);
  document.addEventListener("htmx:error", ({ detail }) => {
    if (detail.ctx && !detail.ctx.response) isLost();
  });

  // A morph would take away what only this page knows: which menus and rows are open, what is typed.
  const isOurs = (element, name) =>
    (name === "open" && element.matches("details, dialog")) ||
    (name === "aria-expanded" && element.matches(".opener")) ||
    (name === "hidden" && element.matches("[data-row] > .more")) ||
    (name === "value" && isTyped(element));
  const isTyped = (element) =>
    element.matches("[data-live] :is(input, textarea)") && element.value !== element.defaultValue;
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
    htmx_before_morph_node: (element, { oldNode, newNode }) => {
      grow(oldNode, newNode);
      return !(oldNode.matches("textarea") && isTyped(oldNode));
    },
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
})();
