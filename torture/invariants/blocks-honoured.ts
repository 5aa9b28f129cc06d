import type { Block } from '../facts/block-facts.js';
import type { LedgerRow, QueueFacts } from '../facts/queue-facts.js';
import type { Invariant } from './invariant.js';

export const blocksHonoured: Invariant = {
  name: 'a block is a block',
  promise:
    'once the command for a pause, a hold or the dry run has returned, nothing that it covers is claimed until its end is requested',
  *check({ queue, blocks }) {
    const known = blocks.blocks.map((block) => ({ ...block, untilMs: endOf(block, queue) }));
    for (const row of queue.ledger) {
      const block = known.find(
        (each) => covers(each, row) && each.fromMs < row.atMs && row.atMs < each.untilMs,
      );
      if (block === undefined) continue;
      yield {
        what: `job ${row.jobId} was reaped (${row.reason}) ${Math.round(row.atMs - block.fromMs)} ms after it was blocked: ${block.kind} ${block.value}`,
        evidence: { row, block },
      };
    }
  },
};

/** Something else may end a block too, such as an earlier signal that arrived only now. That is on record. */
function endOf({ kind, fromMs, untilMs }: Block, queue: QueueFacts): number {
  const lifted = queue.controls.find(
    ({ atMs, paused, mode }) =>
      atMs > fromMs && ((kind === 'paused' && !paused) || (kind === 'dry run' && mode === 'active')),
  );
  return Math.min(untilMs, lifted?.atMs ?? Infinity);
}

function covers({ kind, value }: Block, row: LedgerRow): boolean {
  switch (kind) {
    case 'paused':
    case 'dry run':
      return true;
    case 'job':
      return row.jobId === value;
    case 'agent':
    case 'repo':
    case 'host':
      return row[kind] === value;
  }
}
