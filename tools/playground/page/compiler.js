// The compiler in a worker: takes questions, gives promises of answers. A worker that takes too long or panics is ended, and
// another one takes its place.
"use strict";

/** Milliseconds that one answer may take. */
const PATIENCE = 10_000;

class Stopped extends Error {}
class Broken extends Error {}

class Compiler {
  constructor(program) {
    this.program = program;
    this.patience = PATIENCE;
    this.worker = null;
    /** How many workers there have been: a new one knows of no text. */
    this.life = 0;
    this.start();
  }

  start() {
    this.worker?.terminate();
    this.life++;
    this.waiting = new Map();
    this.next = 0;
    const source = new Blob([byId("worker-text").textContent], { type: "text/javascript" });
    const address = URL.createObjectURL(source);
    this.worker = new Worker(address);
    this.worker.onmessage = ({ data }) => {
      const waiting = this.waiting.get(data.id);
      if (!waiting) return;
      clearTimeout(waiting.timer);
      this.waiting.delete(data.id);
      if (data.broken == null) waiting.done(data.answer);
      else this.fail(new Broken(data.broken), waiting);
    };
    this.worker.onerror = (event) => this.fail(new Broken(event.message ?? "the worker does not start"));
    this.worker.postMessage({ program: this.program });
    // The worker has read it by its first answer.
    this.ask({ ask: "about" }).then((about) => { this.about ??= about; URL.revokeObjectURL(address); }, () => {});
  }

  /** The answer to a question; fails with `Stopped` or `Broken`, and then all that waits fails with it. */
  ask(question) {
    return new Promise((done, failed) => {
      const id = this.next++;
      const seconds = this.patience / 1000;
      const late = () => this.fail(new Stopped(`The compiler had not finished after ${seconds} seconds and was stopped. ` +
        "Change the text, such as to fewer iterations, and it starts again."));
      this.waiting.set(id, { done, failed, timer: setTimeout(late, this.patience) });
      this.worker.postMessage({ id, question });
    });
  }

  fail(error, first) {
    const waiting = [...this.waiting.values(), ...(first ? [first] : [])];
    waiting.forEach(({ timer }) => clearTimeout(timer));
    this.start();
    waiting.forEach(({ failed }) => failed(error));
  }

  /** The answer of the language server to a request; what it says by itself goes to `heard`. */
  async request(method, params, heard) {
    const { said } = await this.ask({ ask: "editor", message: { jsonrpc: "2.0", id: 1, method, params } });
    let result = null;
    for (const message of said) {
      if ("id" in message) result = message.result ?? null;
      else heard?.(message);
    }
    return result;
  }

  async notify(method, params, heard) {
    const { said } = await this.ask({ ask: "editor", message: { jsonrpc: "2.0", method, params } });
    said.forEach((message) => heard?.(message));
  }
}

/** The texts that the language server holds, and what it has said of them. */
class Texts {
  constructor(compiler) {
    this.compiler = compiler;
    this.forget();
  }

  forget() {
    this.life = this.compiler.life;
    this.open = new Map();
    this.told = new Map();
  }

  address(name) { return `file:${encodeURIComponent(name)}`; }

  /** Makes the server hold exactly these texts. */
  async hold(files) {
    if (this.life !== this.compiler.life) this.forget();
    const heard = ({ method, params }) => {
      if (method === "textDocument/publishDiagnostics") this.told.set(params.uri, params.diagnostics);
    };
    const wanted = new Map(files.map(({ name, text }) => [this.address(name), text]));
    for (const uri of [...this.open.keys()].filter((uri) => !wanted.has(uri))) {
      await this.compiler.notify("textDocument/didClose", { textDocument: { uri } }, heard);
      this.open.delete(uri);
      this.told.delete(uri);
    }
    for (const [uri, text] of wanted) {
      const known = this.open.get(uri);
      if (known === text) continue;
      const version = 1;
      if (known == null) {
        const textDocument = { uri, languageId: "tot", version, text };
        await this.compiler.notify("textDocument/didOpen", { textDocument }, heard);
      } else {
        const change = { textDocument: { uri, version }, contentChanges: [{ text }] };
        await this.compiler.notify("textDocument/didChange", change, heard);
      }
      this.open.set(uri, text);
    }
  }

  diagnostics(name) { return this.told.get(this.address(name)) ?? []; }

  ask(method, name, params = {}) {
    return this.compiler.request(method, { textDocument: { uri: this.address(name) }, ...params });
  }
}
