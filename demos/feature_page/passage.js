// A passage: all its tokens, and the features of the chosen one.

const open = { feature: 0, buttons: new Map() };

function openPassage(i, feature) {
  const number = arrays.passage[i], [begin, end] = index.passage.get(number);
  byId("passage-title").textContent = `Passage ${number}${isHeld(i) ? ", held-out" : ""}`;
  open.feature = feature;
  open.buttons.clear();
  byId("tokens").replaceChildren();
  for (let j = begin; j < end; j++) {
    const button = element("button", { type: "button" });
    shade(button, strengthAt(feature, j));
    button.addEventListener("click", () => choose(j));
    open.buttons.set(j, button);
    addToken(byId("tokens"), j, button);
  }
  choose(i);
  if (!byId("passage").open) byId("passage").showModal();
}

function choose(i) {
  for (const [j, button] of open.buttons) button.setAttribute("aria-pressed", j === i);
  const features = [];
  for (let e = index.first[i]; e < index.first[i + 1]; e++) {
    features.push([arrays.feature[e], (arrays.strength[e] / 255) * arrays.largest[arrays.feature[e]]]);
  }
  features.sort((a, b) => b[1] - a[1]);
  byId("active-title").textContent = `${features.length} features of “${word(i).trim()}”`;
  byId("active").replaceChildren(...features.map(([number, value]) => {
    const bar = element("i");
    bar.style.width = `${(100 * value) / features[0][1]}%`;
    const button = element("button", { type: "button" },
      element("span", { className: "which", textContent: `#${number}` }),
      element("span", { className: "bar", title: value.toFixed(2) }, bar),
      element("span", { className: "pieces", textContent: quoted(index.features[number], 3) }));
    button.addEventListener("click", () => show(`#${number}`));
    return element("li", {}, button);
  }));
}

// Close the passage and search for the text.
function show(text) {
  byId("passage").close();
  byId("query").value = text;
  refresh();
}
