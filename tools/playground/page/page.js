// The page: holds the texts and settings, has them compiled shortly after the last key, shows what comes back, and keeps all of it
// in the address behind `#`.
"use strict";

/** Milliseconds without a key before the text is compiled. */
const PAUSE = 150;

const state = { model: null, run: null, shown: "model", which: "", sets: "", sizes: "", depth: 0, names: [] };
let compiler, texts, editor, candidates, about, tabs, files;
let timer, busy = false, again = false;

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
const standing = (value, text) => {
  document.body.dataset.state = value;
  byId("standing").textContent = text;
};

// ---- the state in the address ----

async function packed(text) {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const letters = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

async function unpacked(text) {
  const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const stream = new Blob([Uint8Array.from(letters, (c) => c.charCodeAt(0))]).stream();
  return new Response(stream.pipeThrough(new DecompressionStream("deflate-raw"))).text();
}

/** What a link says: the name of what ships with totc, or everything. */
async function fragment() {
  const from = state.run ? about.runs.find((run) => run.name === state.run.name) : null;
  const model = about.models.find((model) => model.name === state.model.name);
  const shipped = model?.text === state.model.text && (state.run ? from?.text === state.run.text : true);
  const rest = { which: state.which, sets: state.sets, sizes: state.sizes };
  if (shipped && !Object.values(rest).some(Boolean)) return `#${(state.run ?? state.model).name}`;
  return `#1.${await packed(JSON.stringify({ model: state.model, run: state.run, ...rest }))}`;
}

let ownFragment = "";
async function remember() {
  ownFragment = await fragment();
  history.replaceState(null, "", ownFragment);
}

/** Takes what the address says; false if it says nothing that is understood. */
async function restore(text) {
  if (text.startsWith("#1.")) {
    try {
      const { model, run, which, sets, sizes } = JSON.parse(await unpacked(text.slice(3)));
      const file = (file) => ({ name: String(file.name), text: String(file.text) });
      take({ model: file(model), run: run && file(run), which: String(which ?? ""), sets: String(sets ?? ""), sizes: String(sizes ?? "") });
      return true;
    } catch {
      standing("idle", "The link is damaged: it was cut off or changed on its way.");
      return false;
    }
  }
  return start(decodeURIComponent(text.slice(1)));
}

/** Begins with something that ships with totc. */
function start(name) {
  const run = about.runs.find((run) => run.name === name);
  const model = about.models.find((model) => model.name === (run?.model_file ?? name));
  if (!model) return false;
  take({ model: { ...model }, run: run ? { name: run.name, text: run.text } : null, which: "", sets: "", sizes: "" });
  return true;
}

function take(given) {
  Object.assign(state, given, { shown: "model", names: [] });
  byId("sets").value = state.sets;
  byId("sizes").value = state.sizes;
  byId("pick").value = (state.run ?? state.model).name;
  showFiles();
  showFile("model");
  soon(0);
}

function showFiles() {
  files.show({ model: state.model.name, ...(state.run ? { run: state.run.name } : {}) }, state.shown);
}

function showFile(which) {
  state.shown = which;
  byId("format").disabled = which !== "model";
  editor.text = state[which].text;
  if (!busy) mark();
}

// ---- compiling ----

function soon(pause = PAUSE) {
  clearTimeout(timer);
  document.body.dataset.state = "busy";
  timer = setTimeout(compile, pause);
}

async function compile() {
  // What is typed meanwhile is compiled when this is done; nothing between is.
  if (busy) { again = true; return; }
  busy = true;
  const begun = performance.now();
  try {
    do {
      again = false;
      await compiled();
    } while (again);
    standing("idle", `checked in ${Math.round(performance.now() - begun)} ms`);
  } catch (error) {
    if (error instanceof Stopped) {
      showErrors([], error.message, {});
      standing("stopped", "stopped");
    } else {
      const said = error instanceof Broken ? error.message : String(error.stack ?? error);
      showErrors([], `internal error: ${said}\n\nThis is a mistake of totc, not of the text. The compiler has been started again.`, {});
      standing("broken", "internal error");
    }
    tabs.badge("errors", 1);
  } finally {
    busy = false;
    if (again) soon(0);
  }
}

async function compiled() {
  const { model, run } = state;
  const held = run ? [model, run] : [model];
  await texts.hold(held.map((file) => ({ ...file })));
  const told = [];
  for (const { name } of held) {
    const diagnostics = texts.diagnostics(name);
    const range = { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } };
    for (const diagnostic of diagnostics) {
      const context = { diagnostics: [diagnostic] };
      const mends = name === model.name ? await texts.ask("textDocument/codeAction", name, { range, context }) : [];
      told.push({ file: name, diagnostic, mends: mends ?? [] });
    }
  }
  const whole = { start: { line: 0, character: 0 }, end: { line: model.text.split("\n").length, character: 0 } };
  const hints = (await texts.ask("textDocument/inlayHint", model.name, { range: whole })) ?? [];
  const explained = await compiler.ask({
    ask: "explain", model_file: { ...model }, run_file: run && { ...run }, model: state.which || null,
    sets: lines(state.sets), sizes: lines(state.sizes), depth: state.depth,
  });
  if (model !== state.model || again) return;
  const errors = told.filter(({ diagnostic }) => diagnostic.severity !== 2).length;
  const problem = errors ? null : explained.problem;
  state.told = told;
  state.names = hints.map((hint) => named(model.text, hint));
  showErrors(told, problem, { go, mend });
  tabs.badge("errors", errors + (problem ? 1 : 0) || told.length, errors || problem ? "" : "warning");
  showExplained(explained, state.depth, (depth) => { state.depth = depth; soon(0); });
  showNames(state.names, explained.sections?.[0], (range) => go(model.name, range));
  showModels(explained);
  mark();
  await remember();
}

