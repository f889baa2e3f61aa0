// The extension: starts `totc lsp` and hands the editor's files to it. Everything that it tells comes from there.

const { commands, window, workspace } = require('vscode');
const { LanguageClient } = require('vscode-languageclient/node');
const { selector, server } = require('./server');

let client;
// Starts and stops one after the other: a setting may change while the server is on its way.
let last = Promise.resolve();

function activate(context) {
  context.subscriptions.push(
    commands.registerCommand('totc.restart', restart),
    workspace.onDidChangeConfiguration((change) => change.affectsConfiguration('totc') && restart()),
  );
  return restart();
}

function deactivate() {
  return then(stop);
}

function restart() {
  return then(async () => {
    await stop();
    await start();
  });
}

function then(act) {
  last = last.then(act);
  return last;
}

async function start() {
  const settings = workspace.getConfiguration('totc');
  const started = server(settings.get('path'));
  client = new LanguageClient('totc', 'totc', started, { documentSelector: selector(settings.get('runFiles')) });
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    // Not awaited: the next start must not wait for an answer.
    ask(`\`${started.command} lsp\` does not start: ${error instanceof Error ? error.message : error}`);
  }
}

async function stop() {
  const stopped = client;
  client = undefined;
  try {
    await stopped?.dispose();
  } catch {
    // A server that has ended by itself cannot be asked to.
  }
}

async function ask(what) {
  const path = 'Set totc.path';
  if ((await window.showErrorMessage(`${what}. Build totc, or say where it is.`, path)) === path) {
    await commands.executeCommand('workbench.action.openSettings', 'totc.path');
  }
}

module.exports = { activate, deactivate };
