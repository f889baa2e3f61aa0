const assert = require('node:assert');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { pathToFileURL } = require('node:url');
const rpc = require('vscode-jsonrpc/node');
const { server } = require('../src/server');
const { ROOT } = require('./texts');

const PLACES = [process.env.TOTC, 'target/release/totc', 'target/debug/totc'].filter(Boolean);
const totc = PLACES.map((file) => path.resolve(ROOT, file)).find((file) => fs.existsSync(file));

test('a conversation with the server', { skip: !totc && 'totc is not built' }, async (t) => {
  const { command, args } = server(totc);
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  const connection = rpc.createMessageConnection(child.stdout, child.stdin);
  const told = new Map();
  const waiting = new Map();
  connection.onNotification('textDocument/publishDiagnostics', ({ uri, diagnostics }) => {
    told.set(uri, diagnostics);
    waiting.get(uri)?.(diagnostics);
  });
  connection.listen();
  const root = pathToFileURL(ROOT).href;
  const { capabilities, serverInfo } = await connection.sendRequest('initialize', {
    processId: process.pid, rootUri: root, capabilities: {},
  });
  assert.strictEqual(serverInfo.name, 'totc');
  for (const what of ['documentFormatting', 'hover', 'definition', 'completion', 'rename']) {
    assert.ok(capabilities[`${what}Provider`], what);
  }
  await connection.sendNotification('initialized', {});

  const open = async (file, text, languageId) => {
    const uri = pathToFileURL(path.join(ROOT, file)).href;
    const diagnostics = new Promise((resolve) => waiting.set(uri, resolve));
    await connection.sendNotification('textDocument/didOpen', { textDocument: { uri, languageId, version: 1, text } });
    return { uri, diagnostics: await diagnostics };
  };
  const read = (file) => fs.readFileSync(path.join(ROOT, file), 'utf8');

  const trm = await open('models/trm.tot', read('models/trm.tot'), 'tot');
  assert.deepStrictEqual(trm.diagnostics, []);
  const edits = await connection.sendRequest('textDocument/formatting', {
    textDocument: { uri: trm.uri }, options: { tabSize: 4, insertSpaces: true },
  });
  assert.ok(!edits?.length, 'a shipped model is in the form');
  const broken = await open('models/broken.tot', 'model A {\n    thnk {}\n}\n', 'tot');
  assert.match(broken.diagnostics[0].message, /think/);
  // VS Code has no language of that name: the file comes as plain text, by its pattern.
  const run = await open('examples/tot-sudoku4.ron', read('examples/tot-sudoku4.ron').replace('seed', 'sed'), 'plaintext');
  assert.ok(run.diagnostics.length > 0, 'a run file is read');

  await connection.sendRequest('shutdown');
  const ended = new Promise((resolve) => child.on('exit', resolve));
  await connection.sendNotification('exit');
  assert.strictEqual(await ended, 0);
});
