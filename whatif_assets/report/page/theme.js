// Light and dark: as the system has it, until the reader switches; paper is light.
const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");
const themeListeners = [];

const stored = {
  get() { try { return localStorage.getItem("theme") || "auto"; } catch { return "auto"; } },
  set(value) { try { localStorage.setItem("theme", value); } catch { /* files may have none */ } },
};

const showTheme = (theme) => {
  const shown = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
  if (root.dataset.theme === shown) return;
  root.dataset.theme = shown;
  themeListeners.forEach((listener) => listener());
};

const themeChoice = document.getElementById("theme");
themeChoice.value = stored.get();
themeChoice.addEventListener("change", () => {
  stored.set(themeChoice.value);
  showTheme(themeChoice.value);
});
dark.addEventListener("change", () => showTheme(themeChoice.value));
addEventListener("beforeprint", () => showTheme("light"));
addEventListener("afterprint", () => showTheme(themeChoice.value));
showTheme(themeChoice.value);

const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();

// Give text to the reader as a file.
const save = (name, text) => {
  const link = document.createElement("a");
  const made = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.setAttribute("href", made);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(made), 1000);
};

const csv = (rows) => rows.map((row) => row.map((cell) => {
  const text = cell === null || cell === undefined || Number.isNaN(cell) ? "" : String(cell);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}).join(",")).join("\n") + "\n";

const button = (text, label, act) => {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
};
