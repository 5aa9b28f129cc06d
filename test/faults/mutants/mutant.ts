/** One text of the built package that is replaced. */
export interface Edit {
  /** Below the package's root. */
  file: string;
  /** Must be there exactly once. */
  from: string;
  to: string;
}

/** The code, broken on purpose in one way. */
export interface Mutant {
  name: string;
  edits: readonly Edit[];
  /** The name of the scenario that is played with it. */
  scenario: string;
  /** The name of the invariant that must be seen broken. */
  caughtBy: string;
}
