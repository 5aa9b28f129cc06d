/** Seconds that the wall clock has to be off by: less is jitter, and a slewed clock is no step. */
const STEP_S = 2;

/** Where {@link HostClock} reads, in milliseconds; the defaults are this process's own clocks. */
export interface HostClockOptions {
  wallMs?: () => number;
  monotonicMs?: () => number;
}

/**
 * This host's wall clock, for the age of a file whose writer went by a wall clock too. Put forward by minutes, it would end
 * the TTL of every lease at once: a step between two readings shows against the monotonic clock, which does not step.
 */
export class HostClock {
  readonly #wallMs: () => number;
  readonly #monotonicMs: () => number;
  readonly #stepsForward: { stepMs: number; noticedMs: number }[] = [];
  #last: { wallMs: number; monotonicMs: number };

  constructor({ wallMs = () => Date.now(), monotonicMs = () => performance.now() }: HostClockOptions = {}) {
    this.#wallMs = wallMs;
    this.#monotonicMs = monotonicMs;
    this.#last = { wallMs: wallMs(), monotonicMs: monotonicMs() };
  }

  /**
   * The time, without the steps forward of the last `withinS` seconds: whatever is older than that by this time, is so
   * truly. What was written since a step seems to be of the future until then. Steps back only make things younger.
   */
  now(withinS: number): Date {
    const reading = { wallMs: this.#wallMs(), monotonicMs: this.#monotonicMs() };
    const stepMs = reading.wallMs - this.#last.wallMs - (reading.monotonicMs - this.#last.monotonicMs);
    if (stepMs >= STEP_S * 1000) this.#stepsForward.push({ stepMs, noticedMs: reading.monotonicMs });
    this.#last = reading;
    let { wallMs } = reading;
    for (const step of this.#stepsForward) {
      if (reading.monotonicMs - step.noticedMs < withinS * 1000) wallMs -= step.stepMs;
    }
    return new Date(wallMs);
  }
}

/** Of this process, from its start. */
export const hostClock = new HostClock();
