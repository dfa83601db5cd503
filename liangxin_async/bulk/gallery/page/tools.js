// What the other parts use. Text from requests becomes text of nodes, never markup.

const byId = (id) => document.getElementById(id);
const stateWords = JSON.parse(byId("states").textContent);
const rows = JSON.parse(byId("items").textContent);

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== undefined && value !== null && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const counted = new Intl.NumberFormat();
const instants = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const days = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "short" });

function sizeInWords(bytes) {
  let size = bytes, unit = "bytes";
  for (const larger of ["kB", "MB", "GB", "TB"]) {
    if (size < 1000) break;
    size /= 1000;
    unit = larger;
  }
  return (unit === "bytes" || size >= 10 ? Math.round(size) : size.toFixed(1)) + " " + unit;
}

function secondsInWords(seconds) {
  if (seconds < 60) return seconds.toFixed(1) + " s";
  const whole = Math.round(seconds), minutes = Math.floor(whole / 60);
  if (minutes < 60) return minutes + " min " + (whole % 60) + " s";
  return Math.floor(minutes / 60) + " h " + (minutes % 60) + " min";
}

const promptOf = (row) => row.prompt || "(no prompt)";
const toneOf = (row) => ({ failed: "failed", "in doubt": "doubt" })[row.state] || "";

// What stands where a picture would: why there is none.
function blank(row, file) {
  const words = stateWords[row.state];
  const title = file ? "File not shown" : words.label;
  let why = words.says;
  if (file) why = file.problem || "this browser cannot show it";
  else if (row.state === "failed" && row.error) why = row.error;
  return make("span", { class: "blank" }, make("b", {}, title), make("span", { dir: "auto" }, why));
}

// Options of the command are set as code, so that no line breaks in them.
const withCode = (text) => text.split(/(--[a-z-]+)/).map((part, at) => at % 2 ? make("code", {}, part) : part);

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (refused) { // no permission, or an old browser on a page without https
    const field = make("textarea", { readonly: true, class: "hidden" });
    field.value = text;
    byId("viewer").append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
