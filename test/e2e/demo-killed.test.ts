import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { eventually } from '../support/wait.js';

const RUN = fileURLToPath(new URL('../../dist/demo/run.js', import.meta.url));

/** Pids of the processes whose environment contains this folder: the demo passes it to everything that it starts. */
async function processesOf(folder: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      return environment.split('\0').includes(`TMPDIR=${folder}`) ? [pid] : [];
    }),
  );
  return found.flat();
}

test.skipIf(!existsSync('/proc/self/environ'))(
  'a demo that is killed leaves no process and no file behind (needs /proc)',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'job-reaper-killed-'));
    // Postgres may run as another user.
    await chmod(folder, 0o755);
    const env = { TMPDIR: folder, DATABASE_ADMIN_URL: '', TEMPORAL_ADDRESS: '' };
    const demo = execa('node', [RUN], { env, all: true, reject: false, buffer: false });
    try {
      let output = '';
      demo.all.on('data', (chunk) => (output += String(chunk)));
      await eventually('agents at work', () => output.split('its agent runs as pid').length > 8);
      expect((await processesOf(folder)).length).toBeGreaterThan(10);
      demo.kill('SIGKILL');
      await demo;
      await eventually('no process', async () => {
        expect(await processesOf(folder)).toEqual([]);
        return true;
      });
      await eventually('no file', async () => {
        expect(await readdir(folder)).toEqual([]);
        return true;
      });
    } finally {
      demo.kill('SIGKILL');
      await demo;
      await rm(folder, { recursive: true, force: true });
    }
  },
);
