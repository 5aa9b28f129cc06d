import { afterEach, describe, expect, it, vi } from 'vitest';
import { probeProcess, processIdentity, selectDriver } from '../../src/liveness/index.js';
import type { LivenessDriver, Sighting } from '../../src/liveness/index.js';
import { end, PID_NOBODY_HAS, startSleep, startZombie } from './processes.js';

const isWindows = process.platform === 'win32';

afterEach(() => void vi.restoreAllMocks());

describe.skipIf(isWindows)('a process without a stamp (needs a system with signals)', () => {
  it.each([true, false])('is alive, not proven, while its pid exists (shared namespace: %s)', (shared) => {
    const { pid } = startSleep();
    const liveness = probeProcess({ pid, processIdentity: null }, { sharedPidNamespace: shared });
    expect(liveness).toMatchObject({ state: 'alive', proven: false });
    expect(liveness.evidence).toContain(`pid ${pid} exists`);
  });

  it('is dead when absent from a namespace that is known to be shared', async () => {
    const { child, pid } = startSleep();
    await end(child);
    const liveness = probeProcess({ pid, processIdentity: null }, { sharedPidNamespace: true });
    expect(liveness).toMatchObject({ state: 'dead', proven: false });
  });

  it('is unknown when absent and its namespace is not known to be shared', async () => {
    const { child, pid } = startSleep();
    await end(child);
    const liveness = probeProcess({ pid, processIdentity: null }, { sharedPidNamespace: false });
    expect(liveness).toMatchObject({ state: 'unknown', proven: false });
    expect(liveness.evidence).toContain('another pid namespace');
  });

  it('is defunct when it has exited and nobody collected it', async () => {
    const pid = await startZombie();
    const liveness = probeProcess({ pid, processIdentity: null }, { sharedPidNamespace: true });
    expect(liveness).toMatchObject({ state: 'defunct', proven: false });
    const alone = probeProcess({ pid, processIdentity: null }, { sharedPidNamespace: false });
    expect(alone).toMatchObject({ state: 'unknown', proven: false });
  });
});

describe('doubt', () => {
  const bad = [null, 0, -1, 1.5, 2 ** 31, Number.NaN, Number.POSITIVE_INFINITY];
  it.each(bad)('is what pid %s gives, and nothing is signalled', (pid) => {
    const kill = vi.spyOn(process, 'kill');
    for (const identity of [null, processIdentity(process.pid)]) {
      const liveness = probeProcess({ pid, processIdentity: identity }, { sharedPidNamespace: true });
      expect(liveness).toEqual({
        state: 'unknown',
        proven: false,
        evidence: `pid ${String(pid)} is not a positive integer`,
      });
    }
    expect(kill).not.toHaveBeenCalled();
  });

  it('is what an unexpected answer to signal 0 gives', () => {
    vi.spyOn(process, 'kill').mockImplementation(() => {
      throw Object.assign(new Error('kill EINVAL'), { code: 'EINVAL' });
    });
    for (const identity of [null, processIdentity(process.pid)]) {
      const liveness = probeProcess({ pid: 71, processIdentity: identity }, { sharedPidNamespace: true });
      expect(liveness).toMatchObject({ state: 'unknown' });
    }
  });

  it.skipIf(isWindows)(
    'is settled when the process ends between the signal and the look (needs a system with signals)',
    () => {
      for (const kind of ['linux', 'darwin'] as const) {
        const driver = selectDriver(kind);
        const options = { sharedPidNamespace: true, driver };
        // There for the first signal, and for nothing after it.
        vi.spyOn(process, 'kill').mockReturnValueOnce(true);
        expect(probeProcess({ pid: PID_NOBODY_HAS, processIdentity: null }, options).state).toBe('dead');
      }
    },
  );

  it('is what a driver that fails gives, with the cause', () => {
    const broken = (): never => {
      throw new Error('no such device');
    };
    const driver: LivenessDriver = { ...selectDriver(), look: broken, locate: broken, identify: broken };
    for (const identity of [null, processIdentity(process.pid)]) {
      const stamp = { pid: process.pid, processIdentity: identity };
      const liveness = probeProcess(stamp, { sharedPidNamespace: true, driver });
      expect(liveness.state).toBe('unknown');
      expect(liveness.evidence).toContain('no such device');
    }
    expect(processIdentity(process.pid, driver)).toBeNull();
  });

  it('is all there is on Windows and on systems whose start times move with the clock', () => {
    for (const platform of ['win32', 'freebsd'] as const) {
      const driver = selectDriver(platform);
      for (const identity of [null, processIdentity(process.pid)]) {
        const stamp = { pid: PID_NOBODY_HAS, processIdentity: identity };
        expect(probeProcess(stamp, { sharedPidNamespace: true, driver })).toEqual({
          state: 'unknown',
          proven: false,
          evidence: `liveness cannot be judged on ${platform}`,
        });
      }
      expect(processIdentity(process.pid, driver)).toBeNull();
    }
  });
});

describe('the driver that is selected', () => {
  it('depends on the platform alone', () => {
    const kinds = (['linux', 'darwin', 'win32'] as const).map((platform) => selectDriver(platform).kind);
    expect(kinds).toEqual(['linux', 'ps', 'unsupported']);
  });
});

describe('every kind of sighting', () => {
  const sightings: Sighting[] = [
    { kind: 'absent' },
    { kind: 'present', defunct: false, start: '2' },
    { kind: 'present', defunct: true, start: '2' },
    { kind: 'present', defunct: false, start: '3' },
    { kind: 'present', defunct: true, start: '4' },
    { kind: 'hidden', why: 'hidden' },
    { kind: 'unclear', why: 'unclear' },
  ];
  const identity = 'linux::1549cfe1-389a-48f0-86bd-df24e9729d85:1:2';

  const judged = (stamp: string | null, shared: boolean): string[] =>
    sightings.map((sighting) => {
      const driver: LivenessDriver = {
        ...selectDriver('linux'),
        look: () => sighting,
        compareStart: (_, stamped, found) => ({ kind: stamped === found ? 'same' : 'other' }),
        locate: () => ({ kind: 'here', place: 'here', boot: null }),
      };
      const liveness = probeProcess(
        { pid: 71, processIdentity: stamp },
        { sharedPidNamespace: shared, driver },
      );
      return liveness.proven ? `proven ${liveness.state}` : liveness.state;
    });

  it('is judged with a stamp from here', () => {
    const expected = ['dead', 'proven alive', 'defunct', 'dead', 'dead', 'unknown', 'unknown'];
    expect(judged(identity, false)).toEqual(expected);
    expect(judged(identity, true)).toEqual(expected);
  });

  it('is judged without a stamp', () => {
    const shared = ['dead', 'alive', 'defunct', 'alive', 'defunct', 'alive', 'unknown'];
    expect(judged(null, true)).toEqual(shared);
    // What is absent or has exited here may be another process's pid.
    const alone = shared.map((state) => (state === 'dead' || state === 'defunct' ? 'unknown' : state));
    expect(judged(null, false)).toEqual(alone);
  });
});
