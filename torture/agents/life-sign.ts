/** One line of the file in which all agents record that they are alive, and what they do. */
export interface LifeSign {
  sign: 'born' | 'alive' | 'delivered' | 'exits with 0';
  jobId: string;
  runId: string;
  pid: number;
  processIdentity: string | null;
  /** Unix milliseconds, taken before the line is written. */
  atMs: number;
}
