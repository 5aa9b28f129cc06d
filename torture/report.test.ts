import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { FAULTS } from './faults/index.js';
import { describeProbeUser, faultTable } from './report.js';

const PAGE = fileURLToPath(new URL('../docs/reliability.md', import.meta.url));

/** The first column of the table of faults. */
function kindsIn(text: string): string[] {
  const [table = ''] = (text.split('| fault ')[1] ?? '').split('\n\n');
  return [...table.matchAll(/^\| ([^|]+?) +\| [\d–]+ +\|$/gm)].map(([, kind = '']) => kind);
}

test('the page has a row for each kind of fault', async () => {
  expect(kindsIn(await readFile(PAGE, 'utf8')).sort()).toEqual(FAULTS.map(({ kind }) => kind).sort());
});

test('a kind that was never injected is in the table, with those that failed', () => {
  const table = faultTable([
    { kind: 'agent: SIGKILL', fate: 'injected' },
    { kind: 'agent: SIGKILL', fate: 'injected' },
    { kind: 'monitor: SIGKILL', fate: 'failed', error: 'away' },
  ]);
  expect(kindsIn(table)).toHaveLength(FAULTS.length);
  expect(table).toMatch(/^\| agent: SIGKILL +\| 2 +\|$/m);
  expect(table).toMatch(/^\| monitor: SIGKILL +\| 0 +\|$/m);
});

test('a report says whether the probe was not allowed to signal the agents', () => {
  expect(describeProbeUser({ uid: 99, gid: 99 })).toContain('ran as user 99');
  expect(describeProbeUser(undefined)).toContain('NOT TRIED: a probe that may not signal the agents (EPERM)');
});
