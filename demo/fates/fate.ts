import type { Scene } from './scene.js';

/** The job that a fate befalls. */
export interface FateJob {
  /** Its name decides what it does; see agents.ts. No agent works on both hosts. */
  agent: string;
  /** @default 2 */
  maxAttempts?: number;
  /** Gives the job a task in this stage of the pipeline, with a branch of its own. */
  stage?: 'development' | 'review';
  /** @default 'demo' */
  repo?: string;
  /** @default the fate's id */
  workItem?: string;
  /** Where it is launched. @default 'near' */
  host?: 'near' | 'far';
}

/** Something that can become of a job. */
export interface Fate {
  /** Also the id of its job. */
  id: string;
  /** What happens, in a few words. */
  name: string;
  job: FateJob;
  /** Waits for the right moment and does it, for real. */
  happen(scene: Scene): Promise<void>;
  /** What must be true afterwards, and still at the end: {@link Scene.facts}, then those of `look`. */
  expected: readonly string[];
  /** Looks at what is special about this fate. */
  look?(scene: Scene): string[];
}
