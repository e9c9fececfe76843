// Light and dark: the system's preference, until the reader presses the button.

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme ?? (prefersDark.matches ? "dark" : "light")) === "dark";

function drawAll() {
  byId("theme").setAttribute("aria-pressed", isDark());
  drawWalk();
  drawPictures(drawing.canvas, [drawing.pixels]);
  drawPictures(byId("reconstruction"), [decode(encode(input()))]);
  for (const draw of watchers) draw();
}

function startTheme() {
  byId("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    drawAll();
  });
  prefersDark.addEventListener("change", drawAll);
  new ResizeObserver(drawMap).observe(map.canvas);
}
