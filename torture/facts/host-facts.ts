import type { Change } from '../world/flight-recorder.js';
import type { LedgerRow, Run } from './queue-facts.js';

interface HostEvent {
  host: string;
  atMs: number;
}

/** For so many milliseconds a claim may not know about an answer that is being committed. */
const UNSEEN_MS = 1_000;

/** Which hosts were declared gone, and when their probes answered: as the database itself recorded it. */
export class HostFacts {
  readonly declarations: HostEvent[] = [];
  readonly answers: HostEvent[] = [];

  learn({ relation, atMs, old, new: now }: Change): void {
    if (now === null) return;
    const host = String(now['host']);
    if (relation === 'gone_host') this.declarations.push({ host, atMs });
    // A probe answers sweeps and looks, and reports by itself.
    const column =
      relation === 'host_probe' ? 'answered_at' : relation === 'host_boot' ? 'last_seen_at' : null;
    if (column !== null && now[column] !== null && old?.[column] !== now[column])
      this.answers.push({ host, atMs });
  }

  /**
   * Whether a claim rests on an operator's declaration that the host is gone: made after the run started, and with no answer of a
   * probe there since. Then nothing is promised about its agent.
   */
  wasDeclaredGone({ host, atMs, evidence }: LedgerRow, run: Run | undefined): boolean {
    if (run === undefined || !evidence.liveness.evidence.startsWith('host declared gone by')) return false;
    const declared = this.declarations.findLast((each) => each.host === host && each.atMs < atMs);
    if (declared === undefined || run.startedMs >= declared.atMs) return false;
    return !this.answers.some(
      (answer) => answer.host === host && declared.atMs < answer.atMs && answer.atMs < atMs - UNSEEN_MS,
    );
  }
}
