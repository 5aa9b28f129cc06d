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
  if (view.bootId !== stamp.bootId) return { kind: 'unclear', why: `${procRoot} shows boot ${view.bootId}` };
  const doubtful: { process: ListedProcess; why: string }[] = [];
  const otherTicks: ListedProcess[] = [];
  const relationOf = (process: ListedProcess) =>
    relate(procRoot, view.pidNamespace, offset, process, pid, stamp);
  for (const process of list.withPid(pid)) {
    // Read no more of it than that: in each of a thousand containers, there is a process with pid 1.
    if (!isSameStart(process.start, stamp.start)) {
      otherTicks.push(process);
      continue;
    }
    const relation = relationOf(process);
    if (relation === 'other') continue;
    if (relation === 'itself') {
      return { kind: 'found', pid: listedPid(process), start: process.start, defunct: process.defunct };
    } else {
      const why = `process ${listedPid(process)} of ${procRoot} has its pid and start, but ${relation.why}`;
      doubtful.push({ process, why });
    }
  }
  const alive = doubtful.find(({ process }) => !process.defunct);
  const why =
    alive?.why ??
    whyNoProof(list, view.isInitial, stamp) ??
    whyOtherTicks(procRoot, otherTicks, (process) => relationOf(process) === 'other');
  if (why !== null) return { kind: 'unclear', why };
  const [exited] = doubtful;
  return exited === undefined ? { kind: 'gone' } : { kind: 'exited', pid: listedPid(exited.process) };
}

/**
 * How a process that has the stamp's pid in some namespace is related to the stamp's. `itself`: it has this pid there, so that only its
 * start can tell it from the stamped one. `other`: it has not, or another one has got its pid since.
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
    // Then it has ended, whichever it was.
    if (readStat(procRoot, listed, offset).start !== start) return 'other';
  } catch (error) {
    // Missing files, too, are no proof that it has ended since: the namespace of one that lives is missing for a moment while a thread of it
    // executes a new program. The next list tells.
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
 *
 * @param isOther whether a process is none that the stamp can mean, whatever its start
 */
function whyOtherTicks(
  procRoot: string,
  processes: readonly ListedProcess[],
  isOther: (process: ListedProcess) => boolean,
): string | null {
  for (const process of processes.filter(({ defunct }) => !defunct)) {
    const trouble = troubleWithClock(procRoot, process);
    if (trouble === null || isOther(process)) continue;
    return `process ${listedPid(process)} of ${procRoot} has its pid, and its time namespace ${trouble}`;
  }
  return null;
}

/** For each process of a list, which many stamps are compared with. */
const clockTroubles = new WeakMap<ListedProcess, string | null>();

/** Why a process's start can have been read differently in its own time namespace; null if it cannot. */
function troubleWithClock(procRoot: string, process: ListedProcess): string | null {
  const known = clockTroubles.get(process);
  if (known !== undefined) return known;
  const trouble = readClockTrouble(procRoot, listedPid(process));
  clockTroubles.set(process, trouble);
  return trouble;
}

function readClockTrouble(procRoot: string, pid: number): string | null {
  try {
    const shift = readOffsetOf(pid, procRoot);
    return shift === 0 ? null : `shifts its start by ${shift} ticks`;
  } catch (error) {
    return isGone(error) ? null : `cannot be read (${messageOf(error)})`;
  }
}

function listedPid({ pids }: ListedProcess): number {
  return pids[0] ?? 0;
}
