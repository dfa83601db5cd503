// What is shown: search, model and state, with counts of what each state would show.

const search = byId("search");
const models = byId("model");
const bar = byId("bar");
const chips = new Map(); // state or "" -> the node with its count
let state = "";

const everything = [];
for (const row of rows) {
  row.hay = [row.prompt, row.key, row.task].filter(Boolean).join("\n").toLowerCase();
  row.tiles = row.files
    ? row.files.map((file, at) => ({ row, file, part: row.files.length > 1 ? at + 1 + " of " + row.files.length : "" }))
    : [{ row, file: null, part: "" }];
  everything.push(row);
}

function buildModels() {
  const counts = new Map();
  for (const row of everything) counts.set(row.model, (counts.get(row.model) || 0) + 1);
  models.append(make("option", { value: "" }, "All models"));
  for (const name of [...counts.keys()].sort()) {
    // Not by value: "" is taken, and a model may be called anything.
    const option = make("option", {}, name + " (" + counted.format(counts.get(name)) + ")");
    option.model = name;
    models.append(option);
  }
  models.hidden = counts.size < 2;
}

function buildStates() {
  const present = new Set(everything.map((row) => row.state));
  const names = ["", ...Object.keys(stateWords).filter((name) => present.has(name))];
  for (const name of names) {
    const input = make("input", { type: "radio", name: "state", value: name, checked: name === "" });
    const count = make("b");
    input.addEventListener("change", () => { state = name; refresh(); });
    chips.set(name, { input, count });
    byId("states-bar").append(make("label", { class: "chip" }, input, make("span", {}, name ? stateWords[name].label : "All", count)));
  }
}

function refresh() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const model = models.selectedOptions[0].model;
  const found = everything.filter((row) => (model === undefined || row.model === model) && words.every((word) => row.hay.includes(word)));
  for (const [name, { count }] of chips) count.textContent = counted.format(name ? found.filter((row) => row.state === name).length : found.length);
  const chosen = state ? found.filter((row) => row.state === state) : found;
  const tiles = chosen.flatMap((row) => row.tiles);
  const all = chosen.length === everything.length;
  byId("found").textContent = all ? "" : counted.format(chosen.length) + " of " + counted.format(everything.length) + (everything.length === 1 ? " request" : " requests");
  byId("none").hidden = tiles.length > 0;
  const top = byId("main").offsetTop - bar.offsetHeight; // the bar itself is sticky
  if (scrollY > top) scrollTo(0, top);
  showTiles(tiles);
}

function chooseState(name) {
  state = name;
  chips.get(name).input.checked = true;
}

function reset() {
  search.value = "";
  models.selectedIndex = 0;
  chooseState("");
  refresh();
}

buildModels();
buildStates();
search.addEventListener("input", refresh);
models.addEventListener("change", refresh);
bar.addEventListener("submit", (event) => event.preventDefault());
byId("reset").addEventListener("click", () => { reset(); search.focus(); });
if (byId("show-doubts")) {
  byId("show-doubts").addEventListener("click", () => {
    reset();
    if (chips.has("in doubt")) chooseState("in doubt");
    refresh();
    if (shown.length) focusTile(0);
  });
}
addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (event.key === "/" && !typing && !viewer.open) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "Escape" && event.target === search && search.value) {
    search.value = "";
    refresh();
  }
});
addEventListener("scroll", () => bar.classList.toggle("stuck", scrollY > 0 && bar.getBoundingClientRect().top <= 0), { passive: true });
if (byId("course")) byId("course").open = matchMedia("(min-width: 900px)").matches;
if (byId("started")) byId("started").textContent = days.format(new Date(byId("started").dateTime));
refresh();
