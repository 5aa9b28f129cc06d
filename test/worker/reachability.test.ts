import { expect, it } from 'vitest';
import { Reachability } from '../../src/worker/reachability.js';

it('logs each change once: when it goes away, when the cause changes, when it is back', () => {
  const lines: string[] = [];
  const keep = (line: string) => void lines.push(line);
  const server = new Reachability('Postgres', { info: keep, warn: keep, error: keep }, (error) => ({
    kind: String(error),
    sentence: `because of ${String(error)}`,
  }));
  for (const cause of ['away', 'away', 'schema', 'schema', 'away']) server.away(cause);
  expect(server.isAway).toBe(true);
  server.back();
  server.back();
  expect(server.isAway).toBe(false);
  expect(lines).toEqual([
    'Postgres is away, retrying: because of away',
    'Postgres cannot be used, retrying: because of schema',
    'Postgres is away, retrying: because of away',
    'Postgres is back',
  ]);
});
