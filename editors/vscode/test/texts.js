// The model files of this repository, and what the grammar says of their letters.

const fs = require('node:fs');
const path = require('node:path');
const oniguruma = require('vscode-oniguruma');
const textmate = require('vscode-textmate');

const ROOT = path.join(__dirname, '..', '..', '..');

/** Every model file of the repository, those with mistakes too. */
function shipped() {
  const found = [];
  const walk = (folder) => {
    for (const entry of fs.readdirSync(path.join(ROOT, folder), { withFileTypes: true })) {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) walk(file);
      else if (entry.name.endsWith('.tot')) found.push(file);
    }
  };
  ['models', 'examples', 'tests', path.join('src', 'cli', 'new')].forEach(walk);
  return found.sort();
}

async function grammar() {
  const wasm = fs.readFileSync(require.resolve('vscode-oniguruma/release/onig.wasm'));
  await oniguruma.loadWASM(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength));
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async () => {
      const file = path.join(__dirname, '..', 'syntaxes', 'tot.tmLanguage.json');
      return textmate.parseRawGrammar(fs.readFileSync(file, 'utf8'), file);
    },
  });
  return registry.loadGrammar('source.tot');
}

/** The tokens of a text in order: `{ line, start, text, scope }`, lines and columns from 0, `scope` the innermost. */
function tokens(grammar, text) {
  const found = [];
  let stack = textmate.INITIAL;
  text.split('\n').forEach((content, line) => {
    const result = grammar.tokenizeLine(content, stack);
    stack = result.ruleStack;
    for (const { startIndex, endIndex, scopes } of result.tokens) {
      const text = content.slice(startIndex, endIndex);
      if (text.trim()) found.push({ line, start: startIndex, text, scope: scopes[scopes.length - 1] });
    }
  });
  return found;
}

module.exports = { ROOT, grammar, shipped, tokens };
