/** Why a run cannot be claimed. `failed`: its look, gate or claim ends in an error; `locked`: another session has locked its row. */
export type TroubleKind = 'failed' | 'locked';

/** A run that cannot be claimed although its verdict stands, and when that is retried. */
export interface ClaimTrouble {
  kind: TroubleKind;
  why: string;
  /** Consecutive failures of this kind. */
  failures: number;
  /** The first of them. */
  since: Date;
  /** Until then sweeps skip the run, unless its facts change. */
  retryAt: Date;
}
