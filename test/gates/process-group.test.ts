import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { packageRoot } from '../../src/paths.js';
import { pidsIn, runs, temporaryFolder, until } from './support.js';

vi.setConfig({ testTimeout: 30_000 });

/** The built code, which runs in a separate process. */
const gates = join(packageRoot, 'dist', 'src', 'gates');

it('ends the group when the worker exits while it runs', async () => {
  const folder = temporaryFolder();
  const pidFile = join(folder, 'pids');
  const program = join(folder, 'program.mjs');
  writeFileSync(
    program,
    `import { runInGroup } from '${gates}/process-group.js';
     import { OutputTail } from '${gates}/output-tail.js';
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
