import { readFileSync } from 'node:fs';

// Preloaded into the processes of a host: their wall clock is off by what the file says, from one moment to the next.
// Monotonic clocks, and the timers that go by them, are what they were, as when a machine's clock is set.

const READ_EVERY_MS = 50;

const RealDate = Date;
const { TORTURE_CLOCK: file = '' } = process.env;
let offMs = 0;
let readMs = -Infinity;

function now(): number {
  if (performance.now() - readMs > READ_EVERY_MS) {
    readMs = performance.now();
    offMs = Number(readFileSync(file, 'utf8'));
  }
  return RealDate.now() + offMs;
}

globalThis.Date = new Proxy(RealDate, {
  get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
  apply: () => new RealDate(now()).toString(),
  construct: (target, given: unknown[], newTarget) =>
    Reflect.construct(target, given.length === 0 ? [now()] : given, newTarget) as Date,
});
