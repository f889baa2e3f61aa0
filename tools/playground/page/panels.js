// What totc says, as tables and sentences: takes answers of the compiler, fills the panels. Decides nothing.
"use strict";

const PANELS = { errors: "Errors", names: "Names", parameters: "Parameters", cost: "Cost", schedule: "Schedule", drawing: "Drawing" };

/** A row of tabs; `chosen` is called with the name of the one that is taken. */
class Tabs {
  constructor(place, chosen) {
    this.place = place;
    this.chosen = chosen;
  }

  show(names, selected) {
    this.place.replaceChildren(...Object.entries(names).map(([name, label]) => element("button", {
      role: "tab", "data-name": name, "aria-selected": String(name === selected), onclick: () => this.select(name),
    }, label)));
  }

  select(name) {
    for (const tab of this.place.children) tab.setAttribute("aria-selected", String(tab.dataset.name === name));
    this.chosen(name);
  }

  badge(name, count, kind = "") {
    const tab = [...this.place.children].find((tab) => tab.dataset.name === name);
    tab?.querySelector(".badge")?.remove();
    if (count) tab?.append(element("span", { class: `badge ${kind}` }, String(count)));
  }
}

const panel = (name) => byId(`panel-${name}`);

function table({ headed, rows }, className = "") {
  const cells = (row, kind) => element("tr", {}, ...row.map((cell) => element(kind, {}, cell)));
  const [head, ...body] = headed ? rows : [null, ...rows];
  return element("div", { class: "scroll" }, element("table", { class: className },
    head && element("thead", {}, cells(head, "th")), element("tbody", {}, ...body.map((row) => cells(row, "td")))));
}

function section(told) {
  const notes = told.notes.map((note) => element("p", { class: "note" }, note));
  return [element("h2", {}, told.title), table(told, told.headed ? "" : "words"), ...notes];
}

/** Mistakes, each with its place and mends. `told` is a list of {file, diagnostic, mends}. */
function showErrors(told, problem, { go, mend }) {
  const rows = told.map(({ file, diagnostic, mends }) => {
    const { start } = diagnostic.range;
    const place = `${file}:${start.line + 1}:${start.character + 1}`;
    const related = (diagnostic.relatedInformation ?? []).map(({ location, message }) => element("p", { class: "related" },
      `line ${location.range.start.line + 1}: ${message}`));
    return element("div", { class: `told ${diagnostic.severity === 2 ? "warning" : ""}` },
      element("button", { class: "place", onclick: () => go(file, diagnostic.range) }, place), " ",
      element("code", { class: "muted" }, String(diagnostic.code ?? "")),
      element("p", { class: "message" }, diagnostic.message), ...related,
      mends.length ? element("div", { class: "mends" }, ...mends.map((action) =>
        element("button", { onclick: () => mend(file, action) }, action.title))) : null);
  });
  // What only the settings are to blame for, in the words of the command.
  if (problem) rows.push(element("div", { class: "told" }, element("pre", { class: "message" }, problem)));
  if (!rows.length) rows.push(element("p", { class: "fine" }, "No mistakes."));
  panel("errors").replaceChildren(...rows);
}

function showExplained(told, depth, redraw) {
  const stale = told.problem != null;
  for (const name of ["parameters", "cost", "schedule", "drawing"]) panel(name).classList.toggle("stale", stale);
  // What was known of the last text without mistakes stays, pale.
  if (stale) return;
  const [axes, parameters, ...costs] = told.sections ?? [];
  const notes = (told.notes ?? []).map((note) => element("p", { class: "note" }, note));
  const title = () => told.model && element("h2", { class: "model" }, told.model);
  if (!axes) {
    for (const name of ["parameters", "cost", "schedule", "drawing"]) panel(name).replaceChildren(...notes.map((note) => note.cloneNode(true)));
    return;
  }
  panel("parameters").replaceChildren(...section(parameters), ...section(axes), ...notes);
  panel("cost").replaceChildren(...costs.flatMap(section));
  panel("schedule").replaceChildren(element("h2", {}, "One supervision step"), element("pre", {}, told.schedule));
  const choice = element("select", { onchange: (event) => redraw(Number(event.target.value)) },
    ...["none", "each net", "its parts too"].map((label, at) => element("option", { value: at, selected: at === depth }, label)));
  // As a picture: whatever a link brings, no script of it runs and its style stays inside.
  const source = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(told.drawing);
  panel("drawing").replaceChildren(element("label", {}, "Parameters of nets: ", choice),
    element("img", { src: source, alt: `One supervision step of ${told.model}` }));
}

/** Axes and kinds of what the schedule binds: [{line, name, is, range}]. */
function showNames(names, axes, go) {
  const rows = names.map(({ line, name, is, range }) => element("tr", { "data-line": line + 1, onclick: () => go(range) },
    element("td", {}, String(line + 1)), element("td", { class: "mono" }, name), element("td", { class: "mono" }, is)));
  const head = element("tr", {}, ...["line", "name", "kind and axes"].map((word) => element("th", {}, word)));
  panel("names").replaceChildren(
    ...(rows.length ? [element("h2", {}, "Bound by the schedule"),
      element("p", { class: "note" }, "As editors show it: with the text's own configs, and stand-ins for the data's sizes."),
      element("table", { class: "words" }, element("thead", {}, head), element("tbody", {}, ...rows))] : [
      element("p", { class: "note" }, "This text binds nothing itself; what it inherits stands in the texts it uses.")]),
    ...(axes ? section(axes) : []));
}

/** The little of Markdown that the language server writes. */
function markdown(text) {
  return text.split(/```tot\n([\s\S]*?)\n```/).flatMap((part, at) => {
    if (at % 2) return [element("pre", {}, part)];
    return part.split(/\n\n+/).filter((paragraph) => paragraph.trim()).map((paragraph) => element("p", {},
      ...paragraph.split(/\*\*(.+?)\*\*/).map((piece, at) => (at % 2 ? element("strong", {}, piece) : piece))));
  });
}
