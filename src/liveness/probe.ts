import { isTwice, judgeBoot, type BootFacts } from '../domain/boots.js';
import type { Liveness, ProcessStamp } from '../domain/liveness.js';
import { messageOf } from '../domain/trouble.js';
import type { LivenessDriver, Sighting } from './driver.js';
import { isPid } from './existence.js';
import { driverFor } from './select.js';
import { parseStamp, STAMP_FORMATS, type IdentityStamp } from './stamp.js';

/** How to judge a batch of processes. */
export interface ProbeOptions {
  /** The operator declares that every launcher on this host shares the probe's pid namespace. */
  sharedPidNamespace: boolean;
  /** For a batch, what `prepare` returned; by default this platform's driver. */
  driver?: LivenessDriver;
  /**
   * What is on record about the boots of {@link bootsInDoubt}. Without it another boot is `unknown`, and a boot id is taken to belong
   * to one machine.
   */
  boots?: BootFacts;
}

const MAX_QUOTE = 120;
/** Living children that evidence names. */
const MAX_NAMED = 5;

/**
 * Judges whether a stamped process is alive. Only reads: the one signal it sends is 0. Never throws: if anything
 * fails, the result is `unknown` with the cause as evidence.
 */
export function probeProcess(stamp: ProcessStamp, options: ProbeOptions): Liveness {
  try {
    return withCause(judge(stamp, options, options.driver ?? driverFor()));
  } catch (error) {
    return unknown(`the probe failed: ${messageOf(error)}`);
  }
}

/** What is dead in a boot that goes on has ended by itself. */
function withCause(liveness: Liveness): Liveness {
  const isOver = liveness.state === 'dead' || liveness.state === 'defunct';
  return isOver ? { cause: 'process', ...liveness } : liveness;
}

/**
 * The boots whose facts can change what {@link probeProcess} found without them: the stamp's and the probe's own. None for a
 * process that is alive.
 */
export function bootsInDoubt(
  { processIdentity }: ProcessStamp,
  { state }: Liveness,
  driver: LivenessDriver = driverFor(),
): string[] {
  if (state === 'alive' || processIdentity === null) return [];
  try {
    const stamp = parseStamp(processIdentity);
    const origin = stamp && driver.locate(stamp);
    if (origin?.kind === 'other boot') return [origin.boot, origin.here];
    // A doubt about the boot adds nothing to what is unknown anyway.
    if (origin?.kind === 'other namespace') return state === 'unknown' ? [] : [origin.boot];
    return origin?.kind === 'here' && origin.boot !== null ? [origin.boot] : [];
  } catch {
    return [];
  }
}

function judge(
  { pid, processIdentity }: ProcessStamp,
  { sharedPidNamespace: shared, boots }: ProbeOptions,
  driver: LivenessDriver,
): Liveness {
  if (!isPid(pid)) return unknown(`pid ${String(pid)} is not a positive integer`);
  if (processIdentity === null) return judgeUnstamped(pid, driver.look(pid), shared);
  const stamp = parseStamp(processIdentity);
  if (stamp === null) return unknown(`malformed stamp: ${expectedInstead(processIdentity)}`);
  return judgeStamped({ pid, processIdentity }, stamp, driver, boots);
}

function judgeStamped(
  { pid, processIdentity }: { pid: number; processIdentity: string },
  stamp: IdentityStamp,
  driver: LivenessDriver,
  boots: BootFacts | undefined,
): Liveness {
  const origin = driver.locate(stamp);
  switch (origin.kind) {
    case 'elsewhere':
      return unknown(origin.evidence);
    case 'other boot': {
      if (boots === undefined) {
        return unknown(
          `stamped in boot ${origin.boot}, this probe is in boot ${origin.here}, and whether the first is over was not checked`,
        );
      }
      const { isOver, evidence } = judgeBoot(processIdentity, origin.boot, origin.here, boots);
      return isOver ? { state: 'dead', proven: false, cause: 'reboot', evidence } : unknown(evidence);
    }
    case 'here':
    case 'other namespace': {
      const process = { pid, processIdentity };
      const seen =
        origin.kind === 'here'
          ? judgeHere(pid, stamp, driver, origin.place)
          : judgeTrace(process, stamp, driver);
      return unlessTwice(judgeDeath(process, seen, driver), origin.boot, boots);
    }
  }
}

/** Where two kernels have one boot id, only life can be told. */
function unlessTwice(liveness: Liveness, boot: string | null, boots: BootFacts | undefined): Liveness {
  if (liveness.state === 'alive' || boot === null || !boots || !isTwice(boot, boots)) return liveness;
  return unknown(`boot ${boot} is alive on two machines, and here ${liveness.evidence}`);
}

