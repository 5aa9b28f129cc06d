/** What is on record about one boot, from one pid namespace of one host. Times are milliseconds by the database's clock. */
export interface BootLine {
  boot: string;
  pidNamespace: string;
  /** As REAPER_HOST says. */
  host: string;
  /** Empty where the machine has none. */
  machineId: string;
  /** Reported from the kernel's first pid namespace, with a boot id that is the kernel's own. */
  isInitial: boolean;
  /** The latest time at which its kernel can have started; null while that is unknown. */
  beganMs: number | null;
  firstSeenMs: number;
  lastSeenMs: number;
  /** When two kernels were last seen with this boot id, or null. */
  twiceMs: number | null;
  /**
   * When the youngest late job started, according to its row; null if there is none. A running job is late if it has a stamp of this
   * boot and started after another boot of the facts, which can have followed this one, began.
   */
  lastStartMs: number | null;
  /** When the youngest process in the stamp of a late job started, by its own kernel; null if there is none. */
  lastProcessMs: number | null;
  /** Those of the stamps to be judged that a late job has. */
  lateStamps: readonly string[];
}

/** What is on record about some boots, as it was read at `nowMs`. */
export interface BootFacts {
  /** The database's clock in milliseconds. */
  nowMs: number;
  lines: readonly BootLine[];
}

/** What the facts say about the boot that a stamp names. */
export interface BootJudgement {
  isOver: boolean;
  evidence: string;
}

/** How far the clocks of two machines, or two readings, may differ. */
const SKEW_MS = 60_000;
/** How long the old boot must have been silent after the new one's first sign of life. A reboot takes part of it. */
const SILENCE_MS = 60_000;
/** How long a boot counts as shared by two machines after that was last seen. */
const TWICE_MS = 3_600_000;
/** For how long a late job tells that its boot goes on elsewhere. */
const LATE_MS = 3_600_000;

/**
 * Whether the boot that a stamp names is over, so that none of its processes can live. It is over only if the facts show that its
 * machine has rebooted: one machine id and one host, both boots seen from the kernel's first pid namespace, and no sign of life of the
 * old boot since the new kernel started. Machine ids alone prove nothing, because images and containers share them.
 *
 * Nor does a silent probe if a process of the old boot started later: then that boot goes on, on another machine. A job that started later
 * shows the same of its own process. Of the boot's other processes it tells this only for an hour, because its row can have kept the stamp
 * of an earlier run, or have a wrong start.
 *
 * @param processIdentity the stamp
 * @param stamped its boot id
 * @param here the boot id of the probe
 */
export function judgeBoot(
  processIdentity: string,
  stamped: string,
  here: string,
  { nowMs, lines }: BootFacts,
): BootJudgement {
  const old = lines.filter(({ boot }) => boot === stamped);
  const lastSeenMs = Math.max(...old.map((line) => line.lastSeenMs));
  const lastStartMs = Math.max(...old.map((line) => line.lastStartMs ?? -Infinity));
  const lastProcessMs = Math.max(...old.map((line) => line.lastProcessMs ?? -Infinity));
  const isLate = old.some(({ lateStamps }) => lateStamps.includes(processIdentity));
  const doubt = (why: string): BootJudgement => ({
    isOver: false,
    evidence: `stamped in boot ${stamped}, this probe is in boot ${here}, and ${why}`,
  });
  if (old.length === 0) return doubt(`no probe has ever reported boot ${stamped}`);
  const twice = [stamped, here].find((boot) => isTwice(boot, { nowMs, lines }));
  if (twice !== undefined) return doubt(`boot ${twice} is alive on two machines`);

  const pairs = lines
    .filter(({ boot }) => boot === here)
    .flatMap((next) => old.filter((line) => isSameMachine(line, next)).map((line) => ({ line, next })));
  if (pairs.length === 0) {
    return doubt(
      'nothing shows that both belong to one machine: that takes a probe in the first pid namespace of each, with the same machine id and REAPER_HOST',
    );
  }
  for (const { next } of pairs) {
    if (next.beganMs === null) continue;
    if (lastSeenMs > Math.min(next.beganMs + SKEW_MS, next.firstSeenMs)) continue;
    if (nowMs < next.firstSeenMs + SILENCE_MS) continue;
    const lateMs = next.beganMs + SKEW_MS;
    const sharing = 'either that is wrong, or two machines share a machine id and REAPER_HOST';
    if (lastProcessMs > lateMs) {
      return doubt(
        `by its ticks a stamped process of the first started ${at(lastProcessMs)}, after the second began ${at(next.beganMs)}: ${sharing}`,
      );
    }
    if (isLate) {
      return doubt(
        `according to its row a run with this stamp started after the second began ${at(next.beganMs)}: ${sharing}`,
      );
    }
    if (lastStartMs > lateMs && nowMs < lastStartMs + LATE_MS) {
      return doubt(
        `according to its row a run of the first started ${at(lastStartMs)}, within the last hour and after the second began ${at(next.beganMs)}: ${sharing}`,
      );
    }
    return {
      isOver: true,
      evidence: `stamped in boot ${stamped}, last seen ${at(lastSeenMs)}; this machine has rebooted since (boot ${here}, its kernel began ${at(next.beganMs)})`,
    };
  }
  const isEarly = pairs.some(({ next }) => nowMs < next.firstSeenMs + SILENCE_MS);
  return doubt(
    isEarly
      ? 'the second was first seen less than a minute ago: too early to say whether the first is over'
      : `a probe reported the first ${at(lastSeenMs)}, after the second began`,
  );
}

/** Whether two kernels have this boot id, as after a virtual machine's snapshot was restored: nothing can be said about its processes. */
export function isTwice(boot: string, { nowMs, lines }: BootFacts): boolean {
  return lines.some((line) => line.boot === boot && line.twiceMs !== null && line.twiceMs > nowMs - TWICE_MS);
}

function isSameMachine(old: BootLine, next: BootLine): boolean {
  return (
    old.isInitial &&
    next.isInitial &&
    old.machineId !== '' &&
    old.machineId === next.machineId &&
    old.host === next.host
  );
}

function at(ms: number): string {
  return new Date(ms).toISOString();
}
