import type { Liveness, ProcessStamp } from '../domain/liveness.js';
import type { LivenessDriver, Sighting } from './driver.js';
import { messageOf, isPid } from './existence.js';
import { defaultDriver } from './select.js';
import { parseStamp, STAMP_FORMATS, type IdentityStamp } from './stamp.js';

/** How to judge a batch of processes. */
export interface ProbeOptions {
  /** The operator's word that every launcher on this host shares the probe's pid namespace. */
  sharedPidNamespace: boolean;
  /** For a batch, what `prepare` returned; by default this platform's driver. */
  driver?: LivenessDriver;
}

const LONGEST_QUOTE = 120;

/**
 * Judges whether a stamped process is alive. Reads only: the one signal it sends is 0. Never throws: whatever
 * goes wrong is `unknown`, with the cause as evidence.
 */
export function probeProcess(stamp: ProcessStamp, options: ProbeOptions): Liveness {
  try {
    return judge(stamp, options.sharedPidNamespace, options.driver ?? defaultDriver);
  } catch (error) {
    return unknown(`the probe failed: ${messageOf(error)}`);
  }
}

function judge({ pid, processIdentity }: ProcessStamp, shared: boolean, driver: LivenessDriver): Liveness {
  if (!isPid(pid)) return unknown(`pid ${String(pid)} is not a positive integer`);
  if (processIdentity === null) return judgeUnstamped(pid, driver.look(pid), shared);
  const stamp = parseStamp(processIdentity);
  if (stamp === null) return unknown(`malformed stamp: ${expectedInstead(processIdentity)}`);
  return judgeStamped(pid, stamp, driver);
}

function judgeStamped(pid: number, stamp: IdentityStamp, driver: LivenessDriver): Liveness {
  const origin = driver.locate(stamp);
  if (origin.kind === 'elsewhere') return unknown(origin.evidence);
  if (origin.kind === 'ended') return { state: 'dead', proven: false, evidence: origin.evidence };
  const sighting = driver.look(pid);
  switch (sighting.kind) {
    case 'unclear':
      return unknown(sighting.why);
    case 'hidden':
      return unknown(`pid ${pid} exists, but its stamp cannot be compared (${sighting.why})`);
    case 'absent':
      return { state: 'dead', proven: false, evidence: `pid ${pid} absent ${origin.place}` };
    case 'present':
      return compareStart(pid, stamp, sighting, origin.place);
  }
}

function compareStart(
  pid: number,
  stamp: IdentityStamp,
  { start, defunct }: Extract<Sighting, { kind: 'present' }>,
  place: string,
): Liveness {
  const unit = stamp.scheme === 'linux' ? 'tick ' : '';
  if (start !== stamp.start) {
    return {
      state: 'dead',
      proven: false,
      evidence: `pid ${pid} reused ${place}: stamped start ${unit}${stamp.start}, found ${unit}${start}`,
    };
  }
  // Proven is about life: a process that has exited is not proven alive, whoever it was.
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
        : unknown(`pid ${pid} has exited here, but with ${unproven} it may be a stranger`);
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
  const quote = JSON.stringify(text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text);
  return `expected ${STAMP_FORMATS.linux} or ${STAMP_FORMATS.ps}, got ${quote}`;
}
