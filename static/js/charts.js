// Charts by keyboard: one stop for Tab in each, the arrows go from bar to bar, Escape hides what the
// bar says. Without this every bar is a stop of its own.
(() => {
  "use strict";
  const bars = (plot) => [...plot.querySelectorAll("a")];
  const plotOf = (target) => (target instanceof Element ? target.closest("[data-plot]") : null);

  const oneStop = (plot, stop) => {
    const all = bars(plot);
    const chosen = stop ?? all.find((bar) => bar === document.activeElement) ?? all.at(-1);
    for (const bar of all) bar.setAttribute("tabindex", bar === chosen ? "0" : "-1");
  };
  const everywhere = () => document.querySelectorAll("[data-plot]").forEach((plot) => oneStop(plot));
  everywhere();
  document.addEventListener("htmx:after:swap", everywhere);

  const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
  document.addEventListener("keydown", (event) => {
    const plot = plotOf(event.target);
    if (event.key === "Escape") {
      const looked = plot ?? document.querySelector("[data-plot]:has(a:hover)");
      if (looked) looked.dataset.hushed = "";
    }
    if (!plot || !(event.key in STEPS) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const all = bars(plot);
    const at = all.indexOf(event.target.closest("a")) + STEPS[event.key];
    all[Math.min(Math.max(at, 0), all.length - 1)].focus();
  });

  // The next bar that is looked at speaks again.
  const speak = ({ target }) => {
    const plot = plotOf(target);
    if (plot) delete plot.dataset.hushed;
  };
  document.addEventListener("pointerover", speak);
  document.addEventListener("focusin", (event) => {
    speak(event);
    const plot = plotOf(event.target);
    if (plot) oneStop(plot, event.target.closest("a"));
  });
})();
