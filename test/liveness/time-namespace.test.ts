import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { probeProcess, processIdentity } from '../../src/liveness/index.js';
import { isLinux, isRoot, start, startSleep, until, works } from './processes.js';
import { forged, linuxStampOf, stampOf } from './stamps.js';
import { runScript } from './subprocess.js';

const SHIFT_S = 100_000;
const SHIFTED = ['unshare', '--time', '--fork', '--boottime', String(SHIFT_S)];
const canShift = isLinux && isRoot && works('unshare', [...SHIFTED.slice(1), 'true']);

const IMPORTS = `
  import { spawn } from 'node:child_process';
  import { readFileSync } from 'node:fs';
  import { measureUptimes, probeProcess, processIdentity } from './liveness/index.js';
  const probe = (pid, processIdentity) => probeProcess({ pid, processIdentity }, { sharedPidNamespace: false });
  const field22 = (pid) => Number(readFileSync('/proc/' + pid + '/stat', 'latin1').split(') ')[1].split(' ')[19]);
`;

const probe = (pid: number, identity: string) =>
  probeProcess({ pid, processIdentity: identity }, { sharedPidNamespace: false });

/** A process in its own time namespace, by this one's pids. */
async function startShifted(): Promise<number> {
  const { pid: parent } = start('unshare', [
    '--time',
    '--fork',
    '--kill-child',
    '--boottime',
    String(SHIFT_S),
    'sleep',
    '300',
  ]);
  return until(() => Number(readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim()));
}

describe.skipIf(!canShift)('a real time namespace (needs root and unshare --time)', () => {
  it('shifts the starts that a reader inside sees, but neither the stamps that it writes nor what it judges', () => {
    const { pid } = startSleep();
    const outer = stampOf(pid);
    const script = `${IMPORTS}
      const [pid, outer] = [Number(process.argv[2]), process.argv[3]];
      const child = spawn('sleep', ['300'], { stdio: 'ignore' });
      console.log(JSON.stringify({
        read: field22(pid), stamp: processIdentity(pid), seen: probe(pid, outer), own: probe(child.pid, processIdentity(child.pid)),
      }));
      child.kill('SIGKILL');`;
    const inside = runScript(SHIFTED, script, [String(pid), outer]) as { read: number; stamp: string };
    const ticks = Number(linuxStampOf(pid).start);
    expect(inside.read).toBe(ticks + 100 * SHIFT_S);
    expect(inside).toMatchObject({
      stamp: outer,
      seen: { state: 'alive', proven: true },
      own: { state: 'alive', proven: true },
    });
  });

  it('of the target plays no part: a stamp from inside and one from outside name the same process', async () => {
    const pid = await startShifted();
    expect(probe(pid, stampOf(pid))).toMatchObject({ state: 'alive', proven: true });
  });

  it('of the target makes other ticks unknown: a stamp from before offsets were subtracted is off by as much', async () => {
    const pid = await startShifted();
    const shifted = String(Number(linuxStampOf(pid).start) + 100 * SHIFT_S);
    const liveness = probe(pid, forged(pid, { start: shifted }));
    expect(liveness).toMatchObject({ state: 'unknown' });
    expect(liveness.evidence).toContain(`shifts its start by ${100 * SHIFT_S} ticks`);
  });

  it('that begins after the process makes its start impossible: no stamp, and unknown', () => {
    const uptimeS = Math.floor(Number(readFileSync('/proc/uptime', 'utf8').split(' ', 1)[0]));
    const script = `${IMPORTS}
      console.log(JSON.stringify({ read: field22(1), stamp: processIdentity(1), seen: probe(1, process.argv[2]) }));`;
    const behind = ['unshare', '--time', '--fork', '--boottime', String(-Math.max(1, uptimeS - 1))];
    const inside = runScript(behind, script, [stampOf(1)]) as { read: number };
    expect(inside).toMatchObject({ stamp: null, seen: { state: 'unknown' } });
    expect(inside.read).toBeGreaterThan(1e12);
  });

  it('does not change the kernel’s uptime', () => {
    const script = `${IMPORTS} console.log(JSON.stringify(measureUptimes())); process.exit();`;
    const [outside, inside] = [runScript([], script), runScript(SHIFTED, script)] as { kernelS: number }[];
    expect(Math.abs((inside?.kernelS ?? Infinity) - (outside?.kernelS ?? 0))).toBeLessThan(600);
  });
});

describe.skipIf(!isLinux)('starts (needs /proc)', () => {
  it('that are one tick apart are the same, two are not', () => {
    const { pid } = startSleep();
    const ticks = Number(linuxStampOf(pid).start);
    const states = [-2, -1, 0, 1, 2].map(
      (by) => probe(pid, forged(pid, { start: String(ticks + by) })).state,
    );
    expect(states).toEqual(['dead', 'alive', 'alive', 'alive', 'dead']);
  });

  it('beyond 10^12 ticks are impossible: unknown, even when the pid is free', () => {
    expect(probe(2 ** 31 - 1, forged(process.pid, { start: '1844673867395' }))).toMatchObject({
      state: 'unknown',
    });
    expect(processIdentity(process.pid)).not.toBeNull();
  });
});
