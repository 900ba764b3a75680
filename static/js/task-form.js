/* What the task form does in the browser: presets write the cron expression, and the field for the
   model shows what an account asks by itself. Without it the expression is typed. */
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

  // Without a model of its own a task asks the account's: the empty field shows which one that is.
  const showDefault = ({ target }) => {
    if (target.id !== "account_id") return;
    const model = byId("model");
    model.placeholder = target.value ? target.selectedOptions[0].dataset.model : model.dataset.placeholder;
    byId("models").replaceChildren(); // those of another endpoint
  };

  document.addEventListener("input", ({ target }) => {
    if (target.closest("#cron-builder")) build();
  });
  document.addEventListener("change", showDefault);
  document.addEventListener("htmx:after:swap", show); // the form came back: its parts are as sent
})();