/** The name that a hint stands behind. */
function named(text, { position, label }) {
  const line = text.split("\n")[position.line] ?? "";
  const name = line.slice(0, position.character).match(/[A-Za-z_]\w*$/)?.[0] ?? "";
  const start = { line: position.line, character: position.character - name.length };
  return { line: position.line, name, is: label.replace(/^: /, ""), range: { start, end: position } };
}

function mark() {
  const own = state[state.shown].name;
  const marks = (state.told ?? []).filter(({ file }) => file === own)
    .map(({ diagnostic }) => ({ range: diagnostic.range, warning: diagnostic.severity === 2 }));
  const shown = state.shown === "model" && byId("hints").checked;
  editor.show(marks, shown ? state.names.map(({ line, name, is }) => ({ line, text: `${name}: ${is}` })) : []);
}

function showModels({ models = [], model }) {
  byId("which").hidden = models.length < 2;
  const chosen = state.which && models.includes(state.which) ? state.which : model;
  byId("model").replaceChildren(...models.map((name) => element("option", { value: name, selected: name === chosen }, name)));
}

function go(file, range) {
  const which = file === state.model.name ? "model" : "run";
  if (state.shown !== which) files.select(which);
  editor.select(range);
}

function mend(file, action) {
  go(file, action.edit.changes[texts.address(file)][0].range);
  for (const { range, newText } of action.edit.changes[texts.address(file)]) {
    editor.replace(editor.at(range.start), editor.at(range.end), newText);
  }
}

async function format() {
  if (state.shown !== "model") return;
  await texts.hold([state.model, ...(state.run ? [state.run] : [])].map((file) => ({ ...file })));
  const edits = await texts.ask("textDocument/formatting", state.model.name, { options: { tabSize: 4, insertSpaces: true } });
  if (!edits) return standing("idle", "not formatted: the text has syntax errors");
  const caret = editor.area.selectionStart;
  for (const { range, newText } of edits) editor.replace(editor.at(range.start), editor.at(range.end), newText);
  editor.area.setSelectionRange(caret, caret);
  if (!edits.length) standing("idle", "formatted already");
}

