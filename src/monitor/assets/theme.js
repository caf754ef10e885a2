// Runs before the page is painted, so that a chosen theme does not flash. The choice: "light", "dark", or the system's.
(() => {
  const KEY = "troupe-theme";
  const root = document.documentElement;
  const read = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  };
  const write = (choice) => {
    try {
      if (choice) localStorage.setItem(KEY, choice);
      else localStorage.removeItem(KEY);
    } catch {
      // Storage may be forbidden; the choice then lasts as long as the page.
    }
  };
  const apply = (choice) => {
    if (choice === "light" || choice === "dark") root.dataset.theme = choice;
    else delete root.dataset.theme;
  };
  apply(read());

  const ORDER = ["system", "light", "dark"];
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme-toggle");
    const show = () => {
      const choice = root.dataset.theme ?? "system";
      button.title = `Colour theme: ${choice}`;
      button.setAttribute("aria-label", `Colour theme: ${choice}. Change it`);
    };
    show();
    button.addEventListener("click", () => {
      const next = ORDER[(ORDER.indexOf(root.dataset.theme ?? "system") + 1) % ORDER.length];
      write(next === "system" ? null : next);
      apply(next);
      show();
    });
  });
})();
