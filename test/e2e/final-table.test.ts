import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { fates } from '../../demo/fates/index.js';
import type { Result } from '../../demo/fates/play.js';
import { finalTable } from '../../demo/view/final-table.js';

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
