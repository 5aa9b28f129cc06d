import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseStamp } from '../../src/liveness/index.js';
import { findProcess } from '../../src/liveness/find-process.js';
import { listProcesses } from '../../src/liveness/scan.js';
import { canNest, CONTAINER, NEEDS, RECIPE, startScript } from './nested.js';
import { works } from './processes.js';

const LOOKS = 5_000;
const folder = mkdtempSync(join(tmpdir(), 'exec-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Its second thread executes it again, time and again, and so takes over pid and start of the first one. */
const PROGRAM = `
#include <pthread.h>
#include <unistd.h>
static char **arguments;
static void *again(void *unused) { execv(arguments[0], arguments); return unused; }
int main(int count, char **given) {
  pthread_t thread;
  arguments = given;
  pthread_create(&thread, 0, again, 0);
  pthread_join(thread, 0);
  return count;
}`;

function compile(): string {
  const source = join(folder, 'again.c');
  writeFileSync(source, PROGRAM);
  const { status, stderr } = spawnSync('cc', ['-o', join(folder, 'again'), '-pthread', source]);
  if (status !== 0) throw new Error(String(stderr));
  return join(folder, 'again');
}

/** A /proc that lists one process and the kernel's threads, so that many lists of it can be made. */
function procWith(pid: number): string {
  mkdirSync(join(folder, 'sys/kernel/random'), { recursive: true });
  writeFileSync(join(folder, 'sys/kernel/random/boot_id'), readFileSync('/proc/sys/kernel/random/boot_id'));
  for (const name of ['2', 'self', String(pid)]) symlinkSync(`/proc/${name}`, join(folder, name));
  return folder;
}

describe.skipIf(!canNest || !works('cc', ['--version']))(
  `a process whose second thread executes new programs ${NEEDS.replace(')', ', and cc)')}`,
  () => {
    it('is never missing and never exited, whenever it is read', async () => {
      const program = compile();
      const nested = await startScript(CONTAINER, `echo "$$ $(sh ${RECIPE} $$)"; exec ${program}`);
      const stamp = parseStamp(nested.processIdentity);
      if (stamp?.scheme !== 'linux') throw new Error('Expected a stamp');
      const root = procWith(nested.hostPid);
      const seen = new Set<string>();
      for (let n = 0; n < LOOKS; n += 1) {
        const { view, ...list } = await listProcesses(root);
        if (view === null) throw new Error(list.incomplete ?? 'Expected a view');
        expect(list.incomplete).toContain('mountinfo');
        const complete = { ...list, incomplete: null, view: { ...view, isInitial: true } };
        const found = findProcess(root, complete, 0, nested.pid, stamp);
        seen.add(found.kind === 'found' ? `found, exited: ${found.defunct}` : found.kind);
      }
      seen.delete('unclear');
      expect([...seen]).toEqual(['found, exited: false']);
    });
  },
);
