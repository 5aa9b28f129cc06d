import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessStamp } from '../domain/liveness.js';
import { messageOf } from '../domain/trouble.js';
import { isPossibleStart, isSameStart, readBootOffset, readOffsetOf } from './boot-time.js';
import type {
  LivenessDriver,
  PlacedProcess,
  PlacedSighting,
  Sighting,
  StampOrigin,
  StartComparison,
} from './driver.js';
import { isPid, signalZero } from './existence.js';
import { OtherNamespaces } from './other-namespaces.js';
import { INITIAL_PID_NAMESPACE, readPlace, type Place, type PlaceOptions } from './place.js';
import { expectOwnProc, isGone, readStat } from './process-files.js';
import { formatStamp, parseStamp, STAMP_FORMATS, type IdentityStamp } from './stamp.js';
import { readView } from './view.js';

/** Where the driver reads. The defaults suit every real machine. */
export interface LinuxDriverOptions extends PlaceOptions {
  /**
   * A mount of the `/proc` of the machine's first pid namespace, as REAPER_PROC names it: its list shows the processes of all others.
   *
   * @default procRoot
   */
  hostProc?: string;
}

type OwnStat = { kind: 'read'; defunct: boolean; start: string } | { kind: 'unread'; why: string };

/** Looks at processes of its own pid namespace with signal 0 and `/proc`, and at those of others in a list of all processes. */
export function createLinuxDriver(options: LinuxDriverOptions = {}): LivenessDriver {
  const { procRoot = '/proc', machineIdFile, hostProc = procRoot } = options;
  // None of this can change while this process lives, so it is read once; a failed read is not kept.
  let knownPlace: Place | undefined;
  let knownOffset: number | undefined;
  let isOwnProc = false;
  const here = (): Place =>
    (knownPlace ??= readPlace({ procRoot, ...(machineIdFile !== undefined && { machineIdFile }) }));
  const offset = (): number => (knownOffset ??= readBootOffset(procRoot));
  const others = new OtherNamespaces(hostProc, offset);

  function assertOwnProc(): void {
    if (!isOwnProc) expectOwnProc(procRoot);
    isOwnProc = true;
  }

  function readOwn(pid: number): OwnStat {
    try {
      assertOwnProc();
      return { kind: 'read', ...readStat(procRoot, pid, offset()) };
    } catch (error) {
      return { kind: 'unread', why: messageOf(error) };
    }
  }

  function look(pid: number): Sighting {
    const existence = signalZero(pid);
    if (existence.kind !== 'exists') return existence;
    const stat = readOwn(pid);
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
    const { bootId, pidNamespace } = here();
    if (stamp.bootId !== bootId) return { kind: 'other boot', boot: stamp.bootId, here: bootId };
    if (stamp.pidNamespace !== pidNamespace) return { kind: 'other namespace', boot: bootId };
    return { kind: 'here', place: `in pid namespace ${pidNamespace} of this boot`, boot: bootId };
  }

  /** The process that a stamp names, and where that was written; null if it names none. */
  function placeOf({ pid, processIdentity }: ProcessStamp) {
    const stamp = processIdentity === null ? null : parseStamp(processIdentity);
    if (!isPid(pid) || stamp?.scheme !== 'linux') return null;
    return { origin: locate(stamp).kind, placed: { pid, start: stamp.start } };
  }

  /** The process of a stamp from this very pid namespace; null for any other stamp. */
  function ofHere(process: ProcessStamp): PlacedProcess | null {
    const found = placeOf(process);
    return found?.origin === 'here' ? found.placed : null;
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
    const stat = readOwn(pid);
    if (stat.kind === 'unread') return null;
    const { machineId, bootId, pidNamespace } = here();
    return formatStamp({ scheme: 'linux', machineId, bootId, pidNamespace, start: stat.start });
  }

  function isOfOtherNamespace(process: ProcessStamp): boolean {
    try {
      return placeOf(process)?.origin === 'other namespace';
    } catch {
      return false;
    }
  }

  function needsList(process: ProcessStamp): boolean {
    return isOfOtherNamespace(process) && !['found', 'exited'].includes(others.recall(process).kind);
  }

  /** Whether this process is in another pid namespace than the first and yet sees all processes: then it speaks for the machine. */
  function seesHost(): boolean {
    try {
      const { pidNamespace, bootId } = here();
      if (pidNamespace === INITIAL_PID_NAMESPACE) return false;
      const view = readView(hostProc);
      return view.isInitial && view.bootId === bootId;
    } catch {
      return false;
    }
  }

  function inPlace(pid: number | 'self'): PlacedSighting {
    const isHost = seesHost();
    try {
      if (!isHost && pid !== 'self') {
        const sighting = look(pid);
        if (sighting.kind === 'present') return { ...sighting, pid };
        return sighting.kind === 'absent' ? sighting : { kind: 'unclear' };
      }
      const root = isHost ? hostProc : procRoot;
      if (!isHost) assertOwnProc();
      const { start, defunct } = readStat(root, pid, offset());
      const placed = pid === 'self' ? Number(readlinkSync(join(root, 'self'))) : pid;
      return { kind: 'present', pid: placed, start, defunct };
    } catch (error) {
      return { kind: isHost && isGone(error) && readView(hostProc).hidden === null ? 'absent' : 'unclear' };
    }
  }

  /** @param trace what was listed for this batch says */
  function driverOver(trace: LivenessDriver['trace']): LivenessDriver {
    return {
      kind: 'linux',
      async prepare(processes, { sinceMs = performance.now(), fromMemory = false } = {}) {
        if (fromMemory) return driverOver((process) => others.recall(process));
        if (!processes.some(needsList)) return driverOver((process) => others.traceIn(null, process));
        const list = await others.listSince(sinceMs);
        return driverOver((process) => others.traceIn(list, process));
      },
      look,
      locate,
      compareStart,
      trace,
      isFamiliar: (process) => others.hasFound(process) || !isOfOtherNamespace(process),
      seemsGone(process) {
        if (others.hasFound(process)) return others.recall(process).kind === 'gone';
        return (
          isPid(process.pid) && signalZero(process.pid).kind === 'absent' && !isOfOtherNamespace(process)
        );
      },
      keepFamilies: (processes) => others.keepFamilies(processes, ofHere),
      isAlive: (process) => others.families.isAlive(process),
      survivorsOf: (process) => others.survivorsOf(process),
      identify,
      place() {
        const own = here();
        return seesHost() ? { ...own, pidNamespace: INITIAL_PID_NAMESPACE, isInitial: true } : own;
      },
      inPlace,
    };
  }

  return driverOver((process) => others.traceIn(null, process));
}
