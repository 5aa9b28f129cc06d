import { messageOf } from '../domain/trouble.js';
import { isSameStart, readOffsetOf } from './boot-time.js';
import { INITIAL_PID_NAMESPACE } from './place.js';
import { isGone, readPidNamespace, readStat } from './process-files.js';
import type { ListedProcess, ProcessList } from './scan.js';
import type { LinuxStamp } from './stamp.js';

/** What a list of processes says about the process of a stamp from another pid namespace. */
export type Finding =
  /** It is this very process. `pid` is as the list counts. */
  | { kind: 'found'; pid: number; start: string; defunct: boolean }
  /** Each that it can be has exited. */
  | { kind: 'exited'; pid: number }
  /** The list has all processes of this kernel, and it is not among them. */
  | { kind: 'gone' }
  | { kind: 'unclear'; why: string };

/** The kernel numbers all other namespaces from here on. Kernels that only act like one (gVisor) do not. */
const FIRST_DYNAMIC_INODE = 0xf0000000;

/**
 * Finds the process of a stamp among all processes.
 *
 * Its pid is as the stamp's writer counts it, who can be in the process's own pid namespace or in one above. So a process that has this
 * pid in any namespace, and the start, may be it. It is proven to be it only if it has this pid in its innermost namespace and that is the
 * stamp's, because processes of containers that start together can have equal pids and starts.
 */
export function findProcess(
  procRoot: string,
  list: ProcessList,
  offset: number,
  pid: number,
  stamp: LinuxStamp,
): Finding {
  const { view, incomplete } = list;
  if (view === null) return { kind: 'unclear', why: incomplete ?? `${procRoot} cannot be read` };
  const doubtful: { process: ListedProcess; why: string }[] = [];
  const otherTicks: ListedProcess[] = [];
  for (const process of list.withPid(pid)) {
    const isSame = isSameStart(process.start, stamp.start);
    const relation = relate(procRoot, view.pidNamespace, offset, process, pid, stamp);
    if (relation === 'other') continue;
    if (!isSame) otherTicks.push(process);
    else if (relation === 'itself') {
      return { kind: 'found', pid: listedPid(process), start: process.start, defunct: process.defunct };
    } else {
      const why = `process ${listedPid(process)} of ${procRoot} has its pid and start, but ${relation.why}`;
      doubtful.push({ process, why });
    }
  }
  const alive = doubtful.find(({ process }) => !process.defunct);
  const why = alive?.why ?? whyNoProof(list, view.isInitial, stamp) ?? whyOtherTicks(procRoot, otherTicks);
  if (why !== null) return { kind: 'unclear', why };
  const [exited] = doubtful;
  return exited === undefined ? { kind: 'gone' } : { kind: 'exited', pid: listedPid(exited.process) };
}

/**
 * How a process that has the stamp's pid in some namespace is related to the stamp's. `itself`: it has this pid there, so that only its
 * start can tell it from the stamped one. `other`: it has not, or it has ended since.
 */
function relate(
  procRoot: string,
  viewNamespace: string,
  offset: number,
  { pids, start }: ListedProcess,
  pid: number,
  stamp: LinuxStamp,
): 'itself' | 'other' | { why: string } {
  const [listed = 0] = pids;
  if (stamp.pidNamespace === viewNamespace && listed === pid) return 'itself';
  const isInnermost = pids.at(-1) === pid;
  let namespace: string;
  try {
    namespace = readPidNamespace(procRoot, listed);
    // Another one has got its pid since: then it has ended, whichever it was.
    if (readStat(procRoot, listed, offset).start !== start) return 'other';
  } catch (error) {
    if (isGone(error)) return 'other';
    return { why: `its pid namespace cannot be read (${messageOf(error)})` };
  }
  if (namespace === stamp.pidNamespace) return isInnermost ? 'itself' : 'other';
  // Only there does it have this pid, and the stamp's pid counts elsewhere.
  if (isInnermost && pids.indexOf(pid) === pids.length - 1) return 'other';
  return { why: `it is in pid namespace ${namespace} below that of the stamp, or it is another process` };
}

function whyNoProof(list: ProcessList, isInitial: boolean, { pidNamespace }: LinuxStamp): string | null {
  if (!isInitial) return 'only a probe that sees the first pid namespace can tell that it is gone';
  if (list.incomplete !== null) return `processes can be missing: ${list.incomplete}`;
  if (pidNamespace !== INITIAL_PID_NAMESPACE && Number(pidNamespace) < FIRST_DYNAMIC_INODE) {
    return `no pid namespace of this kernel has the number ${pidNamespace}`;
  }
  return null;
}

/**
 * A stamp from a version that did not convert starts to the kernel's own clock may be off by a process's own time offset. One that has
 * exited, or ended since, is not alive, whichever it was; the kernel no longer tells its offset.
 */
function whyOtherTicks(procRoot: string, processes: readonly ListedProcess[]): string | null {
  for (const process of processes.filter(({ defunct }) => !defunct)) {
    const pid = listedPid(process);
    const doubt = (why: string) => `process ${pid} of ${procRoot} has its pid, and its time namespace ${why}`;
    try {
      const shift = readOffsetOf(pid, procRoot);
      if (shift !== 0) return doubt(`shifts its start by ${shift} ticks`);
    } catch (error) {
      if (!isGone(error)) return doubt(`cannot be read (${messageOf(error)})`);
    }
  }
  return null;
}

function listedPid({ pids }: ListedProcess): number {
  return pids[0] ?? 0;
}
