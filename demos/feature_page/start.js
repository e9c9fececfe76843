// Start: read the arrays, build the index, and draw cards for what is searched.

const PAGE = 24;
const list = { features: [], shown: 0 };

function refresh() {
  const features = found(), searched = features.length > 0 && features[0].match !== undefined;
  const match = document.querySelector('#sort [value="match"]'), sort = byId("sort");
  if (searched && match.hidden) sort.value = "match";
  if (!searched && sort.value === "match") sort.value = "number";
  match.hidden = !searched;
  list.features = features.sort(ORDERS[sort.value]);
  list.shown = 0;
  const dead = about.features - index.features.filter((one) => one.at.length).length;
  byId("found").textContent = `${features.length.toLocaleString("en")} of ${about.features.toLocaleString("en")} features`
    + (dead ? ` (never active: ${dead.toLocaleString("en")})` : "");
  byId("cards").replaceChildren();
  showMore();
}

function showMore() {
  const next = list.features.slice(list.shown, list.shown + PAGE);
  byId("cards").append(...next.map(card));
  list.shown += next.length;
  byId("more").hidden = list.shown >= list.features.length;
}

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme ?? (prefersDark.matches ? "dark" : "light")) === "dark";
const markTheme = () => byId("theme").setAttribute("aria-pressed", isDark());

async function start() {
  byId("summary").textContent = about.summary;
  await loadArrays();
  buildIndex();
  let waiting = 0;
  byId("query").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(refresh, 150); });
  byId("controls").addEventListener("submit", (event) => { event.preventDefault(); refresh(); });
  for (const id of ["sort", "contexts", "passages"]) byId(id).addEventListener("change", refresh);
  byId("more").addEventListener("click", showMore);
  byId("close").addEventListener("click", () => byId("passage").close());
  byId("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    markTheme();
  });
  prefersDark.addEventListener("change", markTheme);
  markTheme();
  refresh();
  document.documentElement.dataset.ready = "true";
}

start().catch((error) => {
  byId("problem").hidden = false;
  byId("problem").textContent = `This page cannot start (${error.message}). It needs a browser of 2024 or later.`;
});
