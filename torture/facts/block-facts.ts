import type { HoldKind } from '../../src/domain/operation.js';

/** A time in which nothing may be claimed, as an operator knows it. */
export interface Block {
  kind: 'paused' | 'dry run' | HoldKind;
  /** What is held; empty for the others. */
  value: string;
  /** The operation had returned by then. Unix milliseconds. */
  fromMs: number;
  /** Its end was not requested before then. */
  untilMs: number;
}

/** What operators may rely on. Only certainties: an operation whose answer was lost proves nothing. */
export class BlockFacts {
  readonly blocks: Block[] = [];

  /** The operation has returned. A hold ends by itself. */
  began(kind: Block['kind'], value = '', untilMs = Infinity): void {
    this.blocks.push({ kind, value, fromMs: Date.now(), untilMs });
  }

  /** Its end is about to be requested. */
  ends(kind: Block['kind'], value = ''): void {
    for (const block of this.blocks) {
      if (block.kind === kind && block.value === value) block.untilMs = Math.min(block.untilMs, Date.now());
    }
  }
}
