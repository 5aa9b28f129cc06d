import { expect, it } from 'vitest';
import { Kinds, livenessOf } from '../../src/domain/host-look.js';

/** Runs of as many processes, each with what a probe says of it. */
const runs = (count: number, evidence: (pid: number, start: number) => string) =>
  Array.from({ length: count }, (_, n) => {
    const [pid, start] = [100 + n, 1_000_000 + 37 * n];
    const processIdentity = `linux::b:4026531836:${start}`;
    return { pid, processIdentity, evidence: evidence(pid, start) };
  });

it.each([
  ['dead', (pid: number) => `pid ${pid} absent in pid namespace 4026531836`],
  ['alive', (pid: number, start: number) => `pid ${pid} runs here since tick ${start}, as stamped`],
] as const)('has one kind of evidence for many %s processes, and each one’s own words', (state, evidence) => {
  const kinds = new Kinds();
  const all = runs(500, evidence);
  const known = all.map((run) =>
    kinds.add({ state, proven: state === 'alive', evidence: run.evidence }, run, true),
  );
  expect(new Set(known)).toEqual(new Set([0]));
  const [kind] = kinds.list;
  for (const run of all) expect(kind && livenessOf(kind, run).evidence).toBe(run.evidence);
});

it('has room for so much evidence only', () => {
  const kinds = new Kinds();
  const known = runs(500, (pid) => `as unique as ${pid} `.repeat(10)).map((run) =>
    kinds.add({ state: 'dead', proven: false, evidence: run.evidence }, run, false),
  );
  expect(known[0]).toBe(0);
  expect(known.at(-1)).toBeNull();
  expect(JSON.stringify(kinds.list).length).toBeLessThan(10_000);
});
