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
  /** When its kernel began, at the latest that is certain; null while nobody has told. */
  beganMs: number | null;
  firstSeenMs: number;
  lastSeenMs: number;
  /** When it was last noticed that two kernels have this boot id, or null. */
  twiceMs: number | null;
  /**
   * When the youngest of the running jobs with a stamp of this boot started, as their rows say; null without any, or where no other
   * line of the facts can have followed this one.
   */
  lastStartMs: number | null;
}

/** What is on record about some boots, as it was read at `nowMs`. */
export interface BootFacts {
  /** The database's clock in milliseconds. */
  nowMs: number;
  lines: readonly BootLine[];
}

/** What the facts say of the boot that a stamp names. */
export interface BootJudgement {
  isOver: boolean;
  evidence: string;
}

/** How far the moments of two machines, or of two readings, may be apart. */
const SKEW_MS = 60_000;
/** How long the boot before has to be silent after the new one's first sign of life: a reboot can take some of it. */
const SILENCE_MS = 60_000;
/** How long a boot counts as two machines' after it was last noticed. */
const TWICE_MS = 3_600_000;

/**
 * Whether the boot that a stamp names is over, so that nothing of it lives. Only where the facts show that its machine has booted
 * again since: one machine id and one host, both boots seen from the kernel's first pid namespace, and no sign of life of the
 * old one since the new kernel began. Machine ids alone prove nothing, since images and containers share them; nor does the silence
 * of a probe, where a run with a stamp of the old boot started later: then that boot went on, on another machine.
 *
 * @param stamped the boot id of the stamp
 * @param here the boot id of the probe
 */
export function judgeBoot(stamped: string, here: string, { nowMs, lines }: BootFacts): BootJudgement {
  const old = lines.filter(({ boot }) => boot === stamped);
  const lastSeenMs = Math.max(...old.map((line) => line.lastSeenMs));
  const lastStartMs = Math.max(...old.map((line) => line.lastStartMs ?? -Infinity));
  const doubt = (why: string): BootJudgement => ({
    isOver: false,
    evidence: `stamped in boot ${stamped}, this probe is in boot ${here}, and ${why}`,
  });
  if (old.length === 0) return doubt('no probe has ever reported from the first');
  const twice = [stamped, here].find((boot) => isTwice(boot, { nowMs, lines }));
  if (twice !== undefined) return doubt(`boot ${twice} is alive on two machines`);

  const pairs = lines
    .filter(({ boot }) => boot === here)
    .flatMap((next) => old.filter((line) => isSameMachine(line, next)).map((line) => ({ line, next })));
  if (pairs.length === 0) {
    return doubt(
      'no two probes in the first pid namespace with one machine id and one REAPER_HOST show them to be of one machine',
    );
  }
  for (const { next } of pairs) {
    if (next.beganMs === null) continue;
    if (lastSeenMs > Math.min(next.beganMs + SKEW_MS, next.firstSeenMs)) continue;
    if (nowMs < next.firstSeenMs + SILENCE_MS) continue;
    if (lastStartMs > next.beganMs + SKEW_MS) {
      return doubt(
        `a run of the first started ${at(lastStartMs)}, by its row, after the second had begun ${at(next.beganMs)}: two machines with one machine id and one REAPER_HOST`,
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
      ? 'whether the first is over shows only a minute after the second was first seen'
      : `a probe reported from the first ${at(lastSeenMs)}, after the second had begun`,
  );
}

/** Whether two kernels have this boot id, as after restoring a snapshot of a virtual machine: nothing of it can be told. */
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
