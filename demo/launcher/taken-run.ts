/** One run that a launcher has taken, with what its agent needs to know. */
export interface TakenRun {
  jobId: string;
  /** Unique to this run: together with the job and `running`, it guards every later write. */
  runId: string;
  agent: string;
  repo: string | null;
  /** 1 for the first attempt. */
  attempt: number;
  maxAttempts: number;
  taskId: string | null;
  branch: string | null;
  stage: string | null;
  workItem: string | null;
}
