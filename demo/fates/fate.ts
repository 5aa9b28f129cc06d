import type { Scene } from './scene.js';

/** The job of a fate. */
export interface FateJob {
  /** The agent's name decides what it does; see agents.ts. No agent works on both hosts. */
  agent: string;
  /** @default 2 */
  maxAttempts?: number;
  /** Gives the job a task in this stage of the pipeline, with its own branch. */
  stage?: 'development' | 'review';
  /** @default 'demo' */
  repo?: string;
  /** @default the fate's id */
  workItem?: string;
  /** The host that launches it. @default 'near' */
  host?: 'near' | 'far';
}

/** Something that can happen to a job. */
export interface Fate {
  /** Also the id of its job. */
  id: string;
  /** What happens, in a few words. The last table has room for 60 characters. */
  name: string;
  job: FateJob;
  /** Waits for the right moment, and really does it. */
  happen(scene: Scene): Promise<void>;
  /** What must be true afterwards, and still be true at the end: {@link Scene.facts}, then the facts of `look`. */
  expected: readonly string[];
  /** The facts that are specific to this fate. */
  look?(scene: Scene): string[];
}
