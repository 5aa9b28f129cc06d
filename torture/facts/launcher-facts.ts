import type { LauncherEvent } from '../../demo/launcher/report.js';

/** A process that a launcher or a monitor started. */
export interface StartedProcess {
  jobId: string;
  runId: string;
  pid: number;
  processIdentity: string | null;
}

/** What launchers and monitors reported. */
export class LauncherFacts {
  /** By run. */
  readonly monitors = new Map<string, StartedProcess>();
  readonly agents = new Map<string, StartedProcess>();
  /** Runs whose exit code their monitor says it has recorded. */
  readonly exited = new Set<string>();
  /** Runs that their monitor says it has finalized, and as what. */
  readonly finalized = new Map<string, string>();
  /** Runs that their monitor found already ended. */
  readonly noLongerOurs = new Set<string>();

  learn(event: LauncherEvent): void {
    switch (event.event) {
      case 'took': {
        const { jobId, runId, monitorPid: pid, monitorIdentity: processIdentity } = event;
        this.monitors.set(runId, { jobId, runId, pid, processIdentity });
        break;
      }
      case 'agent started': {
        const { jobId, runId, pid, processIdentity } = event;
        this.agents.set(runId, { jobId, runId, pid, processIdentity });
        break;
      }
      case 'finalized':
        this.finalized.set(event.runId, event.status);
        break;
      case 'no longer ours':
        this.noLongerOurs.add(event.runId);
        break;
      case 'exit recorded':
        this.exited.add(event.runId);
        break;
      case 'lease acquired':
      case 'trouble':
    }
  }
}
