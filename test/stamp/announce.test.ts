import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { announce, processToken } from '../../src/stamp.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const HOUR_MS = 3_600_000;
const calls = () => vi.fn<(text: string, values: string[]) => Promise<unknown>>();

it('sends the id and the token of this process at once, and again every hour', async () => {
  const query = calls().mockResolvedValue({ rows: [] });
  const { stands, stop } = announce({ query }, 'pool-1');
  await stands;
  expect(query.mock.calls).toEqual([['select reaper.announce($1, $2)', ['pool-1', processToken()]]]);
  await vi.advanceTimersByTimeAsync(24 * HOUR_MS);
  expect(query.mock.calls.length).toBeGreaterThanOrEqual(24);
  expect(query.mock.calls.length).toBeLessThanOrEqual(32);
  stop();
  query.mockClear();
  await vi.advanceTimersByTimeAsync(24 * HOUR_MS);
  expect(query).not.toHaveBeenCalled();
});

it('retries up to a minute apart until it stands, with one line in the log', async () => {
  const log = vi.fn();
  const query = calls().mockRejectedValue(new Error('schema "reaper" does not exist'));
  const { stands, stop } = announce(query, 'pool-1', { log });
  let isStanding = false;
  void stands.then(() => (isStanding = true));
  await vi.advanceTimersByTimeAsync(HOUR_MS);
  // 1, 2, 4, 8, 16, 32 s, then every minute, each up to a fifth earlier.
  expect(query.mock.calls.length).toBeGreaterThanOrEqual(60);
  expect(query.mock.calls.length).toBeLessThanOrEqual(85);
  expect(log.mock.calls).toEqual([[expect.stringContaining('schema "reaper" does not exist')]]);
  expect(isStanding).toBe(false);

  query.mockResolvedValue([]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(isStanding).toBe(true);
  expect(log).toHaveBeenCalledTimes(1);
  stop();
});

it('has only one statement under way, however long it takes', async () => {
  const query = calls().mockReturnValue(new Promise(() => undefined));
  const { stop } = announce(query, 'pool-1');
  await vi.advanceTimersByTimeAsync(24 * HOUR_MS);
  expect(query).toHaveBeenCalledTimes(1);
  stop();
});

it('never throws, whatever the queries and the log do', async () => {
  const query = vi.fn(() => {
    throw new Error('no connection');
  });
  const log = () => {
    throw new Error('full');
  };
  const { stop } = announce(query, 'pool-1', { log });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(query.mock.calls.length).toBeGreaterThan(2);
  stop();
});
