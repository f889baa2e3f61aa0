// The extension as one file, dist/extension.js, and beside it the licences of what went into it.

const esbuild = require('esbuild');
const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');

const { metafile } = esbuild.buildSync({
  absWorkingDir: __dirname,
  entryPoints: ['src/extension.js'],
  outfile: 'dist/extension.js',
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node20',
  external: ['vscode'],
  legalComments: 'none',
  metafile: true,
});

const used = new Set(Object.keys(metafile.inputs).map((file) => file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0]));
used.delete(undefined);
const notices = [...used].sort().map((folder) => {
  const { name, version, license } = JSON.parse(fs.readFileSync(path.join(__dirname, folder, 'package.json'), 'utf8'));
  const file = fs.readdirSync(path.join(__dirname, folder)).find((file) => /^licen[cs]e/i.test(file));
  if (!file) throw new Error(`${name} ${version} has no file with its licence (${license}): add its text to bundle.js`);
  return `${name} ${version} (${license})\n\n${fs.readFileSync(path.join(__dirname, folder, file), 'utf8').trim()}\n`;
});
const own = ['LICENSE-MIT', 'LICENSE-APACHE'].map((file) => fs.readFileSync(path.join(ROOT, file), 'utf8').trim());
fs.writeFileSync(path.join(__dirname, 'LICENSE.txt'), own.join(`\n\n${'-'.repeat(80)}\n\n`) + '\n');
fs.writeFileSync(path.join(__dirname, 'dist', 'NOTICES.txt'), notices.join(`\n${'-'.repeat(80)}\n\n`));
