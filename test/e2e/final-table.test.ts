import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { fates } from '../../demo/fates/index.js';
import type { Snapshot } from '../../demo/world/read-snapshot.js';
import type { Result } from '../../demo/fates/play.js';
import { finalTable } from '../../demo/view/final-table.js';
import { LiveView } from '../../demo/view/live-view.js';
import { PassThrough } from 'node:stream';

const came: Result[] = fates.map((fate) => ({
  fate,
  seen: fate.expected,
  outcome: 'queued',
  isTrue: true,
  repairS: 12.3,
}));

test('a line for each fate, which fits a terminal of 80 columns', () => {
  const lines = stripVTControlCharacters(finalTable(came)).split('\n');
  for (const { fate } of came) {
    const line = lines.find((each) => each.startsWith(`✓ ${fate.name} `));
    expect(line).toContain('requeued');
    expect(line).toContain('12.3 s');
  }
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
});

test('differences are below their line, and nothing else', () => {
  const [first] = came;
  if (first === undefined) throw new Error('Expected a fate');
  const seen = [...first.fate.expected.slice(1), 'reaped: failed, dead pid'];
  const text = stripVTControlCharacters(finalTable([{ ...first, seen, isTrue: false }]));
  expect(text).toContain(`✗ ${first.fate.name}`);
  expect(text).toContain(`expected: ${first.fate.expected[0] ?? ''}`);
  expect(text).toContain('got:      reaped: failed, dead pid');
  expect(text).not.toContain(first.fate.expected[1]);
  expect(text).toContain('1 of 1 fates did not come true.');
});

test.each([
  [80, false],
  [140, true],
])('a terminal of %i columns shows what happened last', (columns, hasPid) => {
  const out = Object.assign(new PassThrough(), { columns, rows: 24 });
  const view = new LiveView(out as unknown as NodeJS.WriteStream, true);
  view.note('gate-green', 'the agent has exited');
  view.look({
    jobs: [
      {
        id: 'gate-green',
        taskId: null,
        agent: 'developer',
        status: 'running',
        attempts: 1,
        pid: 4711,
        exitCode: 0,
        stage: 'review',
      },
    ],
    sweeps: 1,
    claims: [],
  } as unknown as Snapshot);
  const lines = stripVTControlCharacters(String(out.read())).split('\n');
  expect(lines[0]).toContain('WHAT HAPPENED LAST');
  expect(lines[1]).toContain('the agent has exited');
  expect(lines[1]?.includes('4711')).toBe(hasPid);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(columns);
});
