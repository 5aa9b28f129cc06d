import { expect, it } from 'vitest';
import { endInTime, StuckError, Waits } from '../../src/worker/stopping.js';

const quiet = () => undefined;
const log = { info: quiet, warn: quiet, error: quiet };
const never = new Promise<never>(() => undefined);

it('stops although something hangs, and names it', async () => {
  const waits = new Waits();
  const stop = new AbortController();
  const ended = endInTime(waits.during('the worker of queue q', never), {
    signal: stop.signal,
    log,
    pending: () => waits.names,
    limitMs: 50,
  });
  stop.abort();
  await expect(ended).rejects.toThrow(StuckError);
  await expect(ended).rejects.toThrow('still waiting for the worker of queue q');
});

it('waits for work until it is told to stop, and then for its end', async () => {
  const waits = new Waits();
  const stop = new AbortController();
  const work = waits.during('work', new Promise<string>((resolve) => setTimeout(() => resolve('done'), 100)));
  const options = { signal: stop.signal, log, pending: () => waits.names, limitMs: 1 };
  expect(await endInTime(work, options)).toBe('done');
  expect(waits.names).toEqual([]);
  stop.abort();
  await expect(
    endInTime(Promise.reject(new Error('its own')), { ...options, limitMs: 60_000 }),
  ).rejects.toThrow('its own');
});
