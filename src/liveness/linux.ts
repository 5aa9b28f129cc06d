import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../domain/trouble.js';
import { isPossibleStart, isSameStart, normalizeTicks, readBootOffset, readOffsetOf } from './boot-time.js';
import type { LivenessDriver, Sighting, StampOrigin, StartComparison } from './driver.js';
import { signalZero } from './existence.js';
import { readPlace, type Place, type PlaceOptions } from './place.js';
import { formatStamp, STAMP_FORMATS, type IdentityStamp } from './stamp.js';

/** Where the driver reads. The defaults suit every real machine. */
export type LinuxDriverOptions = PlaceOptions;

type ProcessStat = { kind: 'read'; defunct: boolean; start: string } | { kind: 'unread'; why: string };

/** Looks at processes with signal 0 and `/proc`. */
export function createLinuxDriver(options: LinuxDriverOptions = {}): LivenessDriver {
  const { procRoot = '/proc' } = options;
  // None of this can change while this process lives, so it is read once; a failed read is not kept.
  let knownPlace: Place | undefined;
  let knownOffset: number | undefined;
  let knownOwnProc: true | undefined;
  const place = (): Place => (knownPlace ??= readPlace(options));
  const offset = (): number => (knownOffset ??= readBootOffset(procRoot));
  const assertOwnProc = (): true => (knownOwnProc ??= readOwnProc(procRoot));

  function readStat(pid: number): ProcessStat {
    try {
      assertOwnProc();
      return parseStat(readFileSync(join(procRoot, String(pid), 'stat'), 'latin1'), offset());
    } catch (error) {
      return { kind: 'unread', why: messageOf(error) };
    }
  }

  function look(pid: number): Sighting {
    const existence = signalZero(pid);
    if (existence.kind !== 'exists') return existence;
    const stat = readStat(pid);
    if (stat.kind === 'read') return { kind: 'present', defunct: stat.defunct, start: stat.start };
    // Unreadable: either it is gone by now, or hidden from this user. A second signal tells which.
    const now = signalZero(pid);
    if (now.kind !== 'exists') return now;
    return { kind: 'hidden', why: stat.why };
  }

  function locate(stamp: IdentityStamp): StampOrigin {
    if (stamp.scheme !== 'linux') {
      return {
        kind: 'elsewhere',
        evidence: `expected a stamp ${STAMP_FORMATS.linux}, got one of kind ${stamp.scheme}`,
      };
    }
    if (!isPossibleStart(stamp.start)) {
      return { kind: 'elsewhere', evidence: `no process starts at tick ${stamp.start}` };
    }
    // With its own clock in doubt this reader judges nothing, not even absence. Nor did it write the stamp.
    offset();
    const here = place();
    if (stamp.bootId !== here.bootId) {
      return { kind: 'other boot', boot: stamp.bootId, here: here.bootId };
    }
    if (stamp.pidNamespace !== here.pidNamespace) {
      const evidence = `stamped in pid namespace ${stamp.pidNamespace}, this probe is in ${here.pidNamespace}`;
      return { kind: 'elsewhere', evidence };
    }
    return {
      kind: 'here',
      place: `in pid namespace ${here.pidNamespace} of this boot`,
      boot: here.bootId,
    };
  }

  function compareStart(pid: number, stamped: string, found: string): StartComparison {
    if (isSameStart(stamped, found)) return { kind: 'same' };
    try {
      // A stamp from a version that did not convert starts to the kernel's own clock may be off by this much.
      const shift = readOffsetOf(pid, procRoot);
      if (shift === 0) return { kind: 'other' };
      return { kind: 'unclear', why: `its time namespace shifts its start by ${shift} ticks` };
    } catch (error) {
      return { kind: 'unclear', why: messageOf(error) };
    }
  }

  function identify(pid: number): string | null {
    const stat = readStat(pid);
    if (stat.kind === 'unread') return null;
    const { machineId, bootId, pidNamespace } = place();
    return formatStamp({ scheme: 'linux', machineId, bootId, pidNamespace, start: stat.start });
  }

  const driver: LivenessDriver = {
    kind: 'linux',
    prepare: () => driver,
    look,
    locate,
    compareStart,
    identify,
  };
  return driver;
}

/**
 * After `unshare --pid` without a new mount, `/proc` still shows the outer namespace, where our pids are
 * other processes. `NSpid` lists this process's pid in every namespace from that of `/proc` down to its own.
 */
function readOwnProc(procRoot: string): true {
  const status = readFileSync(join(procRoot, 'self/status'), 'latin1');
  const pids = (/^NSpid:(.*)$/m.exec(status) ?? /^Pid:(.*)$/m.exec(status))?.[1]?.trim();
  if (pids === String(process.pid)) return true;
  throw new Error(`${procRoot} shows another pid namespace than the probe's own`);
}

function parseStat(text: string, offset: number): ProcessStat {
  // The command name may contain spaces and parentheses: count fields only after the LAST parenthesis.
  const fields = text.slice(text.lastIndexOf(')') + 1).split(/\s+/);
  const [state, threads, read] = [fields[1], fields[18], fields[20]];
  if (state === undefined || threads === undefined || read === undefined || !/^\d+$/.test(read)) {
    return { kind: 'unread', why: 'its stat file has an unexpected format' };
  }
  const start = normalizeTicks(read, offset);
  if (start === null) return { kind: 'unread', why: `its start tick ${read} is impossible` };
  // A process whose main thread has ended shows Z while other threads still run: it has not exited.
  const defunct = /^[ZXx]$/.test(state) && Number(threads) <= 1;
  return { kind: 'read', defunct, start };
}
