import type { Change } from '../world/flight-recorder.js';
import type { Span } from './spans.js';

/** A run that the reaper itself found alive after it had reaped it. */
export interface Survivor {
  ledgerId: number;
  atMs: number;
  xid: string;
}

/** When the reaper found that it was wrong, and when it had stopped itself: as the database itself recorded it. */
export class BrakeFacts {
  readonly survivors: Survivor[] = [];
  /** Times from a pull of the brake until an operator activated the reaper again. */
  readonly pulls: (Span & { ledgerId: number })[] = [];
  /** Times in which nothing was claimed anyway. */
  readonly dryRuns: Span[] = [];

  learn({ relation, atMs, xid, new: now }: Change): void {
    if (relation === 'survivor' && now !== null) {
      this.survivors.push({ ledgerId: Number(now['ledger_id']), atMs, xid });
    }
    if (relation !== 'control' || now === null) return;
    const brakedBy = now['braked_by'] ?? null;
    toggle(this.dryRuns, now['mode'] !== 'active', { fromMs: atMs, untilMs: Infinity });
    toggle(this.pulls, brakedBy !== null, { fromMs: atMs, untilMs: Infinity, ledgerId: Number(brakedBy) });
  }
}

/** Begins a span, or ends the one that is open. */
function toggle<T extends Span>(spans: T[], isOn: boolean, span: T): void {
  const last = spans.at(-1);
  const isOpen = last?.untilMs === Infinity;
  if (isOn && !isOpen) spans.push(span);
  if (!isOn && isOpen) last.untilMs = span.fromMs;
}
