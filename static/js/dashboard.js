// The times of runs under way go on between two looks at the server. By how long this page has known
// them, so that it does not matter what this machine's clock shows.
(() => {
  "use strict";
  const known = new WeakMap();
  const two = (number) => String(number).padStart(2, "0");
  const written = (seconds) => {
    const hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60;
    return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
  };
  const count = () => {
    for (const clock of document.querySelectorAll("[data-elapsed]")) {
      const told = Number(clock.dataset.elapsed);
      if (known.get(clock)?.told !== told) known.set(clock, { told, since: performance.now() });
      const now = told + performance.now() - known.get(clock).since;
      clock.textContent = written(Math.floor(now / 1000));
    }
  };
  count();
  setInterval(count, 1000);
  document.addEventListener("htmx:after:swap", count);
})();
