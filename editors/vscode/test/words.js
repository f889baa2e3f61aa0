// Prints where the grammar sees keywords: `file:line:column word`, counted from 1, for the files named. `tools/editors.py`
// holds this against the tree of each file.

const fs = require('node:fs');
const { grammar, tokens } = require('./texts');

const KEYWORD = /^(keyword\.(control|other|operator\.word)|storage|constant\.language)/;

grammar().then((grammar) => {
  for (const file of process.argv.slice(2)) {
    for (const { line, start, text, scope } of tokens(grammar, fs.readFileSync(file, 'utf8'))) {
      if (KEYWORD.test(scope)) console.log(`${file}:${line + 1}:${start + 1} ${text}`);
    }
  }
});
