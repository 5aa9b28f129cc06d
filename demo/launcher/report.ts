/** What a launcher and its monitors report, one JSON object per line: enough to find every process they started. */
export type LauncherEvent =
  | (RunEvent & { event: 'took'; attempt: number; monitorPid: number; monitorIdentity: string | null })
  | (RunEvent & { event: 'agent started'; pid: number; processIdentity: string | null })
  | (RunEvent & { event: 'exit recorded'; exitCode: number })
  | (RunEvent & { event: 'lease acquired'; repo: string })
  | (RunEvent & { event: 'finalized'; status: string })
  | (RunEvent & { event: 'no longer ours' })
  | { event: 'trouble'; what: string; error: string };

interface RunEvent {
  jobId: string;
  runId: string;
}

// A monitor outlives the launcher and the reader of the launcher's output: the closed pipe must not end it.
process.stdout.on('error', () => undefined);

/** Writes one line to standard output. */
export function report(event: LauncherEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}
