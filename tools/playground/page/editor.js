// The editor: a textarea over its own coloured text. Knows places (line, UTF-16 unit), marks and hints; nothing of totc but its
// words.
"use strict";

const byId = (id) => document.getElementById(id);

/** An element with attributes, and children or text; what a link brings is text and never markup. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

const TOKEN = /(\/\/.*)|("[^"\n]*"?)|(\b\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?)|([A-Za-z_]\w*)/g;

class Editor {
  constructor(words) {
    this.words = new Set(words);
    this.area = byId("text");
    this.shown = byId("shown");
    this.marks = [];
    this.hints = [];
    this.area.addEventListener("scroll", () => this.scrolled());
    this.area.addEventListener("input", () => { this.hints = []; this.draw(); });
    this.area.addEventListener("keydown", (event) => this.key(event));
  }

  get text() { return this.area.value; }

  set text(text) {
    if (text === this.area.value) return;
    this.area.value = text;
    this.area.setSelectionRange(0, 0);
    this.area.scrollTo(0, 0);
    this.marks = [];
    this.hints = [];
    this.draw();
  }

  /** Puts a text in place of a stretch; can be undone like typing. */
  replace(from, to, text) {
    this.area.focus();
    this.area.setSelectionRange(from, to);
    if (!document.execCommand("insertText", false, text)) {
      this.area.setRangeText(text, from, to, "end");
      this.area.dispatchEvent(new Event("input"));
    }
  }

  key(event) {
    if (event.key !== "Tab" || event.defaultPrevented || event.shiftKey || event.ctrlKey || event.altKey) return;
    event.preventDefault();
    this.replace(this.area.selectionStart, this.area.selectionEnd, "    ");
  }

  /** Where a place of the protocol is in the text. */
  at({ line, character }) {
    let start = 0;
    for (; line > 0; line--) {
      const end = this.text.indexOf("\n", start);
      if (end < 0) return this.text.length;
      start = end + 1;
    }
    const end = this.text.indexOf("\n", start);
    return Math.min(start + character, end < 0 ? this.text.length : end);
  }

  place(at) {
    const before = this.text.slice(0, at);
    const start = before.lastIndexOf("\n") + 1;
    return { line: before.split("\n").length - 1, character: at - start };
  }

  /** Width of a letter and where the first one stands, in the window. */
  measure() {
    if (!this.letter) {
      const probe = element("span", {}, "m".repeat(100));
      this.shown.append(probe);
      this.letter = probe.getBoundingClientRect().width / 100;
      probe.remove();
    }
    const box = this.area.getBoundingClientRect();
    return { letter: this.letter, left: box.left + 8 - this.area.scrollLeft, top: box.top + 8 - this.area.scrollTop, line: 20 };
  }

  /** The place under a point of the window; null beside the text. */
  under(x, y) {
    const { letter, left, top, line } = this.measure();
    const place = { line: Math.floor((y - top) / line), character: Math.floor((x - left) / letter) };
    const text = this.text.split("\n")[place.line];
    return text != null && place.character >= 0 && place.character < text.length ? place : null;
  }

  show(marks, hints) {
    this.marks = marks;
    this.hints = hints;
    this.draw();
  }

  select(range) {
    const [from, to] = [this.at(range.start), this.at(range.end)];
    this.area.focus();
    this.area.setSelectionRange(from, to);
    this.area.scrollTop = Math.max(0, range.start.line * 20 - this.area.clientHeight / 3);
  }

  scrolled() {
    this.shown.style.transform = `translate(${-this.area.scrollLeft}px, ${-this.area.scrollTop}px)`;
    byId("numbers").scrollTop = this.area.scrollTop;
  }

  draw() {
    const lines = this.text.split("\n");
    const out = document.createDocumentFragment();
    lines.forEach((line, number) => {
      this.line(out, line, number);
      const hints = this.hints.filter((hint) => hint.line === number).map((hint) => hint.text);
      if (hints.length) out.append(element("span", { class: "hint" }, hints.join("   ")));
      out.append("\n");
    });
    this.shown.replaceChildren(out);
    byId("numbers").textContent = lines.map((_, number) => number + 1).join("\n") + "\n\n\n";
    this.scrolled();
  }

  /** A line in pieces that have one look each. */
  line(out, line, number) {
    const looks = Array.from({ length: line.length }, () => "");
    for (const found of line.matchAll(TOKEN)) {
      const [token, comment, string, digits, name] = found;
      const kind = comment ? "comment" : string ? "string" : digits ? "number" : this.kind(name, line[found.index + token.length]);
      looks.fill(kind, found.index, found.index + token.length);
    }
    for (const { range, warning } of this.marks) {
      if (number < range.start.line || number > range.end.line) continue;
      const from = number === range.start.line ? range.start.character : line.search(/\S|$/);
      let to = number === range.end.line ? range.end.character : line.length;
      if (to <= from && number === range.start.line) to = from + 1;
      for (let at = from; at < Math.min(to, line.length); at++) looks[at] += warning ? " wrong warning" : " wrong";
      if (from >= line.length && number === range.start.line) looks.atEnd = warning ? "wrong warning" : "wrong";
    }
    for (let from = 0; from < line.length;) {
      let to = from + 1;
      while (to < line.length && looks[to] === looks[from]) to++;
      const piece = line.slice(from, to);
      out.append(looks[from] ? element("span", { class: looks[from].trim() }, piece) : piece);
      from = to;
    }
    if (looks.atEnd) out.append(element("span", { class: looks.atEnd }, " "));
  }

  kind(name, next) {
    if (this.words.has(name)) return "word";
    if (/^[A-Z]\w*[a-z]/.test(name)) return "type";
    return next === "(" ? "call" : "";
  }
}