// ---- what stands under the mouse ----

let hovered;
function hover(event) {
  clearTimeout(hovered);
  byId("hover").hidden = true;
  hovered = setTimeout(async () => {
    const place = editor.under(event.clientX, event.clientY);
    if (!place || busy || state.shown !== "model") return;
    const at = editor.at(place);
    const inside = ({ diagnostic: { range } }) => editor.at(range.start) <= at && at <= editor.at(range.end);
    const own = (state.told ?? []).filter(({ file }) => file === state.model.name).filter(inside);
    const told = await texts.ask("textDocument/hover", state.model.name, { position: place }).catch(() => null);
    const parts = [...own.map(({ diagnostic }) => element("p", {}, diagnostic.message)), ...(told ? markdown(told.contents.value) : [])];
    if (!parts.length) return;
    const box = byId("hover");
    box.replaceChildren(...parts);
    box.hidden = false;
    box.style.left = `${Math.max(8, Math.min(event.clientX, innerWidth - box.offsetWidth - 8))}px`;
    const below = event.clientY + 18;
    box.style.top = `${below + box.offsetHeight < innerHeight ? below : Math.max(8, event.clientY - box.offsetHeight - 12)}px`;
  }, 250);
}

// ---- the beginning ----

async function program() {
  const letters = atob(byId("program").textContent.trim());
  const bytes = Uint8Array.from(letters, (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return WebAssembly.compile(await new Response(stream).arrayBuffer());
}

function picker() {
  const option = (name, label) => element("option", { value: name }, label);
  const titled = (name) => (name.endsWith(".ron") ? `${name} — as published` : name);
  const group = (label, list) => element("optgroup", { label }, ...list.map(({ name }) => option(name, titled(name))));
  byId("pick").replaceChildren(group("Models", about.models), group("With the sizes of a run", about.runs));
}

async function begin() {
  compiler = new Compiler(await program());
  texts = new Texts(compiler);
  about = await compiler.ask({ ask: "about" });
  editor = new Editor(about.words);
  const candidatesAt = (position) => {
    if (state.shown !== "model") return [];
    return texts.hold([state.model, ...(state.run ? [state.run] : [])].map((file) => ({ ...file })))
      .then(() => texts.ask("textDocument/completion", state.model.name, { position })).catch(() => []);
  };
  candidates = new Candidates(editor, async (position) => (await candidatesAt(position)) ?? []);
  tabs = new Tabs(byId("tabs"), (name) => Object.keys(PANELS).forEach((own) => { panel(own).hidden = own !== name; }));
  tabs.show(PANELS, "errors");
  files = new Tabs(byId("files"), showFile);
  picker();
  editor.area.addEventListener("input", () => { state[state.shown].text = editor.text; soon(); });
  byId("pick").addEventListener("change", (event) => start(event.target.value));
  byId("hints").addEventListener("change", mark);
  byId("model").addEventListener("change", (event) => { state.which = event.target.value; soon(0); });
  for (const name of ["sets", "sizes"]) byId(name).addEventListener("input", (event) => { state[name] = event.target.value; soon(); });
  byId("format").addEventListener("click", format);
  byId("link").addEventListener("click", async () => {
    await remember();
    await navigator.clipboard?.writeText(location.href).then(() => standing("idle", "link copied"),
      () => standing("idle", "the address of this page is the link"));
  });
  editor.area.addEventListener("mousemove", hover);
  editor.area.addEventListener("mouseleave", () => { clearTimeout(hovered); byId("hover").hidden = true; });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey && event.shiftKey && event.key.toLowerCase() === "f") { event.preventDefault(); format(); }
  });
  addEventListener("hashchange", () => { if (location.hash !== ownFragment) restore(location.hash); });
  if (!(location.hash && await restore(location.hash))) start("totrm.tot");
}

begin().catch((error) => {
  standing("broken", `The page cannot start here (${error}): it needs a browser of 2023 or newer with WebAssembly.`);
});
