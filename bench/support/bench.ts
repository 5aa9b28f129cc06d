import type { Cell } from '../../src/cli/table.js';
import type { Cleanup } from './cleanup.js';

/** What a bench gets. */
export interface BenchContext {
  /** Gets a step that undoes each thing that the bench starts or creates. */
  cleanup: Cleanup;
  /** Gets a line when something takes long. */
  log: (line: string) => void;
}

/** The result of a bench. */
export interface BenchResult {
  /** One row per case. Units are part of a column's name: `_s` for seconds, `_ms` for milliseconds. */
  rows: Record<string, Cell>[];
  /** Promises that did not hold; each fails the run. */
  failures: string[];
}

/** A benchmark: starts what it needs, measures, and reports promises that did not hold. */
export interface Bench {
  name: string;
  /** One sentence above its table. */
  about: string;
  run(context: BenchContext): Promise<BenchResult>;
}
