/** The minimum jump of the wall clock that counts as a step, in seconds: less is jitter, and a slewed clock makes no steps. */
const STEP_S = 2;

/** What {@link HostClock} reads, in milliseconds; the defaults are this process's clocks. */
export interface HostClockOptions {
  wallMs?: () => number;
  monotonicMs?: () => number;
}

/**
 * This host's wall clock, for the age of a file whose writer used a wall clock too. If the clock is set forward by minutes,
 * every lease's TTL would end at once. So this compares it with the monotonic clock, which makes no steps, at each reading.
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
   * The time, without any forward steps in the last `withinS` seconds: a file that is older than that by this time really
   * is. A file written since such a step seems to be from the future until then. Steps back only make files seem younger.
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

/** This process's clock, from its start. */
export const hostClock = new HostClock();