/** What may be typed at the caret: asked for with Ctrl+Space or behind a dot, chosen with arrows and Enter. */
class Candidates {
  constructor(editor, ask) {
    this.editor = editor;
    this.ask = ask;
    this.list = byId("candidates");
    editor.area.addEventListener("keydown", (event) => this.key(event), true);
    editor.area.addEventListener("input", (event) => this.typed(event));
    editor.area.addEventListener("blur", () => this.close());
    editor.area.addEventListener("scroll", () => this.close());
  }

  get open() { return !this.list.hidden; }

  close() { this.list.hidden = true; }

  word() {
    const before = this.editor.text.slice(0, this.editor.area.selectionStart);
    return before.match(/[A-Za-z_]\w*$/)?.[0] ?? "";
  }

  typed(event) {
    if (this.open || event.data === "." || event.data === ":") this.fetch();
  }

  async fetch() {
    const at = this.editor.area.selectionStart;
    const all = await this.ask(this.editor.place(at));
    if (at !== this.editor.area.selectionStart || document.activeElement !== this.editor.area) return;
    const word = this.word().toLowerCase();
    const label = (item) => item.label.toLowerCase();
    this.items = all.filter((item) => label(item).startsWith(word) && label(item) !== word).slice(0, 60);
    this.chosen = 0;
    if (!this.items.length) return this.close();
    const { letter } = this.editor.measure();
    const { line, character } = this.editor.place(at - word.length);
    this.list.hidden = false;
    this.draw();
    const { clientWidth, clientHeight, scrollLeft, scrollTop } = this.editor.area;
    const below = 8 + (line + 1) * 20 - scrollTop;
    const fits = below + this.list.offsetHeight <= clientHeight;
    this.list.style.top = `${fits ? below : Math.max(0, below - 20 - this.list.offsetHeight)}px`;
    const left = 8 + character * letter - scrollLeft;
    this.list.style.left = `${Math.max(0, Math.min(left, clientWidth - this.list.offsetWidth))}px`;
  }

  draw() {
    this.list.replaceChildren(...this.items.map((item, at) => element("li",
      { role: "option", "aria-selected": String(at === this.chosen), onmousedown: (event) => { event.preventDefault(); this.take(at); } },
      item.label, element("span", {}, item.detail ?? ""))));
    this.list.children[this.chosen]?.scrollIntoView({ block: "nearest" });
  }

  take(at) {
    const caret = this.editor.area.selectionStart;
    this.editor.replace(caret - this.word().length, caret, this.items[at].label);
    this.close();
  }

  key(event) {
    if (event.ctrlKey && event.key === " ") { event.preventDefault(); this.fetch(); return; }
    if (!this.open) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      this.chosen = (this.chosen + step + this.items.length) % this.items.length;
      this.draw();
    } else if (event.key === "Enter" || event.key === "Tab") this.take(this.chosen);
    else if (event.key === "Escape") this.close();
    else { if (!/^[\w.:]$|^(Backspace|Shift)$/.test(event.key)) this.close(); return; }
    event.preventDefault();
    event.stopPropagation();
  }
}
