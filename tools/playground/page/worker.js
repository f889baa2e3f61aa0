// Holds the compiler: takes {id, question}, gives {id, answer}, or {id, broken} and is of no use from then on.
"use strict";
let compiler, ready;

const text = (start, bytes) => new TextDecoder().decode(new Uint8Array(compiler.memory.buffer, start, bytes));

function answer(question) {
  const bytes = new TextEncoder().encode(JSON.stringify(question));
  const start = compiler.room(bytes.length);
  new Uint8Array(compiler.memory.buffer, start, bytes.length).set(bytes);
  const answered = compiler.ask();
  return JSON.parse(text(compiler.answer(), answered));
}

self.onmessage = async ({ data }) => {
  if (data.program) {
    ready = WebAssembly.instantiate(data.program, {}).then((program) => { compiler = program.exports; });
    return;
  }
  try {
    await ready;
    postMessage({ id: data.id, answer: answer(data.question) });
  } catch (error) {
    // What a panic has said still stands in the memory; of a stack that is used up the engine tells.
    const said = compiler && compiler.complaint_bytes();
    postMessage({ id: data.id, broken: said ? text(compiler.complaint(), said) : String(error) });
  }
};
