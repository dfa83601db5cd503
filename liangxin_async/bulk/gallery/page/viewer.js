// One request, large, with all that is known about it.

const viewer = byId("viewer");
const stage = byId("stage");
const facts = byId("facts");
let viewed = 0; // index of the tile that is shown

function openViewer(index) {
  showInViewer(index);
  if (!viewer.open) viewer.showModal();
}

function showInViewer(index) {
  const tile = shown[index];
  if (!tile) return;
  viewed = index;
  byId("viewer-title").textContent = counted.format(index + 1) + " of " + counted.format(shown.length);
  byId("previous").disabled = index === 0;
  byId("next").disabled = index === shown.length - 1;
  byId("said").textContent = "";
  stage.className = "stage " + (tile.file ? "" : toneOf(tile.row));
  stage.replaceChildren(mediaOf(tile));
  facts.replaceChildren(...factsOf(tile));
  facts.scrollTop = 0;
  const after = shown[index + 1];
  if (after && after.file && after.file.kind === "picture" && !after.file.problem) new Image().src = after.file.href;
}

function mediaOf({ row, file }) {
  if (!file || !file.href || file.problem) return blank(row, file);
  if (file.kind === "video") return make("video", { src: file.href, controls: true, preload: "metadata", playsinline: true, "aria-label": promptOf(row).slice(0, 240) });
  if (file.kind === "audio") return make("audio", { src: file.href, controls: true, preload: "metadata" });
  if (file.kind !== "picture") return make("span", { class: "blank" }, make("b", {}, file.name));
  const picture = make("img", { src: file.href, alt: promptOf(row).slice(0, 240), width: file.width, height: file.height });
  const link = make("a", { href: file.href, target: "_blank", rel: "noopener", tabindex: "-1", title: "Open the file" }, picture);
  picture.addEventListener("error", () => link.replaceWith(blank(row, file)));
  return link;
}

function factsOf(tile) {
  const { row, file } = tile;
  const long = row.prompt !== undefined && row.prompt.length > 1500;
  return [
    why(row, file),
    make("p", { class: "full" + (long ? " long" : ""), dir: "auto", tabindex: long ? "0" : null }, promptOf(row)),
    row.long ? make("p", { class: "why" }, "Cut here: the prompt has " + counted.format(row.long) + " characters. All of it is in manifest.jsonl.") : null,
    actionsOf(row, file),
    listOf(tile),
  ].filter(Boolean);
}

function why(row, file) {
  const words = stateWords[row.state];
  const lines = [];
  if (row.error) lines.push((row.type ? row.type + ": " : "") + row.error);
  else if (row.state !== "saved") lines.push(words.says);
  if (file && file.problem) lines.push("File not shown: " + file.problem + ".");
  if (file && file.note) lines.push("The file has " + file.note + ".");
  const paragraphs = lines.map((line) => make("p", { dir: "auto" }, line));
  if (words.advice) paragraphs.push(make("p", {}, ...withCode(words.advice)));
  return paragraphs.length ? make("div", { class: "why " + toneOf(row) }, ...paragraphs) : null;
}

function actionsOf(row, file) {
  const copies = [["Copy prompt", "Prompt", row.prompt], ["Copy seed", "Seed", row.seed], ["Copy task id", "Task id", row.task]];
  const buttons = copies.filter(([, , text]) => text !== undefined).map(([label, name, text]) => copyButton(label, name, text));
  const link = file && file.href ? make("a", { class: "open", href: file.href, target: "_blank", rel: "noopener" }, "Open file") : null;
  return make("p", { class: "actions" }, ...buttons, link);
}

function copyButton(label, name, text) {
  const button = make("button", { type: "button", class: "copy" }, label);
  button.addEventListener("click", async () => {
    const done = await copy(text);
    button.focus();
    button.textContent = done ? "Copied" : "Not copied";
    byId("said").textContent = name + (done ? " copied" : " could not be copied");
    setTimeout(() => { button.textContent = label; }, 1500);
  });
  return button;
}

function listOf({ row, file }) {
  const entries = [["State", stateWords[row.state].label], ["Model", row.model], ["Seed", row.seed], ...(row.fields || []),
    ["Task id", row.task], ["Key", row.key], ["Input line", row.line && counted.format(row.line)],
    ["Creates", row.creates && row.creates + " (each may have been paid for)"]];
  if (file) {
    entries.push(["File", file.name], ["Size", sizeInWords(file.size)]);
    if (file.width) entries.push(["Pixels", file.width + " × " + file.height]);
  }
  entries.push(...timesOf(row));
  const list = make("dl");
  for (const [name, text] of entries) {
    if (text !== undefined && text !== null) list.append(make("dt", {}, name), make("dd", { dir: "auto" }, String(text)));
  }
  return list;
}

function timesOf(row) {
  const entries = [["Sent", row.sent], ["Accepted", row.accepted], ["Ended", row.ended], ["Saved", row.saved]]
    .filter(([, at]) => at !== undefined)
    .map(([name, at]) => [name, instants.format(new Date(at * 1000))]);
  if (row.accepted !== undefined && row.ended >= row.accepted) entries.push(["Took", secondsInWords(row.ended - row.accepted)]);
  return entries;
}

const step = (by) => showInViewer(viewed + by);
byId("previous").addEventListener("click", () => step(-1));
byId("next").addEventListener("click", () => step(1));
byId("close").addEventListener("click", () => viewer.close());
viewer.addEventListener("close", () => {
  stage.replaceChildren(); // ends what plays
  focusTile(viewed); // the browser has just given the focus to the first one that was opened
});
viewer.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (event.target instanceof HTMLMediaElement) return; // there the arrows seek
  const moves = { ArrowRight: 1, ArrowLeft: -1, Home: -viewed, End: shown.length - 1 - viewed };
  const move = moves[event.key];
  if (move === undefined) return;
  event.preventDefault();
  if (move) step(move);
});
