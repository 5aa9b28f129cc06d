import type { Cell } from '../../src/cli/table.js';
import type { Cleanup } from './cleanup.js';

/** What a bench gets. */
export interface BenchContext {
  /** Takes what undoes each thing that the bench starts or creates. */
  cleanup: Cleanup;
  /** Gets a line when something takes long. */
  log: (line: string) => void;
}

/** What a bench found. */
export interface BenchResult {
  /** One row a case. Units are part of a column's name: `_s` seconds, `_ms` milliseconds. */
  rows: Record<string, Cell>[];
  /** Promises that did not hold; each fails the run. */
  failures: string[];
}

/** A benchmark: starts what it needs, measures, and says what did not hold. */
export interface Bench {
  name: string;
  /** One sentence for the head of its table. */
  about: string;
  run(context: BenchContext): Promise<BenchResult>;
}
