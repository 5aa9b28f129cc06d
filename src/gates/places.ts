import { untilAborted } from './aborted.js';
import { GateNotAsked } from './not-asked.js';

/** A limited number of places, given out in the order of the requests. */
export class Places {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /**
   * @param total places
   * @param what the places are, in the plural, for the error
   */
  constructor(
    private readonly total: number,
    private readonly what: string,
  ) {
    this.#free = total;
  }

  /**
   * Waits for a place.
   *
   * @returns a function that gives the place back
   * @throws GateNotAsked when none was free in time; or the signal's reason
   */
  async enter(withinMs: number, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return this.#leaveOnce();
    }
    const controller = new AbortController();
    const late = new GateNotAsked(
      `expected one of ${this.total} ${this.what} to be free within ${withinMs / 1000} s, got none: other gates use them`,
    );
    const timer = setTimeout(() => controller.abort(late), withinMs);
    let enter: () => void = () => undefined;
    const entered = new Promise<void>((resolve) => (enter = resolve));
    this.#waiting.push(enter);
    try {
      await untilAborted(entered, AbortSignal.any([signal, controller.signal]));
      return this.#leaveOnce();
    } catch (error) {
      const index = this.#waiting.indexOf(enter);
      // It got a place at the very moment the wait ended: pass it on.
      if (index === -1) this.#pass();
      else this.#waiting.splice(index, 1);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #leaveOnce(): () => void {
    let isHeld = true;
    return () => {
      if (isHeld) this.#pass();
      isHeld = false;
    };
  }

  #pass(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free += 1;
  }
}
