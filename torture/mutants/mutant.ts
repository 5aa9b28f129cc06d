/** One text of the built package that is replaced. */
export interface Edit {
  /** Below the package's root. */
  file: string;
  /** Must be there exactly once. */
  from: string;
  to: string;
}

/** One way to break the code on purpose. */
export interface Mutant {
  name: string;
  edits: readonly Edit[];
  /** The name of the scenario to play with it. */
  scenario: string;
  /** The name of the invariant that must be violated. */
  caughtBy: string;
}
