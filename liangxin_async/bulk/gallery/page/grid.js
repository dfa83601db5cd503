// The grid. Only tiles near the window are nodes of the page, so that its cost does not
// grow with the run; each has its place by arithmetic.

const grid = byId("grid");
const placed = new Map(); // index -> node
const BEYOND = 700; // pixels above and below the window that are kept ready
let shown = []; // the tiles that match, as { row, file, part }
let active = 0; // the one tile that the Tab key reaches
let place = { columns: 1, width: 0, height: 0, gap: 0 };

function showTiles(tiles) {
  shown = tiles;
  active = 0;
  for (const node of placed.values()) node.remove();
  placed.clear();
  layOut();
}

function layOut() {
  const style = getComputedStyle(grid);
  const gap = parseFloat(style.getPropertyValue("--gap"));
  const least = parseFloat(style.getPropertyValue("--tile-width"));
  const caption = parseFloat(style.getPropertyValue("--caption")) * parseFloat(getComputedStyle(document.documentElement).fontSize);
  const room = grid.clientWidth;
  const columns = Math.max(1, Math.floor((room + gap) / (least + gap)));
  const width = (room - gap * (columns - 1)) / columns;
  place = { columns, width, height: width + caption, gap };
  const lines = Math.ceil(shown.length / columns);
  grid.style.height = Math.max(0, lines * (place.height + gap) - gap) + "px";
  for (const [index, node] of placed) putInPlace(node, index);
  draw();
}

function putInPlace(node, index) {
  const column = index % place.columns, line = Math.floor(index / place.columns);
  const x = column * (place.width + place.gap), y = line * (place.height + place.gap);
  node.style.width = place.width + "px";
  node.style.height = place.height + "px";
  node.style.transform = "translate(" + x + "px," + y + "px)";
}

function draw() {
  const pitch = place.height + place.gap;
  const above = -grid.getBoundingClientRect().top;
  const first = Math.max(0, Math.floor((above - BEYOND) / pitch)) * place.columns;
  const last = Math.min(shown.length, Math.ceil((above + innerHeight + BEYOND) / pitch) * place.columns);
  const wanted = new Set();
  for (let index = first; index < last; index++) wanted.add(index);
  if (active < shown.length) wanted.add(active); // keeps the focus when scrolled away
  for (const [index, node] of placed) {
    if (!wanted.has(index)) {
      node.remove();
      placed.delete(index);
    }
  }
  let before = null;
  for (const index of [...wanted].sort((a, b) => b - a)) {
    let node = placed.get(index);
    if (!node) {
      node = tileNode(shown[index], index);
      placed.set(index, node);
      putInPlace(node, index);
      grid.insertBefore(node, before);
    }
    before = node;
  }
}

function tileNode(tile, index) {
  const { row, file } = tile;
  const label = stateWords[row.state].label;
  const meta = [row.model, row.seed === undefined ? "" : "seed " + row.seed].filter(Boolean).join(" · ");
  const button = make("button", { type: "button", class: "tile", tabindex: index === active ? "0" : "-1" },
    frameOf(tile),
    make("span", { class: "caption" },
      make("span", { class: "prompt", dir: "auto" }, promptOf(row).slice(0, 240)),
      make("span", { class: "meta" }, meta, make("span", { class: "hidden" }, ", " + label))));
  button.addEventListener("click", () => openViewer(index));
  button.addEventListener("focus", () => setActive(index));
  return make("li", { "aria-setsize": shown.length, "aria-posinset": index + 1 }, button);
}

function frameOf(tile) {
  const { row, file, part } = tile;
  const frame = make("span", { class: "frame " + (file ? "" : toneOf(row)) });
  if (!file || file.problem) {
    frame.append(blank(row, file));
  } else if (file.kind === "picture") {
    frame.append(pictureOf(row, file, frame));
  } else if (file.kind === "video") {
    const video = make("video", { src: file.href + "#t=0.1", preload: "metadata", playsinline: true, tabindex: "-1", "aria-hidden": "true" });
    video.muted = true;
    const play = playSign();
    video.addEventListener("error", () => { video.replaceWith(blank(row, file)); play.remove(); });
    frame.append(video, play);
    if (!part) frame.append(make("span", { class: "badge" }, "Video"));
  } else {
    frame.append(make("span", { class: "blank" }, make("b", {}, file.kind === "audio" ? "Sound" : "File"), make("span", {}, file.name)));
  }
  if (part) frame.append(make("span", { class: "badge" }, part));
  return frame;
}

function playSign() {
  const sign = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
  sign.setAttribute("class", "play");
  sign.setAttribute("viewBox", "0 0 24 24");
  shape.setAttribute("d", "M10 8l6 4-6 4z");
  sign.append(shape);
  return sign;
}

function pictureOf(row, file, frame) {
  const picture = make("img", { alt: "", loading: "lazy", decoding: "async", src: file.thumb || file.href, width: file.width, height: file.height });
  picture.addEventListener("error", () => {
    if (file.thumb && picture.getAttribute("src") === file.thumb) picture.src = file.href;
    else picture.replaceWith(blank(row, file));
  });
  return picture;
}

function setActive(index) {
  const old = placed.get(active);
  if (old) old.firstChild.tabIndex = -1;
  active = index;
  const node = placed.get(index);
  if (node) node.firstChild.tabIndex = 0;
}

function focusTile(index) {
  setActive(index);
  draw();
  const node = placed.get(index);
  if (!node) return;
  node.firstChild.focus({ preventScroll: true });
  node.scrollIntoView({ block: "nearest" });
}

grid.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: place.columns, ArrowUp: -place.columns, Home: -active, End: shown.length - 1 - active };
  const move = moves[event.key];
  if (move === undefined) return;
  event.preventDefault();
  const target = active + move;
  if (target >= 0 && target < shown.length) focusTile(target);
});

let drawing = false;
function drawSoon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}
addEventListener("scroll", drawSoon, { passive: true });
new ResizeObserver(layOut).observe(grid);
addEventListener("resize", drawSoon);
