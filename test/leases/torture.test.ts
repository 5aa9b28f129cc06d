import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { acquireLease, reclaimLeases, releaseLease } from '../../src/leases/index.js';

const SCRIPT = fileURLToPath(new URL('torture-child.mjs', import.meta.url));
const ACQUISITIONS = 2_000;
const LAUNCHERS = 6;
const RECLAIMERS = 3;
const REPOS = ['web', 'api', 'web.json'];
const CONTINUE_EVERY_MS = 4;
/** It takes about two minutes on a machine with nothing else to do. */
const TIMEOUT_MS = 900_000;

let root: string;
let folder: string;
let records: string;
const children = new Set<ChildProcess>();

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'leases-'));
  folder = join(root, 'leases');
  records = join(root, 'records');
  await Promise.all([mkdir(folder), mkdir(records)]);
});
afterEach(async () => {
  await killAll();
  await rm(root, { recursive: true });
});

async function killAll(): Promise<void> {
  await Promise.all([...children].map((child) => (child.kill('SIGKILL'), once(child, 'close'))));
}

/** Starts a process that is replaced by another whenever it dies, until `enough`. Its lines go to `tell`. */
function startChild(
  role: 'launcher' | 'reclaimer',
  tell: (line: string) => void,
  enough: () => boolean,
): void {
  const seed = nextSeed++;
  const options = { role, seed, folder, records, repos: REPOS, witness };
  const child = spawn(process.execPath, [SCRIPT, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  createInterface({ input: child.stdout }).on('line', tell);
  child.on('close', (_, signal) => {
    children.delete(child);
    if (signal === 'SIGKILL') tell('died');
    if (!enough()) startChild(role, tell, enough);
  });
}

let nextSeed = 1;
const witness = randomUUID();

it.skipIf(process.platform !== 'linux')(
  'keeps launchers apart that are killed and suspended anywhere, reclaims from the dead only, and leaves no lease stuck (needs Linux)',
  async () => {
    const counts = new Map<string, number>();
    const violations: string[] = [];
    const reclaimed: string[] = [];
    await new Promise<void>((resolve) => {
      let isOver = false;
      const tell = (line: string): void => {
        const [word = '', ...rest] = line.split(' ');
        counts.set(word, (counts.get(word) ?? 0) + 1);
        if (word === 'VIOLATION') violations.push(line);
        if (word === 'reclaimed') reclaimed.push(rest.join(' '));
        isOver ||= (counts.get('acquired') ?? 0) >= ACQUISITIONS || violations.length > 0;
        if (isOver) resolve();
      };
      for (let n = 0; n < LAUNCHERS; n++) startChild('launcher', tell, () => isOver);
      for (let n = 0; n < RECLAIMERS; n++) startChild('reclaimer', tell, () => isOver);
      const continuing = setInterval(() => {
        for (const child of children) if (Math.random() < 0.5) child.kill('SIGCONT');
        if (isOver) clearInterval(continuing);
      }, CONTINUE_EVERY_MS);
    });
    await killAll();

    console.log(Object.fromEntries(counts));
    expect(violations).toEqual([]);
    expect(counts.get('acquired')).toBeGreaterThanOrEqual(ACQUISITIONS);
    expect(counts.get('died')).toBeGreaterThan(20);
    // Each reclaim is announced at most once; if a reclaimer died before that, there is only the record.
    expect(new Set(reclaimed).size).toBe(reclaimed.length);
    expect((await readdir(records)).length).toBeGreaterThanOrEqual(reclaimed.length);

    const reclaim = () =>
      reclaimLeases({
        folder,
        repos: REPOS,
        host: hostname(),
        sharedPidNamespace: true,
        blockOn: () => Promise.resolve(null),
        record: () => Promise.resolve({ result: 'recorded' }),
      });
    await reclaim();
    await reclaim();
    for (const repo of REPOS) {
      const result = await acquireLease({ folder, repo, ttlS: 60 });
      if (!result.acquired) throw new Error(`Expected the lease of ${repo}, got: ${result.why}`);
      expect(await releaseLease(result.lease)).toBe(true);
    }
    expect((await readdir(folder)).filter((name) => !name.includes('.tmp-'))).toEqual([]);
  },
  TIMEOUT_MS,
);
