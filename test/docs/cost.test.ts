import { expect, it } from 'vitest';
import { readPage } from './support.js';

const DAY_S = 86_400;

it('docs/operating.md works the cost out right', async () => {
  const page = await readPage('docs/operating.md');
  const row = /^\| (\d+) s +\| (\d+) +\| (yes|no) +\| (\d+) +\| ([\d,]+) +\|$/gm;
  const rows = [...page.matchAll(row)];
  expect(rows).toHaveLength(4);
  for (const [, interval, hosts, leases, actions, perDay] of rows) {
    // test/e2e/idle-cost.test.ts measures four with one host: scan, examine, record, wait.
    const expected = 3 + Number(hosts) + (leases === 'yes' ? 1 : 0);
    expect(Number(actions)).toBe(expected);
    expect(Number(perDay?.replaceAll(',', ''))).toBe((DAY_S / Number(interval)) * expected);
  }
});
