/** Why a run cannot be claimed. `failed`: its look, gate or claim ends in an error; `locked`: somebody holds its row. */
export type TroubleKind = 'failed' | 'locked';

/** A run that cannot be claimed although its verdict stands, and when it is tried again. */
export interface ClaimTrouble {
  kind: TroubleKind;
  why: string;
  /** How often in a row, of this kind. */
  failures: number;
  /** The first of them. */
  since: Date;
  /** Until then sweeps pass the run by, unless its facts change. */
  retryAt: Date;
}
