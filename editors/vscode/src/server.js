// Which program is started, and for which files: what the extension and its test share. Knows no VS Code.

/** The server, as the language client wants it. */
function server(path) {
  return { command: path || 'totc', args: ['lsp'] };
}

/** Files that the server is told of: model files, and run files where a glob names them. */
function selector(runFiles) {
  const models = { scheme: 'file', language: 'tot' };
  return runFiles ? [models, { scheme: 'file', pattern: runFiles }] : [models];
}

module.exports = { server, selector };
