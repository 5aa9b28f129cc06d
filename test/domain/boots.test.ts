import { describe, expect, it } from 'vitest';
import { isTwice, judgeBoot, type BootFacts, type BootLine } from '../../src/domain/boots.js';

const OLD = 'aaaaaaaa-0000-4000-8000-000000000000';
const NEW = 'bbbbbbbb-0000-4000-8000-000000000000';
const STAMP = `linux::${OLD}:4026531836:100`;
const S = 1_000;
/** When the new kernel began. */
const BEGAN = Date.parse('2030-01-01T12:00:00Z');
const INITIAL = '4026531836';

const line = (fields: Partial<BootLine>): BootLine => ({
  boot: NEW,
  pidNamespace: INITIAL,
  host: 'host-1',
  machineId: 'a'.repeat(32),
  isInitial: true,
  beganMs: BEGAN,
  firstSeenMs: BEGAN + 20 * S,
  lastSeenMs: BEGAN + 300 * S,
  twiceMs: null,
  lastStartMs: null,
  lastProcessMs: null,
  lateStamps: [],
  ...fields,
});
const old = (fields: Partial<BootLine> = {}): BootLine =>
  line({
    boot: OLD,
    beganMs: BEGAN - 9_000 * S,
    firstSeenMs: BEGAN - 8_000 * S,
    lastSeenMs: BEGAN - 10 * S,
    ...fields,
  });
const facts = (...lines: BootLine[]): BootFacts => ({ nowMs: BEGAN + 300 * S, lines });
const isOver = (given: BootFacts) => judgeBoot(STAMP, OLD, NEW, given).isOver;

describe('a boot', () => {
  it('is over once its machine has booted again, and says by what', () => {
    const { isOver: over, evidence } = judgeBoot(STAMP, OLD, NEW, facts(old(), line({})));
    expect(over).toBe(true);
    expect(evidence).toBe(
      `stamped in boot ${OLD}, last seen 2030-01-01T11:59:50.000Z; this machine has rebooted since (boot ${NEW}, its kernel began 2030-01-01T12:00:00.000Z)`,
    );
  });

  it.each<[string, BootFacts]>([
    ['no probe has reported from it', facts(line({}))],
    ['no probe has reported from the new one', facts(old())],
    ['its machine id is another', facts(old({ machineId: 'b'.repeat(32) }), line({}))],
    ['neither has a machine id', facts(old({ machineId: '' }), line({ machineId: '' }))],
    ['its host is another', facts(old({ host: 'host-2' }), line({}))],
    ['it was seen from a container only', facts(old({ isInitial: false }), line({}))],
    ['the new one is seen from a container only', facts(old(), line({ isInitial: false }))],
    ['when the new kernel began is not known', facts(old(), line({ beganMs: null }))],
    [
      'it was seen over a minute after the new kernel began',
      facts(old({ lastSeenMs: BEGAN + 61 * S }), line({ firstSeenMs: BEGAN + 90 * S })),
    ],
    ['it was seen after the new one', facts(old({ lastSeenMs: BEGAN + 21 * S }), line({}))],
    [
      'another probe of it was seen after the new one',
      facts(
        old(),
        old({ pidNamespace: '7', host: 'pod-1', isInitial: false, lastSeenMs: BEGAN + 200 * S }),
        line({}),
      ),
    ],
    [
      'a run of it started over a minute after the new kernel began',
      facts(old({ lastStartMs: BEGAN + 61 * S }), line({})),
    ],
    [
      'a process of it started then, however long ago that is',
      { ...facts(old({ lastProcessMs: BEGAN + 61 * S }), line({})), nowMs: BEGAN + 90_000 * S },
    ],
    [
      'the process itself got a run then, however long ago that is',
      { ...facts(old({ lateStamps: [STAMP] }), line({})), nowMs: BEGAN + 90_000 * S },
    ],
    [
      'a run of it started then, and another probe reported from it',
      facts(old(), old({ host: 'pod-1', pidNamespace: '7', lastStartMs: BEGAN + 61 * S }), line({})),
    ],
    ['two machines have it', facts(old({ twiceMs: BEGAN }), line({}))],
    ['two machines have the new one', facts(old(), line({ twiceMs: BEGAN }))],
  ])('is in doubt while %s', (_, given) => {
    expect(isOver(given)).toBe(false);
  });

  it('is in doubt in the first minute of the new one, in which a second machine would be seen', () => {
    const lines = [old(), line({})];
    expect(isOver({ nowMs: BEGAN + 79 * S, lines })).toBe(false);
    expect(isOver({ nowMs: BEGAN + 80 * S, lines })).toBe(true);
  });

  it('may have been seen a little after the new kernel began, because clocks differ', () => {
    expect(isOver(facts(old({ lastSeenMs: BEGAN + 59 * S }), line({ firstSeenMs: BEGAN + 90 * S })))).toBe(
      true,
    );
  });

  it('is over if its youngest run started before the new kernel began, or a little after', () => {
    for (const lastStartMs of [BEGAN - 5_000 * S, BEGAN + 60 * S]) {
      expect(isOver(facts(old({ lastStartMs }), line({ lastStartMs: BEGAN + 200 * S })))).toBe(true);
    }
  });

  it('is over an hour after another process of it got a run, which its row can be wrong about', () => {
    const lines = [
      old({ lastStartMs: BEGAN + 61 * S, lastProcessMs: BEGAN - 100 * S, lateStamps: [`${STAMP}0`] }),
      line({}),
    ];
    expect(isOver({ nowMs: BEGAN + 3_660 * S, lines })).toBe(false);
    expect(isOver({ nowMs: BEGAN + 3_661 * S, lines })).toBe(true);
  });

  it('is two machines’ for an hour after that was noticed last', () => {
    const given = line({ twiceMs: BEGAN });
    expect(isTwice(NEW, { nowMs: BEGAN + 3_599 * S, lines: [given] })).toBe(true);
    expect(isTwice(NEW, { nowMs: BEGAN + 3_601 * S, lines: [given] })).toBe(false);
    expect(isTwice(OLD, { nowMs: BEGAN, lines: [given] })).toBe(false);
  });
});
