import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { expect, it, onTestFinished, vi } from 'vitest';
import { packageRoot } from '../../src/paths.js';
import { pidsIn, runs, temporaryFolder, until } from './support.js';

vi.setConfig({ testTimeout: 30_000 });

const MODULES = [
  'gates/process-group',
  'gates/group-members',
  'gates/aborted',
  'gates/not-asked',
  'gates/output-tail',
  'domain/trouble',
];

/** The modules compiled to where a process of its own finds them and the packages they use. */
function compileModules(): string {
  const folder = join(packageRoot, '.cache', `gates-test-${process.pid}-${Date.now()}`);
  mkdirSync(folder, { recursive: true });
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of MODULES) {
    mkdirSync(join(folder, dirname(name)), { recursive: true });
    const source = readFileSync(join(packageRoot, 'src', `${name}.ts`), 'utf8');
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
    });
    writeFileSync(join(folder, `${name}.js`), outputText);
  }
  return folder;
}

it('ends the group when the worker exits in the middle', async () => {
  const folder = compileModules();
  const pidFile = join(temporaryFolder(), 'pids');
  const program = join(folder, 'program.mjs');
  writeFileSync(
    program,
    `import { runInGroup } from './gates/process-group.js';
     import { OutputTail } from './gates/output-tail.js';
     const output = new OutputTail(10);
     process.stdin.once('data', () => process.exit(3));
     await runInGroup({
       file: '/bin/sh',
       args: ['-c', 'sleep 300 & echo $! >> ' + process.argv[2] + '; echo $$ >> ' + process.argv[2] + '; wait'],
       env: { PATH: process.env.PATH },
       stdout: output,
       stderr: output,
       signal: new AbortController().signal,
     });`,
  );
  const worker = spawn(process.execPath, [program, pidFile], { stdio: ['pipe', 'inherit', 'inherit'] });
  onTestFinished(() => void worker.kill('SIGKILL'));
  const pids = await pidsIn(pidFile, 2);
  expect(pids.every(runs)).toBe(true);

  worker.stdin.write('exit\n');
  expect(await once(worker, 'exit')).toEqual([3, null]);
  await until(() => !pids.some(runs));
});
