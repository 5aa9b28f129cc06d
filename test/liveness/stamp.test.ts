import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { probeProcess } from '../../src/liveness/index.js';
import { formatStamp, parseStamp } from '../../src/liveness/stamp.js';
import { PID_NOBODY_HAS } from './processes.js';

describe('a stamp that is not exactly one', () => {
  const boot = '1549cfe1-389a-48f0-86bd-df24e9729d85';
  const examples = [
    '',
    'linux',
    'linux:::::',
    'linux::not-a-boot-id:1:2',
    `linux::${boot.toUpperCase()}:1:2`,
    `linux::${boot.slice(1)}:1:2`,
    `linux::${boot}:1:`,
    `linux::${boot}:1:02`,
    `linux::${boot}:1:2 `,
    `linux::${boot}:1:2\n`,
    `linux::${boot}:1:2:3`,
    `linux::${boot}:pid:[1]:2`,
    'ps:host:yesterday',
    'ps::Mon Nov 23 23:18:00 2026',
    'ps:host:Mon Nov 23 23:18 2026',
    'windows:host:1:2',
  ];

  it.each(examples)('is unknown and quoted: %j', (identity) => {
    const stamp = { pid: PID_NOBODY_HAS, processIdentity: identity };
    const liveness = probeProcess(stamp, { sharedPidNamespace: true });
    expect(liveness).toMatchObject({ state: 'unknown', proven: false });
    expect(liveness.evidence).toBe(
      `malformed stamp: expected linux:<machine id>:<boot id>:<pid namespace inode>:<start ticks> or ps:<host>:<start time as ps prints it>, got ${JSON.stringify(identity)}`,
    );
  });

  it('is cut off in the evidence when it is very long', () => {
    const stamp = { pid: PID_NOBODY_HAS, processIdentity: 'x'.repeat(100_000) };
    expect(probeProcess(stamp, { sharedPidNamespace: true }).evidence.length).toBeLessThan(400);
  });

  it('never means death, whatever it is', () => {
    const valid = formatStamp({
      scheme: 'linux',
      machineId: '',
      bootId: boot,
      pidNamespace: '1',
      start: '2',
    });
    const damaged = fc
      .tuple(fc.nat(valid.length - 1), fc.string({ maxLength: 3 }))
      .map(([at, text]) => valid.slice(0, at) + text + valid.slice(at + 1));
    const shaped = fc.array(fc.string(), { maxLength: 6 }).map((parts) => ['linux', ...parts].join(':'));
    fc.assert(
      fc.property(fc.oneof(fc.string(), damaged, shaped), fc.boolean(), (identity, shared) => {
        const stamp = { pid: PID_NOBODY_HAS, processIdentity: identity };
        expect(probeProcess(stamp, { sharedPidNamespace: shared }).state).toBe('unknown');
      }),
      { numRuns: 2000 },
    );
  });

  it('never makes the probe throw, whatever the types were', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (pid, identity) => {
        const stamp = { pid, processIdentity: identity } as { pid: number; processIdentity: string };
        expect(['alive', 'unknown', 'defunct']).toContain(
          probeProcess(stamp, { sharedPidNamespace: false }).state,
        );
      }),
    );
  });
});

describe('stamps as text', () => {
  it('keep all their fields', () => {
    const digits = fc.nat().map(String);
    const linux = fc.record({
      scheme: fc.constant('linux' as const),
      machineId: fc.constantFrom('', 'f'.repeat(32)),
      bootId: fc.uuid(),
      pidNamespace: digits,
      start: digits,
    });
    const ps = fc.record({
      scheme: fc.constant('ps' as const),
      host: fc.constantFrom('mac.local', 'a:b', 'ps:Mon Nov 23 23:18:00 2026'),
      start: fc.constantFrom('Mon Nov 23 23:18:00 2026', 'Tue Jan 1 00:00:00 2030'),
    });
    fc.assert(
      fc.property(fc.oneof(linux, ps), (stamp) => {
        expect(parseStamp(formatStamp(stamp))).toEqual(stamp);
      }),
    );
  });

  it('lose nothing when a shell squeezes the padded day of ps', () => {
    const padded = parseStamp('ps:mac:Mon Nov  2 23:18:00 2026');
    expect(padded).toEqual(parseStamp('ps:mac:Mon Nov 2 23:18:00 2026'));
    expect(padded).toEqual({ scheme: 'ps', host: 'mac', start: 'Mon Nov 2 23:18:00 2026' });
  });
});
