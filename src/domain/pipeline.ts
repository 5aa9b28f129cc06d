/** Names a gate and its parameters; the gates module knows the kinds. */
export interface GateSpec {
  kind: string;
  [parameter: string]: unknown;
}

/** One stage that tasks go through. */
export interface Stage {
  name: string;
  /** Who works on this stage; null for a stage that nobody works on, such as the last. */
  agent: string | null;
  /** The check that the stage's work is really there; without one, null, it is always green. */
  gate: GateSpec | null;
  /** The stage that follows, or null at the end. */
  next: string | null;
}

/** The stages of every task, by name. */
export class Pipeline {
  readonly #stages: ReadonlyMap<string, Stage>;

  constructor(stages: readonly Stage[]) {
    this.#stages = new Map(stages.map((stage) => [stage.name, stage]));
  }

  get(name: string): Stage | undefined {
    return this.#stages.get(name);
  }

  /** All stages that an agent may finish; for null, those without an agent. */
  finishedBy(agent: string | null): Stage[] {
    return [...this.#stages.values()].filter((stage) => stage.agent === agent);
  }
}