/** What a process has started may go on with its work. Then its death counts only after the grace, as that of a defunct one. */
function judgeDeath(process: ProcessStamp, liveness: Liveness, driver: LivenessDriver): Liveness {
  if (liveness.state === 'alive') driver.isAlive(process);
  if (liveness.state !== 'dead') return liveness;
  const survivors = driver.survivorsOf(process);
  if (survivors === null) return liveness;
  if (survivors.kind === 'unobserved') {
    return { ...liveness, evidence: `${liveness.evidence}; no sentinel has seen whether it left children` };
  }
  const { pids } = survivors;
  if (pids.length === 0) return { ...liveness, evidence: `${liveness.evidence}; no child of it lives on` };
  const named = pids.slice(0, MAX_NAMED).join(', ') + (pids.length > MAX_NAMED ? ', …' : '');
  return {
    state: 'defunct',
    proven: false,
    evidence: `${liveness.evidence}, but processes that it started live on (${named}) and may go on with its work`,
  };
}

function judgeTrace(
  process: { pid: number; processIdentity: string },
  stamp: IdentityStamp,
  driver: LivenessDriver,
): Liveness {
  const trace = driver.trace(process);
  const { pid } = process;
  const namespace = stamp.scheme === 'linux' ? stamp.pidNamespace : '';
  switch (trace.kind) {
    case 'found':
      return {
        state: 'alive',
        proven: true,
        evidence: `pid ${pid} runs in pid namespace ${namespace} of this boot since tick ${stamp.start}, as stamped: ${trace.how}`,
      };
    case 'exited':
      return {
        state: 'defunct',
        proven: false,
        evidence: `pid ${pid} has exited in pid namespace ${namespace} of this boot and is not yet collected by its parent (${trace.how})`,
      };
    case 'gone':
      // Without the namespace, so that the runs of many containers have one kind of evidence.
      return { state: 'dead', proven: false, evidence: `pid ${pid} is gone: ${trace.how}` };
    case 'unclear':
      return unknown(`stamped in pid namespace ${namespace}, another than this probe's, and ${trace.why}`);
  }
}

function judgeHere(pid: number, stamp: IdentityStamp, driver: LivenessDriver, place: string): Liveness {
  const sighting = driver.look(pid);
  switch (sighting.kind) {
    case 'unclear':
      return unknown(sighting.why);
    case 'hidden':
      return unknown(`pid ${pid} exists, but its stamp cannot be compared (${sighting.why})`);
    case 'absent':
      return { state: 'dead', proven: false, evidence: `pid ${pid} absent ${place}` };
    case 'present':
      return judgePresent(pid, stamp, sighting, driver, place);
  }
}

function judgePresent(
  pid: number,
  stamp: IdentityStamp,
  { start, defunct }: Extract<Sighting, { kind: 'present' }>,
  driver: LivenessDriver,
  place: string,
): Liveness {
  const unit = stamp.scheme === 'linux' ? 'tick ' : '';
  const comparison = driver.compareStart(pid, stamp.start, start);
  // Whichever process it was has exited, and if it is not the stamped one, that has exited too.
  if (comparison.kind === 'unclear' && defunct) {
    return { state: 'defunct', proven: false, evidence: exited(pid, place) };
  }
  if (comparison.kind === 'unclear') {
    return unknown(`pid ${pid} exists, but its stamp cannot be compared (${comparison.why})`);
  }
  if (comparison.kind === 'other') {
    return {
      state: 'dead',
      proven: false,
      evidence: `pid ${pid} reused ${place}: stamped start ${unit}${stamp.start}, found ${unit}${start}`,
    };
  }
  // A process that has exited is not proven alive, whichever it was.
  if (defunct) return { state: 'defunct', proven: false, evidence: exited(pid, place) };
  return {
    state: 'alive',
    proven: true,
    evidence: `pid ${pid} runs ${place} since ${unit}${start}, as stamped`,
  };
}

function judgeUnstamped(pid: number, sighting: Sighting, shared: boolean): Liveness {
  const unproven = 'no identity stamp';
  switch (sighting.kind) {
    case 'unclear':
      return unknown(sighting.why);
    case 'hidden':
      return {
        state: 'alive',
        proven: false,
        evidence: `pid ${pid} exists (${unproven}; ${sighting.why})`,
      };
    case 'present':
      if (!sighting.defunct)
        return { state: 'alive', proven: false, evidence: `pid ${pid} exists (${unproven})` };
      return shared
        ? { state: 'defunct', proven: false, evidence: `${exited(pid, 'here')} (${unproven})` }
        : unknown(`pid ${pid} has exited here, but with ${unproven} it may be another process`);
    case 'absent':
      return shared
        ? { state: 'dead', proven: false, evidence: `pid ${pid} absent in the shared pid namespace` }
        : unknown(`pid ${pid} absent here, but with ${unproven} it may be in another pid namespace`);
  }
}

function exited(pid: number, place: string): string {
  return `pid ${pid} has exited ${place} and is not yet collected by its parent`;
}

function unknown(evidence: string): Liveness {
  return { state: 'unknown', proven: false, evidence };
}

function expectedInstead(text: string): string {
  const quote = JSON.stringify(text.length > MAX_QUOTE ? `${text.slice(0, MAX_QUOTE)}…` : text);
  return `expected ${STAMP_FORMATS.linux} or ${STAMP_FORMATS.ps}, got ${quote}`;
}
