/** What became of a page's runs. */
export interface Settled {
  /** The policy's verdict was to reap them. */
  proven: number;
  won: number;
  lost: number;
  /** In the dry run: recorded, and not claimed. */
  recorded: number;
  alerted: number;
  held: number;
  /** Left to the sweep and to single watches. */
  left: number;
  /**
   * Positions of the runs whose look got too old to claim by, so that another one is needed: they are counted nowhere else. Empty if the
   * caller takes no further look; missing from workers of older versions.
   */
  aged?: number[];
  /** Why nothing more may be claimed, in words, or null. */
  stop: string | null;
  /** Some that were won. */
  sample: string[];
  /** Some reasons why runs were left. */
  why: string[];
}
