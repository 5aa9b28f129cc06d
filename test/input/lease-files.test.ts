import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { processIdentity } from '../../src/launcher.js';
import { reclaimLeases, type RepoReport } from '../../src/leases/index.js';
import { endProcesses, startProcess } from '../support/process.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leases-'));
});
afterEach(async () => {
  await endProcesses();
  await rm(folder, { recursive: true });
});

const HOST = hostname();
const lease = {
  repo: 'odd',
  token: 't',
  pid: process.pid,
  host: HOST,
  identity: processIdentity(process.pid),
  acquired_at: new Date().toISOString(),
  ttl_s: 600,
};
const oddValue = fc.oneof(
  fc.jsonValue(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    null,
    0,
    -1,
    2 ** 31,
    2 ** 53,
    1e300,
    '',
    'x'.repeat(10_000),
    '9999-12-31T00:00:00Z',
    '1969-01-01T00:00:00Z',
  ),
);
const oddLease = fc
  .dictionary(fc.constantFrom(...Object.keys(lease), 'held_since', '__proto__'), oddValue)
  .map((odd) => JSON.stringify({ ...lease, ...odd }));
const content = fc.oneof(
  oddLease.map((text) => Buffer.from(text)),
  fc.json().map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom('', '\n', '{'.repeat(60_000), 'x'.repeat(100_000)).map((text) => Buffer.from(text)),
);

async function reclaim(): Promise<RepoReport[]> {
  return reclaimLeases({
    folder,
    repos: ['odd', 'good'],
    host: HOST,
    sharedPidNamespace: false,
    blockOn: () => Promise.resolve(null),
    // As Postgres would: it stores no NUL, and half a character not as it is.
    record: (reclaimed) => {
      const text = JSON.stringify(reclaimed);
      if (text.includes('\\u0000')) throw new Error('a NUL went on record');
      return Promise.resolve({ result: 'recorded' });
    },
  });
}

it('a lease file, whatever it holds, is judged or reported, and the lease of another repo is reclaimed', async () => {
  const dead = startProcess();
  await dead.kill();
  const stale = { ...lease, repo: 'good', pid: dead.pid, identity: dead.processIdentity };
  const path = (repo: string) => join(folder, `.merge-lease-${repo}.json`);
  await fc.assert(
    fc.asyncProperty(content, async (bytes) => {
      await writeFile(path('odd'), bytes);
      await writeFile(path('good'), JSON.stringify(stale));
      const [odd, good] = await reclaim();
      expect(good).toMatchObject({ repo: 'good', result: 'reclaimed' });
      expect(odd?.detail.join('').length).toBeGreaterThan(0);
      expect(JSON.stringify(odd?.trouble).length).toBeLessThan(2_000);
      // One that says nothing may be a lease that is in use: it is young, so it stays.
      if (odd?.result === 'trouble') expect(await readFile(path('odd'))).toEqual(bytes);
    }),
    { numRuns: 300 },
  );
});

it('a file that says nothing is reclaimed once it is old, whatever it holds', async () => {
  const path = join(folder, '.merge-lease-odd.json');
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 50 }), async (bytes) => {
      await writeFile(path, bytes);
      await utimes(path, new Date(), new Date(Date.now() - 3_600_000));
      expect((await reclaim())[0]).toMatchObject({ result: 'reclaimed' });
    }),
    { numRuns: 50 },
  );
});
