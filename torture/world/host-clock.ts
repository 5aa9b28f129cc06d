import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const STEP_DATE = new URL('./step-date.js', import.meta.url).href;

/** The wall clock of all processes of one host that are started with its environment. */
export class HostClock {
  readonly #file: string;

  /** @param folder where all processes of the host may read */
  constructor(folder: string, host: string) {
    this.#file = join(folder, `clock-of-${host}`);
    this.set(0);
  }

  /** To start processes with. What they start inherits it. */
  get env(): Record<string, string> {
    return { NODE_OPTIONS: `--import=${STEP_DATE}`, TORTURE_CLOCK: this.#file };
  }

  /** Sets it off by so many whole milliseconds, above 0 for ahead. */
  set(offMs: number): void {
    writeFileSync(`${this.#file}.new`, String(offMs));
    renameSync(`${this.#file}.new`, this.#file);
  }
}
