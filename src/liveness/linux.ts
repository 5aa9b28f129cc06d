import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { LivenessDriver, Sighting, StampOrigin } from './driver.js';
import { messageOf, signalZero } from './existence.js';
import { formatStamp, isBootId, STAMP_FORMATS, type IdentityStamp } from './stamp.js';

/** Where the driver reads; the defaults are right for every real machine. */
export interface LinuxDriverOptions {
  procRoot?: string;
  machineIdFile?: string;
}

interface Place {
  machineId: string;
  bootId: string;
  pidNamespace: string;
}

type ProcessStat = { kind: 'read'; defunct: boolean; start: string } | { kind: 'unread'; why: string };

/** Looks at processes through signal 0 and `/proc`. */
export function createLinuxDriver(options: LinuxDriverOptions = {}): LivenessDriver {
  const { procRoot = '/proc', machineIdFile = '/etc/machine-id' } = options;
  // None of this can change while this process lives, so it is read once; a failed read is not kept.
  let knownPlace: Place | undefined;
  let knownOwnProc: true | undefined;
  const place = (): Place => (knownPlace ??= readPlace(procRoot, machineIdFile));
  const assertOwnProc = (): true => (knownOwnProc ??= readOwnProc(procRoot));

  function readStat(pid: number): ProcessStat {
    try {
      assertOwnProc();
      return parseStat(readFileSync(join(procRoot, String(pid), 'stat'), 'latin1'));
    } catch (error) {
      return { kind: 'unread', why: messageOf(error) };
    }
  }

  function look(pid: number): Sighting {
    const existence = signalZero(pid);
    if (existence.kind !== 'exists') return existence;
    const stat = readStat(pid);
    if (stat.kind === 'read') return { kind: 'present', defunct: stat.defunct, start: stat.start };
    // Unreadable means gone since, or hidden from this user: only a second signal can tell which.
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
    const here = place();
    if (stamp.bootId === here.bootId) return compareNamespace(stamp.pidNamespace, here.pidNamespace);
    if (here.machineId !== '' && stamp.machineId === here.machineId) {
      return {
        kind: 'ended',
        evidence: `stamped in boot ${stamp.bootId}, this machine has rebooted since (boot ${here.bootId})`,
      };
    }
    return {
      kind: 'elsewhere',
      evidence: `stamped in boot ${stamp.bootId} of machine "${stamp.machineId}", this probe is in boot ${here.bootId} of machine "${here.machineId}"`,
    };
  }

  function identify(pid: number): string | null {
    const stat = readStat(pid);
    if (stat.kind === 'unread') return null;
    return formatStamp({ scheme: 'linux', ...place(), start: stat.start });
  }

  const driver: LivenessDriver = { kind: 'linux', prepare: () => driver, look, locate, identify };
  return driver;
}

function compareNamespace(stamped: string, own: string): StampOrigin {
  if (stamped === own) return { kind: 'here', place: `in pid namespace ${own} of this boot` };
  return { kind: 'elsewhere', evidence: `stamped in pid namespace ${stamped}, this probe is in ${own}` };
}

function readPlace(procRoot: string, machineIdFile: string): Place {
  const bootId = readFileSync(join(procRoot, 'sys/kernel/random/boot_id'), 'utf8').trim();
  if (!isBootId(bootId)) throw new Error(`${procRoot}/sys/kernel/random/boot_id holds no boot id`);
  /*
   * A pid is a number in the namespace of whoever reads it. So a stamp names its writer's namespace, also for a
   * child that was started in a nested one: there the same number means another process or none.
   */
  const link = readlinkSync(join(procRoot, 'self/ns/pid'));
  const pidNamespace = /^pid:\[(\d+)\]$/.exec(link)?.[1];
  if (pidNamespace === undefined) throw new Error(`${procRoot}/self/ns/pid holds no pid namespace`);
  return { machineId: readMachineId(machineIdFile), bootId, pidNamespace };
}

/** Empty unless it is a real one: images ship the file missing, empty, zeroed or saying `uninitialized`. */
function readMachineId(file: string): string {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return /^[0-9a-f]{32}$/.test(text) && !/^0+$/.test(text) ? text : '';
  } catch {
    return '';
  }
}

/**
 * After `unshare --pid` without a new mount, `/proc` still shows the outer namespace, where our pids are
 * other processes. `NSpid` lists this process's pid in every namespace from that of `/proc` down to its own.
 */
function readOwnProc(procRoot: string): true {
  const status = readFileSync(join(procRoot, 'self/status'), 'latin1');
  const pids = (/^NSpid:(.*)$/m.exec(status) ?? /^Pid:(.*)$/m.exec(status))?.[1]?.trim();
  if (pids === String(process.pid)) return true;
  throw new Error(`${procRoot} shows another pid namespace than the probe is in`);
}

function parseStat(text: string): ProcessStat {
  // The command name may hold spaces and parentheses: only after the LAST one can fields be counted.
  const fields = text.slice(text.lastIndexOf(')') + 1).split(/\s+/);
  const [state, threads, start] = [fields[1], fields[18], fields[20]];
  if (state === undefined || threads === undefined || start === undefined || !/^\d+$/.test(start)) {
    return { kind: 'unread', why: 'its stat file has an unexpected format' };
  }
  // A process whose main thread has ended shows Z while its other threads run on: that one has not exited.
  const defunct = /^[ZXx]$/.test(state) && Number(threads) <= 1;
  return { kind: 'read', defunct, start };
}
