import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import ts from 'typescript';
import { afterAll } from 'vitest';

const SOURCES = ['src/liveness', 'src/domain'];
const folders: string[] = [];

afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/**
 * Runs a script that can import `./liveness/index.js`, in a separate process: under another user or in other
 * namespaces. The modules are compiled from the sources as they are now, to where any user may read them.
 *
 * @param launcher the command that runs node, for example `['unshare', '--pid', '--fork']`
 * @returns what the script wrote to stdout, read as JSON
 */
export function runScript(launcher: string[], script: string, args: string[] = []): unknown {
  const folder = compileLiveness();
  writeFileSync(join(folder, 'script.js'), script);
  const [command = '', ...rest] = [...launcher, process.execPath, join(folder, 'script.js'), ...args];
  const result = spawnSync(command, rest, { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${command} failed: ${result.stderr}`);
  return JSON.parse(result.stdout);
}

function compileLiveness(): string {
  const folder = mkdtempSync(join(tmpdir(), 'liveness-'));
  folders.push(folder);
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const source of SOURCES) {
    const target = join(folder, basename(source));
    mkdirSync(target);
    for (const file of readdirSync(source)) {
      const { outputText } = ts.transpileModule(readFileSync(join(source, file), 'utf8'), {
        compilerOptions: {
          target: ts.ScriptTarget.ES2022,
          module: ts.ModuleKind.ES2022,
          verbatimModuleSyntax: true,
        },
      });
      writeFileSync(join(target, `${basename(file, '.ts')}.js`), outputText);
    }
  }
  chmodSync(folder, 0o755);
  return folder;
}
