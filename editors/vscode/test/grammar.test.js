const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { ROOT, grammar, shipped, tokens } = require('./texts');

const RESERVED = /^(if|else|match|lookahead|true|false|not|and|or|return)$/;

/** Words and signs with their scopes, without `.tot`. */
async function scopes(text) {
  return tokens(await grammar(), text).map(({ text, scope }) => [text.trim(), scope.replace(/\.tot$/, '')]);
}

test('every model file: comments, reserved words, names and numbers have a scope', async () => {
  const known = await grammar();
  const files = shipped();
  assert.ok(files.length > 100);
  for (const file of files) {
    const text = fs.readFileSync(path.join(ROOT, file), 'utf8');
    const found = tokens(known, text);
    const at = ({ line, text, scope }) => `${file}:${line + 1}: \`${text}\` is ${scope}`;
    const comments = text.split('\n').filter((line) => line.includes('//')).length;
    assert.strictEqual(found.filter(({ scope }) => scope.startsWith('comment.')).length, comments, file);
    for (const token of found) {
      if (token.text.startsWith('//')) assert.match(token.scope, /^comment\./, at(token));
      if (token.scope.startsWith('comment.')) continue;
      if (RESERVED.test(token.text)) assert.match(token.scope, /^(keyword|constant\.language)/, at(token));
      if (/^[A-Za-z_0-9]/.test(token.text)) assert.ok(!/^(source\.tot|meta)/.test(token.scope), at(token));
    }
  }
});

test('a model', async () => {
  assert.deepStrictEqual(await scopes('model ToTrm extends TreeTrm { // two'), [
    ['model', 'storage.type'], ['ToTrm', 'entity.name.type'], ['extends', 'storage.modifier'],
    ['TreeTrm', 'entity.other.inherited-class'], ['{', 'source'], ['// two', 'comment.line.double-slash'],
  ]);
});

test('a config with bounds', async () => {
  assert.deepStrictEqual(await scopes('config rate: float = 1e-6 in 0 .. 1_000'), [
    ['config', 'storage.type'], ['rate', 'variable.other'], [':', 'source'], ['float', 'support.type'], ['=', 'keyword.operator'],
    ['1e-6', 'constant.numeric'], ['in', 'keyword.control'], ['0', 'constant.numeric'], ['..', 'keyword.operator'],
    ['1_000', 'constant.numeric'],
  ]);
});

test('comments', async () => {
  assert.deepStrictEqual(await scopes('//! file\n/// item\n// if'), [
    ['//! file', 'comment.line.documentation'], ['/// item', 'comment.line.documentation'], ['// if', 'comment.line.double-slash'],
  ]);
});

test('an axis that is called like a statement', async () => {
  const branches = (await scopes('branch z along branch with differ(z[branch in 3 .. 4], over branch)\nbranch <- f(branch)'))
    .filter(([text]) => text === 'branch').map(([, scope]) => scope);
  assert.deepStrictEqual(branches, ['keyword.control', ...Array(5).fill('variable.other')]);
});

test('a call', async () => {
  assert.deepStrictEqual(await scopes('z <- mean(Linear(dim -> 1, bias = true), over not batch)'), [
    ['z', 'variable.other'], ['<-', 'keyword.operator'], ['mean', 'entity.name.function'], ['(', 'source'],
    ['Linear', 'entity.name.type'], ['(', 'source'], ['dim', 'variable.other'], ['->', 'keyword.operator'],
    ['1', 'constant.numeric'], [',', 'source'], ['bias', 'variable.parameter'], ['=', 'keyword.operator'],
    ['true', 'constant.language'], [')', 'source'], [',', 'source'], ['over', 'keyword.other.clause'], ['not', 'keyword.operator.word'],
    ['batch', 'variable.other'], [')', 'source'],
  ]);
});
