/* What the task form does in the browser: presets write the cron expression, windows can be added.
   Without it the expression is typed, and two empty windows are always there. */
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);

  const fields = {
    minutes: () => `*/${byId("build-step").value} * * * *`.replace("*/1 ", "* "),
    hourly: () => `${byId("build-minute").value || 0} * * * *`,
    daily: () => `${clock()} * * *`,
    weekdays: () => `${clock()} * * 1-5`,
    weekly: () => `${clock()} * * ${byId("build-weekday").value}`,
    monthly: () => `${clock()} ${byId("build-day").value} * *`,
  };
  const clock = () => {
    const [hour, minute] = (byId("build-time").value || "09:00").split(":").map(Number);
    return `${minute} ${hour}`;
  };

  const show = () => {
    const { value: kind } = byId("build-kind");
    for (const part of document.querySelectorAll("#cron-builder [data-for]")) {
      part.hidden = !part.dataset.for.split(" ").includes(kind);
    }
    return kind;
  };

  const build = () => {
    const kind = show();
    if (!fields[kind]) return;
    byId("cron").value = fields[kind]();
    byId("cron").dispatchEvent(new Event("input", { bubbles: true }));
  };

  const addWindow = (button) => {
    const rows = [...document.querySelectorAll("#blackouts .window")];
    const fresh = rows.at(-1).cloneNode(true);
    for (const part of fresh.querySelectorAll("[id], [for]")) {
      for (const name of ["id", "for", "name"]) {
        if (part.hasAttribute(name)) {
          part.setAttribute(name, part.getAttribute(name).replace(/-\d+-/, `-${rows.length}-`));
        }
      }
      if ("value" in part) part.value = "";
    }
    rows.at(-1).after(fresh);
    fresh.querySelector("input").focus();
    if (rows.length + 1 >= 20) button.hidden = true;
  };

  document.addEventListener("input", ({ target }) => {
    if (target.closest("#cron-builder")) build();
  });
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("#add-blackout");
    if (button) addWindow(button);
  });
  document.addEventListener("htmx:after:swap", show); // the form came back: its parts are as sent
})();
