import type { Change, Row } from '../world/flight-recorder.js';
import type { Run } from './queue-facts.js';
import type { Span } from './spans.js';

type HoldKind = 'job' | 'agent' | 'repo' | 'host';

interface Hold extends Span {
  kind: HoldKind;
  value: string;
}

/** When nothing, or nothing that a hold covers, could be claimed: as the database itself recorded it. */
export class StopFacts {
  readonly #all: Span[] = [];
  readonly #holds: Hold[] = [];

  learn({ relation, atMs, old, new: now }: Change): void {
    if (relation === 'control') this.#learnControl(atMs, now);
    if (relation === 'hold') this.#learnHold(atMs, old, now);
  }

  /** The times in which operators kept this run from being claimed. */
  of(run: Pick<Run, 'jobId' | 'agent' | 'repo' | 'host'>): Span[] {
    const valueOf = { job: run.jobId, agent: run.agent, repo: run.repo, host: run.host };
    return [...this.#all, ...this.#holds.filter(({ kind, value }) => valueOf[kind] === value)];
  }

  #learnControl(atMs: number, now: Row | null): void {
    const isStopped = now?.['paused'] === true || now?.['mode'] !== 'active';
    const last = this.#all.at(-1);
    if (isStopped && last?.untilMs !== Infinity) this.#all.push({ fromMs: atMs, untilMs: Infinity });
    if (!isStopped && last?.untilMs === Infinity) last.untilMs = atMs;
  }

  #learnHold(atMs: number, old: Row | null, now: Row | null): void {
    const { kind, value } = (now ?? old) as unknown as Pick<Hold, 'kind' | 'value'>;
    for (const hold of this.#holds) {
      if (hold.kind === kind && hold.value === value) hold.untilMs = Math.min(hold.untilMs, atMs);
    }
    if (now !== null)
      this.#holds.push({ kind, value, fromMs: atMs, untilMs: Date.parse(String(now['until'])) });
  }
}
